// Fine-tunes a resnet on a folder of images: data/imagenet/{train,val,test}/<class>/*.jpg
//
//   npx tsx examples/image-classifier/train.ts data/imagenet 1000
import {
  EarlyStopping,
  LearningRateMonitor,
  type LightningDataModule,
  ModelCheckpoint,
  RichProgressBar,
  seedEverything,
  TensorBoardLogger,
  Trainer,
  type TrainerOptions,
} from '@lightning-ts/lightning';
import { downloadWeights } from '@lightning-ts/vision/models';
import { isMain } from '../isMain.js';
import { ImageClassificationDataModule } from './data.js';
import { type ImageBatch, ImageClassifier, type ImageClassifierOptions } from './model.js';

/** Run training pipeline: train, then test with the best checkpoint. */
export async function train(
  datamodule: LightningDataModule<ImageBatch>,
  modelOptions: ImageClassifierOptions = { numClasses: 1000 },
  trainerOptions: TrainerOptions = {},
) {
  // Seed everything for reproducibility
  seedEverything(42);

  // Initialize components
  const model = new ImageClassifier({ learningRate: 1e-3, backbone: 'resnet50', pretrained: true, ...modelOptions });

  // Callbacks
  const callbacks = [
    new ModelCheckpoint({
      dirpath: 'checkpoints/',
      filename: '{epoch}-{val/acc:.3f}',
      monitor: 'val/acc',
      mode: 'max',
      saveTopK: 3,
      saveLast: true,
    }),
    new EarlyStopping({ monitor: 'val/loss', patience: 10, mode: 'min', verbose: true }),
    new LearningRateMonitor({ loggingInterval: 'step' }),
    new RichProgressBar(),
  ];

  // Trainer
  const trainer = new Trainer({
    maxEpochs: 100,
    accelerator: 'auto',
    devices: 'auto',
    strategy: 'auto',
    precision: 'bf16-mixed',
    callbacks,
    logger: new TensorBoardLogger('logs', { name: 'resnet50-baseline' }),
    deterministic: true,
    gradientClipVal: 1.0,
    accumulateGradBatches: 1,
    valCheckInterval: { fraction: 1 },
    logEveryNSteps: 50,
    ...trainerOptions,
  });

  // Train
  await trainer.fit(model, datamodule);

  // Test with best checkpoint
  const results = await trainer.test(model, { datamodule, ckptPath: 'best' });
  return { model, results, trainer };
}

if (isMain(import.meta.url)) {
  const [dataDir = 'data/imagenet', classes = '1000'] = process.argv.slice(2);
  await downloadWeights('resnet50');
  await train(new ImageClassificationDataModule({ dataDir, batchSize: 64, numWorkers: 8 }), {
    numClasses: Number(classes),
  });
}
