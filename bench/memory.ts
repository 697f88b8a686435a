import { dataFolder, measure, nodeSide, pythonSide, readOptions, requireCompiled } from './harness.js';
import { print } from './report.js';
import { writeWorkload } from './workload.js';

// Peak resident memory of a long convnet run, and what is held after step 200 and after the last one. Our peak is
// measured in a run of its own ('raw-ts' is the hand-written loop), without the forced collections of the count.
requireCompiled();
const options = readOptions({ rounds: 1, steps: 2000 });
const manifest = writeWorkload(dataFolder, { kind: 'cnn', batchSize: 128, batches: 32 });
const env = { BENCH_MANIFEST: manifest, BENCH_WARM_UP: '0', BENCH_STEPS: String(options.steps) };
const measurement = measure(
  'memory',
  [
    nodeSide('ours', 'trainer'),
    nodeSide('raw-ts', 'rawLoop'),
    pythonSide('python-torch', 'side.py', ['raw'], ['torch']),
    pythonSide('python-lightning', 'side.py', ['lightning'], ['lightning', 'pytorch_lightning']),
  ],
  options,
  { env },
);
const mark = String(Math.min(200, Math.ceil(options.steps / 10)));
const counted = measure(
  'memory growth',
  [nodeSide('ours', 'trainer', ['--expose-gc'])],
  { ...options, rounds: 1 },
  { env: { ...env, BENCH_MARK: mark } },
);
if (measurement.sides.ours !== undefined) measurement.sides.ours.extra = counted.sides.ours?.extra ?? {};
print(measurement, { unit: 'MB', perBase: 1 }, 'peakRssMb');
