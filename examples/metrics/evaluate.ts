// Exact metrics: over all samples, not the mean over batches, with a report, a confusion matrix and accuracies by class.
//
//   npx tsx examples/metrics/evaluate.ts
import { LightningModule, seedEverything, Trainer, type TrainerOptions } from '@lightning-ts/lightning';
import { Accuracy, ConfusionMatrix, classificationReport, F1Score, MetricCollection } from '@lightning-ts/metrics';
import { cat, noGrad, randn, type Tensor } from '@lightning-ts/torch';
import { DataLoader, TensorDataset } from '@lightning-ts/torch/data';
import { Linear } from '@lightning-ts/torch/nn';
import * as F from '@lightning-ts/torch/nn/functional';
import { Adam } from '@lightning-ts/torch/optim';
import { isMain } from '../isMain.js';

type Batch = [x: Tensor, y: Tensor];
const classes = ['low', 'middle', 'high'];
const options = { task: 'multiclass', numClasses: classes.length } as const;

export class Measured extends LightningModule<Batch> {
  layer = new Linear(4, classes.length);
  // One object for each phase, so that none sees another's data.
  trainAcc = new Accuracy(options);
  testMetrics = new MetricCollection(
    { acc: new Accuracy(options), f1: new F1Score({ ...options, average: 'macro' }) },
    { prefix: 'test/' },
  );

  override forward(x: Tensor): Tensor {
    return this.layer.forward(x);
  }

  override trainingStep([x, y]: Batch): Tensor {
    const logits = this.forward(x);
    this.trainAcc.forward(logits, y);
    this.log('train/acc', this.trainAcc, { onStep: true, onEpoch: true });
    return F.crossEntropy(logits, y);
  }

  override testStep([x, y]: Batch): void {
    const logits = this.forward(x);
    this.testMetrics.update(logits, y);
    this.logDict(Object.fromEntries(this.testMetrics.items()));
    // The mean over batches is wrong where the last one is shorter and counts as much.
    this.log('test/acc_by_batch', logits.argmax(1).eq(y).float().mean(), { batchSize: 1 });
  }

  override configureOptimizers() {
    return new Adam(this.parameters(), { lr: 0.05 });
  }
}

/** Detailed evaluation with confusion matrix and per-class metrics. */
export function evaluateModelDetailed(model: Measured, loader: Iterable<Batch>) {
  model.eval();
  const allPreds: Tensor[] = [];
  const allTargets: Tensor[] = [];
  noGrad(() => {
    for (const [x, y] of loader) {
      allPreds.push(model.forward(x).argmax(1));
      allTargets.push(y);
    }
  });
  const preds = cat(allPreds);
  const targets = cat(allTargets);
  const matrix = new ConfusionMatrix(options);
  matrix.update(preds, targets);
  const counts = matrix.compute(); // [classes, classes], rows are the true ones
  const classAccuracy = counts.diagonal().div(counts.sum(1));
  return { classAccuracy, counts, report: classificationReport(targets, preds, { labels: classes }) };
}

export async function train(trainerOptions: TrainerOptions = {}) {
  seedEverything(42);
  const x = randn([250, 4]);
  const score = x.sum(1);
  const y = score.gt(-1).to('int64').add(score.gt(1).to('int64'));
  const loader = new DataLoader(new TensorDataset(x, y), { batchSize: 32 });
  const model = new Measured();
  const trainer = new Trainer({ maxEpochs: 10, logger: false, enableCheckpointing: false, ...trainerOptions });
  await trainer.fit(model, loader);
  const [results] = await trainer.test(model, loader);
  return { detailed: evaluateModelDetailed(model, loader as Iterable<Batch>), results: results! };
}

if (isMain(import.meta.url)) {
  const { detailed } = await train();
  console.log(detailed.report);
  console.log(String(detailed.counts));
  for (const [i, name] of classes.entries())
    console.log(`${name}: ${Number(detailed.classAccuracy.at(i).item()).toFixed(3)}`);
}
