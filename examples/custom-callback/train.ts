// Callbacks of your own: one shows predictions, one watches the gradients and keeps what it saw in checkpoints.
//
//   npx tsx examples/custom-callback/train.ts
//   tensorboard --logdir logs
import {
  LambdaCallback,
  seedEverything,
  TensorBoardLogger,
  Trainer,
  type TrainerOptions,
} from '@lightning-ts/lightning';
import { rand, randint } from '@lightning-ts/torch';
import { DataLoader, TensorDataset } from '@lightning-ts/torch/data';
import { ImageClassifier } from '../fashion-mnist/model.js';
import { isMain } from '../isMain.js';
import { GradientWatcher } from './gradientWatcher.js';
import { ImageLoggingCallback } from './imageLoggingCallback.js';

export async function train(options: TrainerOptions = {}) {
  seedEverything(42);
  const images = new TensorDataset(rand([64, 1, 28, 28]), randint(10, [64]));
  const watcher = new GradientWatcher();
  const trainer = new Trainer({
    maxEpochs: 2,
    logger: new TensorBoardLogger('logs', { name: 'callbacks' }),
    callbacks: [
      new ImageLoggingCallback({ numSamples: 8 }),
      watcher,
      // The shortest way: a hook by its name.
      new LambdaCallback({ onFitStart: (running) => running.print('Training begins') }),
    ],
    ...options,
  });
  await trainer.fit(new ImageClassifier(), {
    trainDataloaders: new DataLoader(images, { batchSize: 16, shuffle: true }),
    valDataloaders: new DataLoader(images, { batchSize: 16 }),
  });
  return { trainer, watcher };
}

if (isMain(import.meta.url)) {
  const { watcher } = await train();
  console.log('Largest gradients:', watcher.history);
}
