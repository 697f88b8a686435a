import { measure, nodeSide, readOptions, requireCompiled } from './harness.js';
import { print } from './report.js';

// What the Trainer adds to a step of a hand-written loop of ours: bare, and with two log calls, one metric object, progress
// bar and CSV logger ('fullMicros'). Aims: under 10 µs and under 25 µs on an idle machine.
requireCompiled();
const options = readOptions({ rounds: 3, steps: 3000 });
const measurement = measure('overhead', [nodeSide('ours', 'overhead')], options, {
  env: { BENCH_STEPS: String(options.steps) },
});
print(measurement, { unit: 'µs/step', perBase: 1e6 });
