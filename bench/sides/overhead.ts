import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CSVLogger, LightningModule, ProgressBar, Trainer, type TrainerOptions } from '@lightning-ts/lightning';
import { MeanMetric } from '@lightning-ts/metrics';
import { ones, setNumThreads, type Tensor, zeros } from '@lightning-ts/torch';
import { Parameter } from '@lightning-ts/torch/nn';
import { SGD } from '@lightning-ts/torch/optim';
import { report, residentMb } from '../measure.js';

// The smallest model there is, so that what is left of a step is what the Trainer adds. Both loops run in this process, in
// turn, and only the difference counts: the machine's speed drifts by more than what is measured.
setNumThreads(1);
const steps = Number(process.env.BENCH_STEPS ?? 2000);
const warmUp = 200;
const rounds = Number(process.env.BENCH_ROUNDS ?? 9);
const folder = mkdtempSync(join(tmpdir(), 'overhead-'));
const data: Tensor[] = Array.from({ length: 500 }, () => ones([4]));

class Slope extends LightningModule<Tensor> {
  weight = new Parameter(zeros([1]));
  mean = new MeanMetric();
  calls = 0;
  started = 0;
  stopped = 0;

  constructor(readonly logs: boolean) {
    super();
  }

  clock(): void {
    if (this.calls === warmUp) this.started = performance.now();
    if (this.calls === warmUp + steps) this.stopped = performance.now();
    this.calls += 1;
  }

  /** Microseconds a step. */
  get micros(): number {
    return ((this.stopped - this.started) * 1000) / steps;
  }

  loss(batch: Tensor): Tensor {
    return this.weight.mul(batch).sum();
  }

  override trainingStep(batch: Tensor): Tensor {
    this.clock();
    const loss = this.loss(batch);
    if (!this.logs) return loss;
    this.mean.update(loss.detach());
    this.log('loss', loss, { progBar: true });
    this.log('mean', this.mean, { onStep: false, onEpoch: true });
    this.log('size', 4);
    return loss;
  }

  override configureOptimizers(): SGD {
    return new SGD(this.parameters(), { lr: 1e-3 });
  }
}

/** The loop one writes without a Trainer; with a metric where the other side has one too. */
function byHand(logs: boolean): number {
  const model = new Slope(logs);
  const optimizer = new SGD(model.parameters(), { lr: 1e-3 });
  const total = warmUp + steps + 1;
  while (model.calls < total) {
    for (const batch of data) {
      model.clock();
      const loss = model.loss(batch);
      if (logs) model.mean.update(loss.detach());
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      if (model.calls === total) break;
    }
  }
  return model.micros;
}

async function byTrainer(logs: boolean): Promise<number> {
  const model = new Slope(logs);
  const options: TrainerOptions = logs
    ? { logger: new CSVLogger(folder), callbacks: new ProgressBar() }
    : { logger: false, enableProgressBar: false };
  const trainer = new Trainer({
    accelerator: 'cpu',
    maxSteps: warmUp + steps + 1,
    enableCheckpointing: false,
    enableModelSummary: false,
    ...options,
  });
  await trainer.fit(model, data);
  return model.micros;
}

const samples: Record<'raw' | 'bare' | 'rawWithMetric' | 'full', number[]> = {
  raw: [],
  bare: [],
  rawWithMetric: [],
  full: [],
};
// The first round is the compiler's.
for (let round = 0; round <= rounds; round += 1) {
  const times = {
    raw: byHand(false),
    bare: await byTrainer(false),
    rawWithMetric: byHand(true),
    full: await byTrainer(true),
  };
  if (round === 0) continue;
  for (const name of Object.keys(samples) as (keyof typeof samples)[]) samples[name].push(times[name]);
}
rmSync(folder, { recursive: true, force: true });

// The fastest round of each: what disturbs a round only ever makes it slower.
const difference = (a: number[], b: number[]): number => Math.min(...a) - Math.min(...b);
const bare = difference(samples.bare, samples.raw);
report({
  seconds: bare / 1e6,
  peakRssMb: residentMb().peak,
  extra: {
    bareMicros: bare,
    fullMicros: difference(samples.full, samples.rawWithMetric),
    rawMicros: Math.min(...samples.raw),
    rawWithMetricMicros: Math.min(...samples.rawWithMetric),
  },
});
