import { MetricCollection, MulticlassAccuracy, MulticlassAUROC, MulticlassF1Score } from '@lightning-ts/metrics';
import { setNumThreads, type Tensor, tensor } from '@lightning-ts/torch';
import { report, residentMb } from '../measure.js';
import { uniform } from '../workload.js';

// Accuracy, F1 and AUROC of 10 classes over BENCH_STEPS batches of 64: all updates, then one compute. Four rounds
// before are not counted.
const steps = Number(process.env.BENCH_STEPS);
setNumThreads(Number(process.env.BENCH_THREADS));
const random = uniform(1);
const batches = Array.from({ length: 50 }, (): [Tensor, Tensor] => {
  const scores = Float32Array.from({ length: 640 }, random);
  const labels = BigInt64Array.from({ length: 64 }, () => BigInt(Math.floor(random() * 10)));
  return [tensor(scores).view([64, 10]), tensor(labels)];
});
const metrics = new MetricCollection([
  new MulticlassAccuracy({ numClasses: 10 }),
  new MulticlassF1Score({ numClasses: 10 }),
  new MulticlassAUROC({ numClasses: 10 }),
]);

function run(): { seconds: number; updateSeconds: number; values: number[] } {
  metrics.reset();
  const started = performance.now();
  for (let step = 0; step < steps; step += 1) {
    const [preds, target] = batches[step % batches.length]!;
    metrics.update(preds, target);
  }
  const updated = performance.now();
  const values = Object.values(metrics.compute()).map((value) => (value as Tensor).item());
  const ended = performance.now();
  return { seconds: (ended - started) / 1000, updateSeconds: (updated - started) / 1000, values };
}

for (let round = 0; round < 4; round += 1) run();
const { seconds, updateSeconds, values } = run();
report({
  seconds: seconds / steps,
  losses: values,
  peakRssMb: residentMb().peak,
  extra: { updateUs: (updateSeconds / steps) * 1e6, computeMs: (seconds - updateSeconds) * 1000 },
});
