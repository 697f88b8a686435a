import { dataFolder, measure, nodeSide, pythonSide, readOptions, requireCompiled } from './harness.js';
import { print } from './report.js';
import { writeWorkload } from './workload.js';

// A run as people run it, on the small MLP: epochs of 500 batches with 50 of validation, the best checkpoint, a CSV logger; then
// the same with the loss and an accuracy logged at every step. Ready-made batches on every side. Aims: at most 0.2 and 0.15 of
// Python Lightning's time a step.
requireCompiled();
const options = readOptions({ rounds: 5, steps: 2000 });
const manifest = writeWorkload(dataFolder, { kind: 'mlp', batchSize: 32, batches: 500 });
const lightning = pythonSide('python-lightning', 'side.py', ['fit'], ['lightning', 'pytorch_lightning']);
if (lightning === undefined)
  process.stderr.write(
    '[bench] fit: python-lightning is skipped: no Python here can import lightning (set BENCH_PYTHON)\n',
  );
for (const logs of ['0', '1']) {
  const measurement = measure(logs === '1' ? 'fit-logged' : 'fit', [nodeSide('ours', 'fit'), lightning], options, {
    env: { BENCH_MANIFEST: manifest, BENCH_WARM_UP: '1000', BENCH_STEPS: String(options.steps), BENCH_LOGS: logs },
  });
  print(measurement, { unit: 'µs/step', perBase: 1e6 });
}
