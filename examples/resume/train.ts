// A run that may be killed at any moment and goes on where it was, bit for bit.
//
//   npx tsx examples/resume/train.ts
//
// Press Ctrl-C, or kill -9 it from another terminal, and start it again: it continues with the very next batch, with the
// same shuffling and dropout, and ends with the same weights as a run that was never stopped.
import {
  AsyncCheckpointIO,
  CSVLogger,
  LightningModule,
  ModelCheckpoint,
  seedEverything,
  Trainer,
  type TrainerOptions,
} from '@lightning-ts/lightning';
import { Generator, randn, type Tensor } from '@lightning-ts/torch';
import { DataLoader, TensorDataset } from '@lightning-ts/torch/data';
import { Dropout, Linear, ReLU, Sequential } from '@lightning-ts/torch/nn';
import * as F from '@lightning-ts/torch/nn/functional';
import { AdamW, CosineAnnealingLR } from '@lightning-ts/torch/optim';
import { isMain } from '../isMain.js';

export class Regression extends LightningModule<[Tensor, Tensor]> {
  net = new Sequential(new Linear(16, 64), new ReLU(), new Dropout(0.2), new Linear(64, 1));

  override trainingStep([x, y]: [Tensor, Tensor]): Tensor {
    const loss = F.mseLoss(this.net.forward(x), y);
    this.log('loss', loss, { progBar: true });
    return loss;
  }

  override configureOptimizers() {
    const optimizer = new AdamW(this.parameters(), { lr: 1e-3 });
    return {
      optimizer,
      lrScheduler: { scheduler: new CosineAnnealingLR(optimizer, { tMax: 4000 }), interval: 'step' as const },
    };
  }
}

export async function train(folder = 'resume-output', options: TrainerOptions = {}) {
  seedEverything(42);
  const generator = new Generator().manualSeed(1);
  const x = randn([640, 16], { generator });
  const data = new TensorDataset(x, x.square().sum(1).unsqueeze(1));
  const model = new Regression();
  const trainer = new Trainer({
    maxEpochs: 200,
    callbacks: [new ModelCheckpoint({ dirpath: folder, everyNTrainSteps: 10, saveLast: true })],
    // Training goes on while a checkpoint is written.
    plugins: new AsyncCheckpointIO(),
    logger: new CSVLogger(folder, { name: 'logs' }),
    ...options,
  });
  const result = await trainer.fit(model, {
    trainDataloaders: new DataLoader(data, { batchSize: 32, shuffle: true }),
    // The newest checkpoint when there is one; from the start otherwise.
    ckptPath: 'auto',
  });
  return { model, result, trainer };
}

if (isMain(import.meta.url)) {
  const { model, result } = await train();
  console.log(
    `${result.status} after ${result.globalStep} steps; sum of the weights ${model.net.parameters().reduce((sum, p) => sum + Number(p.sum().item()), 0)}`,
  );
}
