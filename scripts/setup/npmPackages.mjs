/** npm packages: `npm ci`, when what is installed differs from the lock file. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from './paths.mjs';
import { diagnose, requireSpace, runCommand, SetupError, say } from './step.mjs';

const step = 'npm packages';

/**
 * Why `npm ci` is needed in `root`, in words; undefined when everything the lock file asks for is installed.
 * npm writes what it installed to node_modules/.package-lock.json, so no stamp of ours can go stale.
 */
export function whyInstall(root = repositoryRoot) {
  const record = path.join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return 'nothing is installed yet';
  const wanted = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages;
  const present = JSON.parse(readFileSync(record, 'utf8')).packages;
  for (const [place, entry] of Object.entries(wanted)) {
    if (!place.includes('node_modules/')) continue; // the root and the workspaces themselves
    const installed = present[place];
    if (installed === undefined) {
      if (entry.optional || entry.peer) continue; // meant for other platforms, or provided by whoever needs it
      return `${place.replace(/^.*node_modules\//, '')} is not installed`;
    }
    if (installed.version !== entry.version || installed.integrity !== entry.integrity) {
      return `${place.replace(/^.*node_modules\//, '')} is ${installed.version ?? 'unknown'}, the lock file says ${entry.version ?? 'otherwise'}`;
    }
    if (!existsSync(path.join(root, place))) return `${place} was deleted`;
  }
  return undefined;
}

/** @returns {Promise<boolean>} whether anything was installed */
export async function provideNpmPackages({ root = repositoryRoot, run = runCommand, npm = 'npm' } = {}) {
  const reason = whyInstall(root);
  if (reason === undefined) return false;
  say(step, `running npm ci (${reason})`);
  requireSpace(step, root, 5e8);
  const result = await run(npm, ['ci', '--no-audit', '--no-fund'], { cwd: root });
  if (result.ok) return true;
  if (result.missing) {
    throw new SetupError(
      step,
      'expected npm beside Node, found none',
      'Install npm (it comes with Node from nodejs.org; on Debian: apt-get install npm).',
    );
  }
  if (/can only install packages when your package.json and package-lock.json|EUSAGE/.test(result.output)) {
    throw new SetupError(
      step,
      'package.json and package-lock.json do not agree',
      'Run npm install once, look at the change of package-lock.json, and commit it.',
    );
  }
  const known = diagnose(result.output, root);
  throw new SetupError(
    step,
    `npm ci failed${known ? `: ${known.problem}` : ` with status ${result.status}`}`,
    known ? known.cure : 'Read the lines of npm above, mend what they name, and run the same command again.',
  );
}
