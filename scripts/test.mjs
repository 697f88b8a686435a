/** `npm test`: sets up what is missing, then every check; all of them run, and a summary ends it. Arguments go to vitest. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { repositoryRoot } from './setup/paths.mjs';
import { orExplain, setup } from './setup.mjs';

const bin = (name) => path.join(repositoryRoot, 'node_modules', '.bin', name);
/** Each check: its name, the command, and what to do when it fails. */
const checks = [
  {
    name: 'lint and format',
    command: bin('biome'),
    args: ['check', '.'],
    cure: 'npm run format mends what can be mended by itself',
  },
  {
    name: 'types of tests, examples and benches',
    command: bin('tsc'),
    args: ['-p', 'tsconfig.check.json'],
    cure: 'see the errors above',
  },
  {
    name: 'generated code is fresh',
    command: process.execPath,
    args: ['scripts/generateOps.mjs', '--check'],
    cure: 'npm run generate, and commit the change',
  },
  { name: 'tests', command: bin('vitest'), args: ['run', ...process.argv.slice(2)], cure: 'see the failures above' },
];

await orExplain(() => setup());

const results = checks.map((check) => {
  process.stderr.write(`\n[test] ${check.name}\n`);
  const started = Date.now();
  const { status } = spawnSync(check.command, check.args, {
    cwd: repositoryRoot,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return { ...check, passed: status === 0, seconds: (Date.now() - started) / 1000 };
});

process.stderr.write('\n');
for (const { name, passed, seconds, cure } of results) {
  process.stderr.write(
    `[test] ${passed ? 'ok    ' : 'FAILED'} ${name} (${seconds.toFixed(1)} s)${passed ? '' : `: ${cure}`}\n`,
  );
}
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1;
