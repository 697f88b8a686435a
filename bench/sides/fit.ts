import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CSVLogger, LightningModule, ModelCheckpoint, Trainer } from '@lightning-ts/lightning';
import { MulticlassAccuracy } from '@lightning-ts/metrics';
import { setNumThreads, type Tensor } from '@lightning-ts/torch';
import type { Optimizer } from '@lightning-ts/torch/optim';
import { readTask, report, residentMb, StepClock } from '../measure.js';
import { type BenchModel, buildJob } from '../models.js';
import { readWorkload } from '../workload.js';

// A whole run: epochs with validation, the best checkpoint kept, a CSV logger. With BENCH_LOGS=1 the loss and an accuracy are
// logged at every step. bench/python/side.py has the same in run_fit.
const task = readTask();
setNumThreads(task.threads);
const logsSteps = process.env.BENCH_LOGS === '1';
const job = buildJob(readWorkload(task.manifest));
const { model, batches } = job;
const clock = new StepClock(task.warmUp, task.steps);
const losses: Tensor[] = [];
const folder = mkdtempSync(join(tmpdir(), 'bench-fit-'));
let step = 0;

class Job extends LightningModule<[Tensor, Tensor]> {
  private readonly accuracy = new MulticlassAccuracy({ numClasses: 10 });

  constructor(readonly model: BenchModel) {
    super();
  }

  override forward(x: Tensor): Tensor {
    return this.model.forward(x);
  }

  override trainingStep([x, y]: [Tensor, Tensor]): Tensor {
    clock.begin();
    step += 1;
    const output = this.forward(x);
    const loss = job.loss(output, y);
    if (losses.length < 10 || step === clock.total) losses.push(loss.detach());
    this.log('loss', loss);
    if (logsSteps) {
      this.accuracy.forward(output.detach(), y);
      this.log('accuracy', this.accuracy);
    }
    return loss;
  }

  override validationStep([x, y]: [Tensor, Tensor]): void {
    this.log('val_loss', job.loss(this.forward(x), y));
  }

  override configureOptimizers(): Optimizer {
    return job.optimizer(this.parameters());
  }
}

const trainer = new Trainer({
  accelerator: 'cpu',
  maxSteps: clock.total,
  maxEpochs: -1,
  limitValBatches: 50,
  logEveryNSteps: logsSteps ? 1 : 50,
  logger: new CSVLogger(folder),
  callbacks: new ModelCheckpoint({ dirpath: folder, monitor: 'val_loss' }),
  enableProgressBar: false,
  enableModelSummary: false,
});
await trainer.fit(new Job(model), batches, batches);
rmSync(folder, { recursive: true, force: true });

report({
  seconds: clock.secondsPerStep,
  losses: losses.map((loss) => Number(loss.item())),
  peakRssMb: residentMb().peak,
});
