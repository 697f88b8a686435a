// Trains a convnet on Fashion-MNIST, tests its best checkpoint, and draws what came out.
//
//   npm run demo
//   npm run demo -- --epochs 1 --limit-train-batches 50
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  CSVLogger,
  EarlyStopping,
  ModelCheckpoint,
  ModelSummary,
  ProgressBar,
  seedEverything,
  Trainer,
} from '@lightning-ts/lightning';
import { ConfusionMatrix, classificationReport } from '@lightning-ts/metrics';
import { confusionMatrix, learningCurves, savePlot } from '@lightning-ts/metrics/plot';
import { cat, setNumThreads, type Tensor } from '@lightning-ts/torch';
import { FashionMNISTDataModule } from './data.js';
import { ImageClassifier } from './model.js';

const { values: args } = parseArgs({
  options: {
    epochs: { type: 'string', default: '5' },
    'limit-train-batches': { type: 'string' },
    'batch-size': { type: 'string', default: '128' },
    'learning-rate': { type: 'string', default: '2e-3' },
    'data-dir': { type: 'string', default: '.data' },
    output: { type: 'string', default: 'demo-output' },
    seed: { type: 'string', default: '42' },
    threads: { type: 'string' },
  },
});
if (args.threads) setNumThreads(Number(args.threads));

async function main(): Promise<void> {
  seedEverything(Number(args.seed));
  const datamodule = new FashionMNISTDataModule({ dataDir: args['data-dir'], batchSize: Number(args['batch-size']) });
  const model = new ImageClassifier({ learningRate: Number(args['learning-rate']) });

  const checkpoint = new ModelCheckpoint({
    monitor: 'val/acc',
    mode: 'max',
    filename: '{epoch}-{val/acc:.3f}',
    saveLast: true,
  });
  const logger = new CSVLogger(args.output);
  const trainer = new Trainer({
    maxEpochs: Number(args.epochs),
    ...(args['limit-train-batches'] ? { limitTrainBatches: { batches: Number(args['limit-train-batches']) } } : {}),
    callbacks: [
      checkpoint,
      new EarlyStopping({ monitor: 'val/loss', patience: 2, mode: 'min' }),
      new ModelSummary({ maxDepth: 2 }),
      new ProgressBar(),
    ],
    logger,
    defaultRootDir: args.output,
  });

  const result = await trainer.fit(model, { datamodule });
  if (result.status === 'interrupted') {
    console.log(
      `Stopped in epoch ${trainer.currentEpoch}. The last checkpoint is ${checkpoint.lastModelPath ?? 'not written yet'}.`,
    );
    return;
  }
  await trainer.test(model, { datamodule, ckptPath: 'best' });

  const { labels, preds } = await predictTestSet(trainer, model, datamodule);
  console.log(classificationReport(labels, preds, { labels: datamodule.classes }));

  const matrix = new ConfusionMatrix({ task: 'multiclass', numClasses: 10 });
  matrix.update(preds, labels);
  const curves = learningCurves(join(logger.logDir, 'metrics.csv'), {
    x: 'step',
    y: [
      ['train/loss_epoch', 'val/loss'],
      ['train/acc', 'val/acc'],
    ],
  });
  const heatmap = confusionMatrix(matrix.compute(), datamodule.classes);
  for (const extension of ['svg', 'png']) {
    await savePlot(curves, join(args.output, `learning-curves.${extension}`));
    await savePlot(heatmap, join(args.output, `confusion-matrix.${extension}`));
  }
  console.log(`Best checkpoint  ${checkpoint.bestModelPath}`);
  console.log(
    `Pictures         ${join(args.output, 'learning-curves.png')}, ${join(args.output, 'confusion-matrix.png')}`,
  );
}

/** The test set's labels and what the model says. */
async function predictTestSet(trainer: Trainer, model: ImageClassifier, datamodule: FashionMNISTDataModule) {
  const preds = cat((await trainer.predict(model, { datamodule, ckptPath: 'best' })) as Tensor[]);
  const labels: Tensor[] = [];
  for (const [, batchLabels] of datamodule.testDataloader()) labels.push(batchLabels);
  return { labels: cat(labels), preds };
}

await main();
