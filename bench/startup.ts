import { measure, nodeSide, pythonSide, readOptions, requireCompiled, runSide } from './harness.js';
import { print } from './report.js';

// The whole life of a process that imports what a training program needs and makes a Trainer. 'raw-ts' makes its first
// tensor instead, and so pays for loading libtorch; 'python-torch' imports torch, its data loaders and schedulers.
requireCompiled();
const options = readOptions({ rounds: 9 });
const sides = [
  nodeSide('ours', 'startTrainer'),
  nodeSide('raw-ts', 'startTensor'),
  pythonSide('python-torch', 'startup.py', ['torch'], ['torch']),
  pythonSide('python-lightning', 'startup.py', ['lightning'], ['lightning', 'pytorch_lightning']),
];
// Once unmeasured, so that every side finds its files in the disk cache.
for (const side of sides) if (side !== undefined) runSide(side, {});
print(measure('startup', sides, options, { seconds: (result) => result.wallSeconds }), { unit: 'ms', perBase: 1e3 });
