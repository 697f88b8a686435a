// The six parts of a LightningModule: layers, the three steps, the optimizer with its schedule, and the hyperparameters.
//
//   npx tsx examples/classifier/train.ts

import { LightningModule, seedEverything, Trainer, type TrainerOptions } from '@lightning-ts/lightning';
import { Generator, randn, type Tensor } from '@lightning-ts/torch';
import { DataLoader, randomSplit, TensorDataset } from '@lightning-ts/torch/data';
import { Linear, ReLU, Sequential } from '@lightning-ts/torch/nn';
import * as F from '@lightning-ts/torch/nn/functional';
import { Adam, ReduceLROnPlateau } from '@lightning-ts/torch/optim';
import { isMain } from '../isMain.js';

type Batch = [x: Tensor, y: Tensor];

export class MyModel extends LightningModule<Batch, { learningRate: number }> {
  model = new Sequential(new Linear(8, 32), new ReLU(), new Linear(32, 2));

  constructor({ learningRate = 0.001 }: { learningRate?: number } = {}) {
    super();
    this.saveHyperparameters({ learningRate });
  }

  override forward(x: Tensor): Tensor {
    return this.model.forward(x);
  }

  override trainingStep([x, y]: Batch): Tensor {
    const logits = this.forward(x);
    const loss = F.crossEntropy(logits, y);
    this.log('train_loss', loss, { onStep: true, onEpoch: true, progBar: true });
    this.log('learning_rate', this.optimizers().paramGroups[0]!.lr);
    return loss;
  }

  override validationStep([x, y]: Batch): void {
    this.logDict(this.evaluate('val', x, y));
  }

  override testStep([x, y]: Batch): void {
    this.logDict(this.evaluate('test', x, y));
  }

  override predictStep([x]: Batch): Tensor {
    return this.forward(x).argmax(1);
  }

  private evaluate(stage: string, x: Tensor, y: Tensor): Record<string, Tensor> {
    const logits = this.forward(x);
    const loss = F.crossEntropy(logits, y);
    const acc = logits.argmax(1).eq(y).float().mean();
    return { [`${stage}_loss`]: loss, [`${stage}_acc`]: acc };
  }

  override configureOptimizers() {
    const optimizer = new Adam(this.parameters(), { lr: this.hparams.learningRate });
    const scheduler = new ReduceLROnPlateau(optimizer, { mode: 'min' });
    return {
      optimizer,
      lrScheduler: {
        scheduler,
        monitor: 'val_loss', // Metric to monitor
        interval: 'epoch' as const, // When to update (epoch or step)
        frequency: 1, // How often to update
        strict: true, // Fail if the metric is not found
      },
    };
  }
}

/** Rows of 8 numbers; is their sum above zero? */
export function loaders(samples = 512, batchSize = 32) {
  const generator = new Generator().manualSeed(0);
  const x = randn([samples, 8], { generator });
  const data = new TensorDataset(x, x.sum(1).gt(0).to('int64'));
  const [train, val, test] = randomSplit(data, [0.7, 0.15, 0.15], generator);
  return {
    train: new DataLoader(train!, { batchSize, shuffle: true }),
    val: new DataLoader(val!, { batchSize }),
    test: new DataLoader(test!, { batchSize }),
  };
}

export async function train(options: TrainerOptions = {}) {
  seedEverything(42);
  const model = new MyModel({ learningRate: 0.01 });
  const { test, train, val } = loaders();
  const trainer = new Trainer({ maxEpochs: 5, ...options });
  await trainer.fit(model, { trainDataloaders: train, valDataloaders: val });
  const [results] = await trainer.test(model, test);

  // Load it again, for inference or to train with another learning rate.
  const path = trainer.checkpointCallback!.bestModelPath;
  const restored = await MyModel.loadFromCheckpoint(path, { learningRate: 0.0001 });
  restored.eval();
  return { model, restored, results: results!, trainer };
}

if (isMain(import.meta.url)) {
  const { restored } = await train();
  console.log(
    `Restored with learning rate ${restored.hparams.learningRate}: class of a row of ones is ${restored
      .forward(randn([1, 8]).fill_(1))
      .argmax(1)
      .item()}`,
  );
}
