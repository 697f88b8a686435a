import { DDPStrategy, LightningModule, type StepOutput, Trainer } from '@lightning-ts/lightning';
import { setNumThreads, type Tensor } from '@lightning-ts/torch';
import { readTask, report, residentMb, StepClock } from '../measure.js';
import { buildJob } from '../models.js';
import { readWorkload } from '../workload.js';

// The convnet under the Trainer, in as many processes as BENCH_PROCESSES says; each has all batches, of the same size.
const task = readTask();
setNumThreads(task.threads);
const job = buildJob(readWorkload(task.manifest));
const clock = new StepClock(task.warmUp, task.steps);

class Timed extends LightningModule<[Tensor, Tensor]> {
  model = job.model;
  override trainingStep([x, y]: [Tensor, Tensor]): StepOutput {
    clock.begin();
    return job.loss(this.model.forward(x), y);
  }
  override configureOptimizers() {
    return job.optimizer(this.model.parameters());
  }
}

const devices = Number(process.env.BENCH_PROCESSES ?? 1);
const trainer = new Trainer({
  accelerator: 'cpu',
  devices,
  ...(devices > 1 ? { strategy: new DDPStrategy() } : {}),
  maxSteps: clock.total,
  barebones: true,
  useDistributedSampler: false,
});
await trainer.fit(new Timed(), { trainDataloaders: job.batches as [Tensor, Tensor][] });
if (trainer.isGlobalZero) report({ seconds: clock.secondsPerStep, peakRssMb: residentMb().peak });
