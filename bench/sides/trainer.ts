import { LightningModule, Trainer } from '@lightning-ts/lightning';
import { memory, setNumThreads, type Tensor } from '@lightning-ts/torch';
import type { Optimizer } from '@lightning-ts/torch/optim';
import { readTask, report, residentMb, StepClock } from '../measure.js';
import { type BenchModel, buildJob } from '../models.js';
import { readWorkload } from '../workload.js';

const task = readTask();
setNumThreads(task.threads);
const job = buildJob(readWorkload(task.manifest));
const { model, batches } = job;
const clock = new StepClock(task.warmUp, task.steps);
const losses: Tensor[] = [];
/** For the memory bench: the step at which resident memory and live tensors are counted a first time. */
const mark = Number(process.env.BENCH_MARK ?? 0);
const extra: Record<string, number> = {};
let step = 0;

/** A full collection first, when Node was started with --expose-gc, so that what is counted is what is held. */
function count(suffix: string): void {
  (globalThis as { gc?: () => void }).gc?.();
  extra[`rssMb${suffix}`] = residentMb().now;
  extra[`liveTensors${suffix}`] = memory.stats().liveTensors;
}

class Job extends LightningModule<[Tensor, Tensor]> {
  constructor(readonly model: BenchModel) {
    super();
  }

  override forward(x: Tensor): Tensor {
    return this.model.forward(x);
  }

  override trainingStep([x, y]: [Tensor, Tensor]): Tensor {
    if (mark > 0 && step === mark) count('AtMark');
    if (mark > 0 && step === clock.total - 1) count('AtEnd');
    clock.begin();
    step += 1;
    const loss = job.loss(this.forward(x), y);
    if (losses.length < 10 || step === clock.total) losses.push(loss.detach());
    return loss;
  }

  override configureOptimizers(): Optimizer {
    return job.optimizer(this.parameters());
  }
}

const trainer = new Trainer({
  accelerator: 'cpu',
  maxSteps: clock.total,
  maxEpochs: -1,
  logger: false,
  enableCheckpointing: false,
  enableProgressBar: false,
  enableModelSummary: false,
});
await trainer.fit(new Job(model), batches);

report({
  seconds: clock.secondsPerStep,
  losses: losses.map((loss) => Number(loss.item())),
  peakRssMb: residentMb().peak,
  ...(mark > 0 ? { extra } : {}),
});
