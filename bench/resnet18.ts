import { dataFolder, measure, nodeSide, pythonSide, readOptions, requireCompiled } from './harness.js';
import { print } from './report.js';
import { writeWorkload } from './workload.js';

// A residual network of 18 layers on 8 x 3 x 64 x 64, Adam; on Python's side torchvision's own, with the same weights.
requireCompiled();
const options = readOptions({ rounds: 7, steps: 10 });
const manifest = writeWorkload(dataFolder, { kind: 'resnet18', batchSize: 8, batches: 4 });
const measurement = measure(
  'resnet18',
  [
    nodeSide('ours', 'trainer'),
    nodeSide('raw-ts', 'rawLoop'),
    pythonSide('python-torch', 'side.py', ['raw'], ['torchvision']),
    pythonSide('python-lightning', 'side.py', ['lightning'], ['lightning', 'pytorch_lightning']),
  ],
  options,
  { env: { BENCH_MANIFEST: manifest, BENCH_WARM_UP: '3', BENCH_STEPS: String(options.steps) } },
);
print(measurement, { unit: 'ms/step', perBase: 1e3 });
