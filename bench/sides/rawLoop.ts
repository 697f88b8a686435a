import { setNumThreads, type Tensor } from '@lightning-ts/torch';
import { readTask, report, residentMb, StepClock } from '../measure.js';
import { buildJob } from '../models.js';
import { readWorkload } from '../workload.js';

// The loop one writes without a Trainer, over the same batches that the Trainer is given.
const task = readTask();
setNumThreads(task.threads);
const job = buildJob(readWorkload(task.manifest));
const { model, batches } = job;
const optimizer = job.optimizer(model.parameters());
const clock = new StepClock(task.warmUp, task.steps);
const losses: Tensor[] = [];

let step = 0;
while (step < clock.total) {
  for (const [x, y] of batches) {
    clock.begin();
    const loss = job.loss(model.forward(x), y);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    step += 1;
    if (losses.length < 10 || step === clock.total) losses.push(loss.detach());
    if (step === clock.total) break;
  }
}

report({
  seconds: clock.secondsPerStep,
  losses: losses.map((loss) => Number(loss.item())),
  peakRssMb: residentMb().peak,
});
