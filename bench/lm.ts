import { dataFolder, measure, nodeSide, pythonSide, readOptions, requireCompiled } from './harness.js';
import { print } from './report.js';
import { writeWorkload } from './workload.js';

// A language model of 4 transformer layers of width 128, 16 rows of 128 tokens, AdamW.
requireCompiled();
const options = readOptions({ rounds: 7, steps: 10 });
const manifest = writeWorkload(dataFolder, { kind: 'lm', batchSize: 16, batches: 8 });
const measurement = measure(
  'lm',
  [
    nodeSide('ours', 'trainer'),
    nodeSide('raw-ts', 'rawLoop'),
    pythonSide('python-torch', 'side.py', ['raw'], ['torch']),
    pythonSide('python-lightning', 'side.py', ['lightning'], ['lightning', 'pytorch_lightning']),
  ],
  options,
  { env: { BENCH_MANIFEST: manifest, BENCH_WARM_UP: '3', BENCH_STEPS: String(options.steps) } },
);
print(measurement, { unit: 'ms/step', perBase: 1e3 });
