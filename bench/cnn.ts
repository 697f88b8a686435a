import { dataFolder, measure, nodeSide, pythonSide, readOptions, requireCompiled } from './harness.js';
import { print } from './report.js';
import { writeWorkload } from './workload.js';

// The demo's convnet (28 x 28 images) at batch 128, Adam: here the kernels take nearly all of the time.
requireCompiled();
const options = readOptions({ rounds: 7, steps: 40 });
const manifest = writeWorkload(dataFolder, { kind: 'cnn', batchSize: 128, batches: 32 });
const measurement = measure(
  'cnn',
  [
    nodeSide('ours', 'trainer'),
    nodeSide('raw-ts', 'rawLoop'),
    pythonSide('python-torch', 'side.py', ['raw'], ['torch']),
    pythonSide('python-lightning', 'side.py', ['lightning'], ['lightning', 'pytorch_lightning']),
  ],
  options,
  { env: { BENCH_MANIFEST: manifest, BENCH_WARM_UP: '5', BENCH_STEPS: String(options.steps) } },
);
print(measurement, { unit: 'ms/step', perBase: 1e3 });
