import { dataFolder, measure, nodeSide, pythonSide, readOptions, requireCompiled } from './harness.js';
import { print } from './report.js';
import { writeWorkload } from './workload.js';

// 32-64-10, batch 32, Adam: the kernels take almost no time, so this shows what a step costs around them.
requireCompiled();
const options = readOptions({ rounds: 11, steps: 2000 });
const manifest = writeWorkload(dataFolder, { kind: 'mlp', batchSize: 32, batches: 1000 });
const measurement = measure(
  'mlp',
  [
    nodeSide('ours', 'trainer'),
    nodeSide('raw-ts', 'rawLoop'),
    pythonSide('python-torch', 'side.py', ['raw'], ['torch']),
    pythonSide('python-lightning', 'side.py', ['lightning'], ['lightning', 'pytorch_lightning']),
  ],
  options,
  { env: { BENCH_MANIFEST: manifest, BENCH_WARM_UP: '3000', BENCH_STEPS: String(options.steps) } },
);
print(measurement, { unit: 'µs/step', perBase: 1e6 });
