// A learning rate that climbs first and falls afterwards, stepped after every batch.
//
//   npx tsx examples/learning-rate-warmup/train.ts
import {
  CSVLogger,
  LearningRateMonitor,
  LightningModule,
  type OptimizersConfig,
  seedEverything,
  Trainer,
  type TrainerOptions,
} from '@lightning-ts/lightning';
import { randn, type Tensor } from '@lightning-ts/torch';
import { DataLoader, TensorDataset } from '@lightning-ts/torch/data';
import { Linear } from '@lightning-ts/torch/nn';
import * as F from '@lightning-ts/torch/nn/functional';
import { Adam, OneCycleLR } from '@lightning-ts/torch/optim';
import { isMain } from '../isMain.js';

export class WarmedUp extends LightningModule<[Tensor, Tensor]> {
  layer = new Linear(4, 1);

  override trainingStep([x, y]: [Tensor, Tensor]): Tensor {
    return F.mseLoss(this.layer.forward(x), y);
  }

  override configureOptimizers(): OptimizersConfig {
    const optimizer = new Adam(this.parameters(), { lr: 0.001 });
    const scheduler = {
      scheduler: new OneCycleLR(optimizer, {
        maxLr: 0.01,
        // The Trainer knows how many steps are to come: batches, accumulation, epochs and maxSteps all count.
        totalSteps: this.trainer.estimatedSteppingBatches,
      }),
      interval: 'step' as const,
    };
    return [[optimizer], [scheduler]];
  }
}

export async function train(options: TrainerOptions = {}) {
  seedEverything(42);
  const x = randn([320, 4]);
  const loader = new DataLoader(new TensorDataset(x, x.sum(1).unsqueeze(1)), { batchSize: 32, shuffle: true });
  const monitor = new LearningRateMonitor({ loggingInterval: 'step' });
  const trainer = new Trainer({
    maxEpochs: 4,
    logEveryNSteps: 1,
    callbacks: [monitor],
    logger: new CSVLogger('logs', { name: 'warm-up' }),
    ...options,
  });
  await trainer.fit(new WarmedUp(), loader);
  return { rates: monitor.lrs['lr-Adam']!, trainer };
}

if (isMain(import.meta.url)) {
  const { rates } = await train();
  for (const [step, rate] of rates.entries()) console.log(`${step}`.padStart(3), '#'.repeat(Math.round(rate * 4000)));
}
