/** The TypeScript build of the packages: `tsc -b`, which itself skips what has not changed. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from './paths.mjs';
import { diagnose, runCommand, SetupError } from './step.mjs';

const step = 'TypeScript build';

export async function provideTypeScriptBuild({ root = repositoryRoot } = {}) {
  const compiler = path.join(root, 'node_modules', '.bin', 'tsc');
  if (!existsSync(compiler))
    throw new SetupError(step, `expected ${compiler}, found none`, 'Run npm ci, then the same command again.');
  const result = await runCommand(compiler, ['-b'], { cwd: root });
  if (result.ok) return;
  const known = diagnose(result.output, root);
  throw new SetupError(
    step,
    known ? known.problem : 'the packages do not compile',
    known ? known.cure : 'Mend the type errors above; if you changed nothing, delete packages/*/dist and try again.',
  );
}
