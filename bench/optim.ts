import { measure, nodeSide, pythonSide, readOptions, requireCompiled } from './harness.js';
import { print } from './report.js';

// Adam's step alone: over 10 million parameters in 60 tensors, where memory decides, and over 600 tensors of 64 numbers,
// where what surrounds the arithmetic does. The sums of the first and last tensor are compared as losses are.
requireCompiled();
const options = readOptions({ rounds: 7, steps: 20 });
const sizes = [
  { name: 'optim', tensors: 60, numbers: 10_000_000, warmUp: 3, steps: options.steps },
  { name: 'optim, many small tensors', tensors: 600, numbers: 38_400, warmUp: 200, steps: 25 * options.steps },
];
for (const { name, tensors, numbers, warmUp, steps } of sizes) {
  const env = {
    BENCH_TENSORS: String(tensors),
    BENCH_NUMBERS: String(numbers),
    BENCH_WARM_UP: String(warmUp),
    BENCH_STEPS: String(steps),
  };
  const sides = [nodeSide('ours', 'optim'), pythonSide('python-torch', 'side.py', ['optim'], ['torch'])];
  print(measure(name, sides, options, { env }), { unit: 'ms/step', perBase: 1e3 });
}
