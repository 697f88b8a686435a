// Trains an autoencoder and saves it for serve.ts.
//
//   npx tsx examples/autoencoder/train.ts

import { seedEverything, Trainer } from '@lightning-ts/lightning';
import { rand } from '@lightning-ts/torch';
import { DataLoader, type Dataset, TensorDataset } from '@lightning-ts/torch/data';
import { FashionMNIST } from '@lightning-ts/vision/datasets';
import { ToTensor } from '@lightning-ts/vision/transforms';
import { isMain } from '../isMain.js';
import { type Batch, LitAutoEncoder } from './model.js';

export interface Options {
  /** `'random'` for a few random images, which need no download. Default: Fashion-MNIST. */
  data?: 'fashion-mnist' | 'random';
  /** Default `autoencoder.ckpt`. */
  output?: string;
  maxEpochs?: number;
}

export async function train({ data = 'fashion-mnist', output = 'autoencoder.ckpt', maxEpochs = 3 }: Options = {}) {
  seedEverything(42);
  const autoencoder = new LitAutoEncoder();
  const loader = new DataLoader(await imagesOf(data), { batchSize: 64, shuffle: true });
  const trainer = new Trainer({ maxEpochs, logger: false, enableCheckpointing: false });
  await trainer.fit(autoencoder, loader);
  await trainer.saveCheckpoint(output);
  return { autoencoder, trainer, path: output };
}

async function imagesOf(data: 'fashion-mnist' | 'random'): Promise<Dataset<unknown, Batch>> {
  if (data === 'random') return new TensorDataset(rand([256, 1, 28, 28]), rand([256])) as Dataset<unknown, Batch>;
  await FashionMNIST.prepare('.data');
  return new FashionMNIST('.data', { train: true, transform: new ToTensor() }) as Dataset<unknown, Batch>;
}

if (isMain(import.meta.url)) {
  const { path } = await train();
  console.log(`Saved ${path}. Serve it: npx tsx examples/autoencoder/serve.ts ${path}`);
}
