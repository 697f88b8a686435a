// Five folds instead of one split: how good a model is, how sure that is, and whether another one is better.
//
//   npx tsx examples/cross-validation/train.ts
import {
  crossValidate,
  EarlyStopping,
  LightningModule,
  StratifiedKFold,
  seedEverything,
  Trainer,
  type TrainerOptions,
} from '@lightning-ts/lightning';
import { Accuracy } from '@lightning-ts/metrics';
import { cat, ones, randn, type Tensor, zeros } from '@lightning-ts/torch';
import { TensorDataset } from '@lightning-ts/torch/data';
import { Linear, ReLU, Sequential } from '@lightning-ts/torch/nn';
import * as F from '@lightning-ts/torch/nn/functional';
import { Adam } from '@lightning-ts/torch/optim';
import { isMain } from '../isMain.js';

type Batch = [x: Tensor, y: Tensor];

export class Classifier extends LightningModule<Batch, { hidden: number }> {
  layers: Sequential;
  valAcc = new Accuracy({ task: 'binary' });

  /** @param options `hidden`: width of the hidden layer; 0 for a linear model */
  constructor({ hidden }: { hidden: number }) {
    super();
    this.saveHyperparameters({ hidden });
    this.layers =
      hidden === 0
        ? new Sequential(new Linear(2, 1))
        : new Sequential(new Linear(2, hidden), new ReLU(), new Linear(hidden, 1));
  }

  override forward(x: Tensor): Tensor {
    return this.layers.forward(x).squeeze(1);
  }

  override trainingStep([x, y]: Batch): Tensor {
    return F.binaryCrossEntropyWithLogits(this.forward(x), y.float());
  }

  override validationStep([x, y]: Batch): void {
    const logits = this.forward(x);
    this.valAcc.update(logits.sigmoid(), y);
    this.logDict({ val_loss: F.binaryCrossEntropyWithLogits(logits, y.float()), val_acc: this.valAcc });
  }

  override configureOptimizers() {
    return new Adam(this.parameters(), { lr: 0.02 });
  }
}

/** A disc of one class in a cloud of the other, which no straight line parts. */
function makeData() {
  const inside = randn([60, 2]).mul(0.5);
  const around = randn([180, 2]);
  const outside = around
    .div(around.norm(2, 1, true))
    .mul(1.5)
    .add(randn([180, 2]).mul(0.4));
  const labels = cat([zeros([60]), ones([180])]).long();
  return { dataset: new TensorDataset(cat([inside, outside]), labels), labels };
}

export async function train(options: TrainerOptions = {}) {
  seedEverything(42);
  const { dataset, labels } = makeData();
  // Split once, so that both models see the same folds.
  const folds = new StratifiedKFold({ nSplits: 5, shuffle: true, seed: 7 }).split(dataset, { labels });
  const evaluate = (hidden: number) =>
    crossValidate({
      folds,
      dataset,
      loader: { batchSize: 16 },
      model: () => new Classifier({ hidden }),
      trainer: () =>
        new Trainer({
          maxEpochs: 30,
          callbacks: new EarlyStopping({ monitor: 'val_loss', patience: 5 }),
          enableCheckpointing: false,
          enableModelSummary: false,
          enableProgressBar: false,
          logger: false,
          ...options,
        }),
    });
  const network = await evaluate(16);
  const line = await evaluate(0);
  return { network, line, comparison: network.compare(line, 'val_acc') };
}

if (isMain(import.meta.url)) {
  const { network, line, comparison } = await train();
  console.log(`\nA network of one hidden layer\n${network}\n\nA linear model\n${line}\n\n${comparison}`);
}
