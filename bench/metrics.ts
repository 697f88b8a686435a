import { measure, nodeSide, pythonSide, readOptions, requireCompiled } from './harness.js';
import { print } from './report.js';

// Accuracy, F1 and AUROC (exact, of all scores) of 10 classes, over batches of 64, with their values at the end.
requireCompiled();
const options = readOptions({ rounds: 7, steps: 1000 });
const sides = [nodeSide('ours', 'metrics'), pythonSide('python-torch', 'side.py', ['metrics'], ['torchmetrics'])];
const env = { BENCH_STEPS: String(options.steps), BENCH_WARM_UP: '0' };
print(measure('metrics', sides, options, { env }), { unit: 'µs/update', perBase: 1e6 });
