/**
 * `npm run bench -- [name ...] [--json] [--threads 1] [--rounds 5] [--steps 1000]`: sets up what is missing, compiles
 * the benches, then runs the named ones, or all. `npm run --silent bench -- --json` prints one JSON line for each.
 */
import path from 'node:path';
import { runScript } from './runScript.mjs';
import { repositoryRoot } from './setup/paths.mjs';
import { runCommand, SetupError } from './setup/step.mjs';
import { orExplain, setup } from './setup.mjs';

const benches = [
  'mlp',
  'fit',
  'cnn',
  'ddp',
  'resnet18',
  'lm',
  'optim',
  'serialize',
  'metrics',
  'dataloader',
  'startup',
  'memory',
  'overhead',
];
const valueOptions = ['--threads', '--rounds', '--steps'];
const names = [];
const options = [];
let valueExpected = false;
for (const arg of process.argv.slice(2)) {
  if (valueExpected || arg.startsWith('--')) options.push(arg);
  else names.push(arg);
  valueExpected = !valueExpected && valueOptions.includes(arg);
}
const unknown = names.filter((name) => !benches.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`There is no bench named ${unknown.join(', ')}. There are: ${benches.join(', ')}\n`);
  process.exit(2);
}

await orExplain(async () => {
  await setup();
  // Compiled, so that no loader's time or memory is measured along.
  const tsc = path.join(repositoryRoot, 'node_modules', '.bin', 'tsc');
  const result = await runCommand(tsc, ['-p', 'bench/tsconfig.json'], { cwd: repositoryRoot });
  if (!result.ok) throw new SetupError('bench', 'the benches do not compile', 'Mend the type errors above.');
});
for (const name of names.length > 0 ? names : benches) {
  const status = await runScript(`.cache/bench/${name}.js`, options);
  if (status !== 0) {
    process.stderr.write(`bench ${name} ended with status ${status}\n`);
    process.exitCode = status;
  }
}
