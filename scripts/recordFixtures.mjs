/**
 * `node scripts/recordFixtures.mjs packages/torch/test/fixtures/nn [more folders]`: runs the make.py of each folder in it,
 * with /usr/bin/python3 (or PYTHON) and the kernels that the tests use.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { portableKernels } from './portableKernels.mjs';

for (const folder of process.argv.slice(2)) {
  const { status } = spawnSync(process.env.PYTHON ?? '/usr/bin/python3', ['make.py'], {
    cwd: path.resolve(folder),
    env: { ...process.env, ...portableKernels },
    stdio: 'inherit',
  });
  if (status !== 0) {
    process.stderr.write(`${folder}: make.py ended with status ${status}\n`);
    process.exitCode = 1;
  }
}
