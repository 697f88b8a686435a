import { linspace, Parameter, setNumThreads } from '@lightning-ts/torch';
import { Adam } from '@lightning-ts/torch/optim';
import { report, residentMb, StepClock } from '../measure.js';

// Adam over BENCH_TENSORS tensors of BENCH_NUMBERS numbers in all, whose gradients stay as they are.
const { BENCH_TENSORS, BENCH_NUMBERS, BENCH_WARM_UP, BENCH_STEPS, BENCH_THREADS } = process.env;
setNumThreads(Number(BENCH_THREADS));
const size = Math.floor(Number(BENCH_NUMBERS) / Number(BENCH_TENSORS));
const parameters = Array.from({ length: Number(BENCH_TENSORS) }, (_, index) => {
  const parameter = new Parameter(linspace(-1, 1, size));
  parameter.grad = linspace(0.001, 0.002, size).mul(index + 1);
  return parameter;
});
const optimizer = new Adam(parameters, { lr: 1e-3 });
const clock = new StepClock(Number(BENCH_WARM_UP), Number(BENCH_STEPS));
for (let step = 0; step < clock.total; step += 1) {
  clock.begin();
  optimizer.step();
}
report({
  seconds: clock.secondsPerStep,
  losses: [parameters[0]!, parameters.at(-1)!].map((parameter) => parameter.detach().double().sum().item()),
  peakRssMb: residentMb().peak,
});
