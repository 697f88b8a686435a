// Several loggers at once, and everything that can be logged.
//
//   npx tsx examples/loggers/train.ts
//   tensorboard --logdir logs
import {
  CSVLogger,
  LightningModule,
  seedEverything,
  TensorBoardLogger,
  Trainer,
  type TrainerOptions,
} from '@lightning-ts/lightning';
import { Accuracy } from '@lightning-ts/metrics';
import { randn, type Tensor } from '@lightning-ts/torch';
import { DataLoader, TensorDataset } from '@lightning-ts/torch/data';
import { Linear } from '@lightning-ts/torch/nn';
import * as F from '@lightning-ts/torch/nn/functional';
import { SGD } from '@lightning-ts/torch/optim';
import { isMain } from '../isMain.js';

type Batch = [x: Tensor, y: Tensor];

export class Logging extends LightningModule<Batch, { learningRate: number }> {
  layer = new Linear(4, 2);
  valAcc = new Accuracy({ task: 'multiclass', numClasses: 2 });

  constructor({ learningRate = 0.1 }: { learningRate?: number } = {}) {
    super();
    // Also logged, as hparams.yaml and in TensorBoard's hparams view.
    this.saveHyperparameters({ learningRate });
  }

  override trainingStep([x, y]: Batch): Tensor {
    const loss = F.crossEntropy(this.layer.forward(x), y);
    // Simple metric, every logEveryNSteps
    this.log('train/loss', loss, { onStep: true, onEpoch: true, progBar: true });
    // Custom reduction: how many samples the epoch had
    this.log('train/samples', x.size(0), { onStep: false, onEpoch: true, reduceFx: 'sum' });
    return loss;
  }

  override validationStep([x, y]: Batch): void {
    const logits = this.layer.forward(x);
    this.valAcc.update(logits, y);
    // Multiple values at once; a metric object is computed over the whole epoch, exactly.
    this.logDict({ 'val/loss': F.crossEntropy(logits, y), 'val/acc': this.valAcc }, { onEpoch: true });
  }

  override onValidationEpochEnd(): void {
    // What is no number goes to a logger directly.
    for (const logger of this.loggers) {
      if (logger instanceof TensorBoardLogger)
        logger.experiment.addHistogram('weight', this.layer.weight, this.globalStep);
    }
  }

  override configureOptimizers() {
    return new SGD(this.parameters(), { lr: this.hparams.learningRate });
  }
}

export async function train(folder = 'logs', options: TrainerOptions = {}) {
  seedEverything(42);
  const x = randn([256, 4]);
  const data = new TensorDataset(x, x.sum(1).gt(0).to('int64'));
  const loggers = [new TensorBoardLogger(folder, { name: 'my-project' }), new CSVLogger(folder, { name: 'csv-logs' })];
  const trainer = new Trainer({ maxEpochs: 3, logger: loggers, logEveryNSteps: 5, ...options });
  await trainer.fit(new Logging(), {
    trainDataloaders: new DataLoader(data, { batchSize: 16, shuffle: true }),
    valDataloaders: new DataLoader(data, { batchSize: 64 }),
  });
  return { loggers, trainer };
}

if (isMain(import.meta.url)) {
  const { loggers } = await train();
  for (const { logDir } of loggers) console.log('Logged to', logDir);
}
