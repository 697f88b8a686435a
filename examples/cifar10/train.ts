// CIFAR-10 from download to inference.
//
//   npx tsx examples/cifar10/train.ts
import {
  EarlyStopping,
  LearningRateMonitor,
  type LightningDataModule,
  ModelCheckpoint,
  seedEverything,
  summarize,
  TensorBoardLogger,
  Trainer,
  type TrainerOptions,
} from '@lightning-ts/lightning';
import { ConfusionMatrix, classificationReport } from '@lightning-ts/metrics';
import { cat, noGrad, randn, type Tensor } from '@lightning-ts/torch';
import * as jit from '@lightning-ts/torch/jit';
import { isMain } from '../isMain.js';
import { CIFAR10DataModule } from './data.js';
import { classes, LightningInferenceEngine, lightningModelToTorchscript } from './inference.js';
import { type ImageBatch, LightningCNN } from './model.js';

export interface PipelineOptions {
  /** Where logs, checkpoints and the exported model go; default `cifar10-output`. */
  output?: string;
  trainer?: TrainerOptions;
}

/** The whole pipeline: train with callbacks and logger, test the best checkpoint, evaluate by class, export. */
export async function runPipeline(dataModule: LightningDataModule<ImageBatch>, options: PipelineOptions = {}) {
  const { output = 'cifar10-output', trainer: trainerOptions = {} } = options;
  seedEverything(42);

  const model = new LightningCNN({ numClasses: 10, learningRate: 1e-3 });
  const count = model.parameters().reduce((sum, p) => sum + p.numel(), 0);
  console.log(`Model created with ${count.toLocaleString('en')} parameters`);

  // Configure callbacks
  const checkpointCallback = new ModelCheckpoint({
    monitor: 'val_acc',
    mode: 'max',
    saveTopK: 3,
    filename: 'best-checkpoint-{epoch:02d}-{val_acc:.2f}',
    saveLast: true,
  });
  const earlyStoppingCallback = new EarlyStopping({ monitor: 'val_loss', patience: 10, mode: 'min', verbose: true });
  const lrMonitor = new LearningRateMonitor({ loggingInterval: 'epoch' });

  // Configure logger
  const logger = new TensorBoardLogger(output, { name: 'cifar10_cnn', version: 'v1.0' });

  const trainer = new Trainer({
    maxEpochs: 50,
    accelerator: 'auto', // Automatically detect GPU/CPU
    devices: 'auto', // Use all available devices
    strategy: 'auto', // Automatic strategy selection
    callbacks: [checkpointCallback, earlyStoppingCallback, lrMonitor],
    logger,
    logEveryNSteps: 50,
    checkValEveryNEpoch: 1,
    deterministic: true, // Ensure reproducible results
    fastDevRun: false, // Set to true for quick testing
    ...trainerOptions,
  });

  // Fit the model
  await trainer.fit(model, dataModule);
  console.log('Training completed!');
  console.log(`Best validation accuracy: ${checkpointCallback.bestModelScore?.toFixed(4)}`);
  console.log(`Best model path: ${checkpointCallback.bestModelPath}`);

  // Test the best model
  const testResults = await trainer.test(model, { datamodule: dataModule, ckptPath: 'best' });

  // Load best checkpoint for detailed evaluation
  const bestModel = await LightningCNN.loadFromCheckpoint(checkpointCallback.bestModelPath, { numClasses: 10 });
  const evaluation = evaluateModelDetailed(bestModel, dataModule);

  // Model analysis, and export
  console.log(String(summarize(bestModel, { maxDepth: -1 })));
  const scripted = lightningModelToTorchscript(bestModel, randn([1, 3, 32, 32]));
  const scriptPath = `${output}/lightning_model_scripted.pt`;
  await jit.save(scripted, scriptPath);

  // Test inference engine
  const engine = await LightningInferenceEngine.load(checkpointCallback.bestModelPath);
  const [images, labels] = firstBatch(dataModule);
  const result = engine.predict(images.at(0));
  console.log(`Predicted: ${result.class}, confidence: ${result.confidence.toFixed(3)}`);
  console.log(`Actual: ${classes[Number(labels.at(0).item())]}`);
  console.log(`TensorBoard logs: Run 'tensorboard --logdir ${logger.saveDir}' to view`);
  return { ...evaluation, engine, result, scriptPath, testResults, trainer };
}

/** Detailed evaluation with confusion matrix and per-class metrics. */
function evaluateModelDetailed(model: LightningCNN, dataModule: LightningDataModule<ImageBatch>) {
  model.eval();
  const allPreds: Tensor[] = [];
  const allTargets: Tensor[] = [];
  noGrad(() => {
    for (const [x, y] of dataModule.testDataloader!() as Iterable<ImageBatch>) {
      allPreds.push(model.forward(x).argmax(1));
      allTargets.push(y);
    }
  });
  const [preds, targets] = [cat(allPreds), cat(allTargets)];

  console.log('Detailed Classification Report:');
  console.log(classificationReport(targets, preds, { labels: classes }));

  const confusion = new ConfusionMatrix({ task: 'multiclass', numClasses: 10 });
  confusion.update(preds, targets);
  const counts = confusion.compute();
  const classAccuracy = counts.diagonal().div(counts.sum(1));
  for (const [i, name] of classes.entries()) console.log(`${name}: ${Number(classAccuracy.at(i).item()).toFixed(3)}`);
  return { counts, preds, targets };
}

function firstBatch(dataModule: LightningDataModule<ImageBatch>): ImageBatch {
  for (const batch of dataModule.testDataloader!() as Iterable<ImageBatch>) return batch;
  throw new Error('there are no test images');
}

if (isMain(import.meta.url)) {
  const dataModule = new CIFAR10DataModule({ batchSize: 128, numWorkers: 4 });
  await runPipeline(dataModule);
}
