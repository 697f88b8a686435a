import { DDPStrategy, LightningModule, type StepOutput, Trainer } from '@lightning-ts/lightning';
import { setNumThreads, type Tensor } from '@lightning-ts/torch';
import { Profile } from '@lightning-ts/torch/profiler';
import { readTask, report, residentMb, StepClock } from '../measure.js';
import { buildJob } from '../models.js';
import { readWorkload } from '../workload.js';

// The convnet under the Trainer, in as many processes as BENCH_PROCESSES says, of which each has every n-th batch. With
// BENCH_TRACE the last step is recorded into that file, with buckets small enough to be several.
const task = readTask();
setNumThreads(task.threads);
const job = buildJob(readWorkload(task.manifest));
const clock = new StepClock(task.warmUp, task.steps);
const devices = Number(process.env.BENCH_PROCESSES ?? 1);
const tracePath = process.env.BENCH_TRACE;
const profiler = tracePath === undefined ? null : new Profile();
const losses: Tensor[] = [];
let step = 0;

class Timed extends LightningModule<[Tensor, Tensor]> {
  model = job.model;
  override trainingStep([x, y]: [Tensor, Tensor]): StepOutput {
    clock.begin();
    step += 1;
    if (step === clock.total) profiler?.start();
    const loss = job.loss(this.model.forward(x), y);
    if (losses.length < 10 || step === clock.total) losses.push(loss.detach());
    return loss;
  }
  override onTrainBatchEnd(): void {
    if (step === clock.total) profiler?.stop();
  }
  override configureOptimizers() {
    return job.optimizer(this.model.parameters());
  }
}

const trainer = new Trainer({
  accelerator: 'cpu',
  devices,
  ...(devices > 1 ? { strategy: new DDPStrategy(tracePath === undefined ? {} : { bucketCapMb: 0.1 }) } : {}),
  maxSteps: clock.total,
  maxEpochs: -1,
  barebones: true,
  useDistributedSampler: false,
});
// How many there are is the strategy's to know; which one this is, its launcher's.
const rank = trainer.globalRank;
const own = job.batches.filter((_, index) => index % devices === rank) as [Tensor, Tensor][];
await trainer.fit(new Timed(), { trainDataloaders: own });
if (trainer.isGlobalZero) {
  if (profiler !== null) profiler.exportChromeTrace(tracePath!);
  report({
    seconds: clock.secondsPerStep,
    losses: losses.map((loss) => Number(loss.item())),
    peakRssMb: residentMb().peak,
    ...(profiler === null ? {} : { extra: overlapIn(profiler) }),
  });
}

/** How many exchanges of gradients a step had, and how many began before its last gradient was there. */
function overlapIn(recorded: Profile): Record<string, number> {
  const events = recorded.events();
  const last = events.findLast(({ name }) => name === 'torch::autograd::AccumulateGrad')?.start ?? 0;
  const exchanges = events.filter(({ name }) => name === 'c10d::allreduce_');
  return { exchanges: exchanges.length, begunInBackward: exchanges.filter(({ start }) => start < last).length };
}
