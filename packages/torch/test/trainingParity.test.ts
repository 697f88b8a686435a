import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import * as torch from '../src/index.js';
import {
  BatchNorm2d,
  Conv2d,
  CrossEntropyLoss,
  Dropout,
  Flatten,
  Linear,
  MaxPool2d,
  ReLU,
  Sequential,
} from '../src/nn/index.js';
import { AdamW } from '../src/optim/index.js';
import { type EncodedTensor, expectSameBits, readFixture } from './encodedTensor.js';

const folder = '/usr/share/datasets/fashion-mnist'; // Debian's dataset-fashion-mnist
const files = ['train-images-idx3-ubyte.gz', 'train-labels-idx1-ubyte.gz'].map((name) => `${folder}/${name}`);
const isInstalled = files.every((file) => existsSync(file));

const read = (file: string, header: number): torch.Tensor =>
  torch.tensor(new Uint8Array(gunzipSync(readFileSync(file)).subarray(header)));

/** [batch, inChannels, h, w] → [batch, outChannels, h / 2, w / 2], as in examples/fashion-mnist. */
const convBlock = (inChannels: number, outChannels: number) => [
  new Conv2d(inChannels, outChannels, 3, { padding: 1, bias: false }),
  new BatchNorm2d(outChannels),
  new ReLU(),
  new MaxPool2d(2),
];

it.skipIf(!isInstalled)(
  `50 steps of the Fashion-MNIST example have the losses of Python bit for bit${isInstalled ? '' : ' (skipped: dataset-fashion-mnist is not installed)'}`,
  () => {
    const expected = readFixture<{ losses: EncodedTensor; firstRows: number[]; sums: Record<string, EncodedTensor> }>(
      'training/losses.json',
    );
    torch.setNumThreads(1);
    const images = read(files[0]!, 16).view([60_000, 1, 28, 28]);
    const labels = read(files[1]!, 8).long();

    torch.manualSeed(42);
    const model = new Sequential(
      ...convBlock(1, 16),
      ...convBlock(16, 32),
      new Flatten(),
      new Linear(32 * 7 * 7, 128),
      new ReLU(),
      new Dropout(0.25),
      new Linear(128, 10),
    );
    const order = torch.randperm(60_000);
    expect(order.at(':5').tolist()).toEqual(expected.firstRows);
    const optimizer = new AdamW(model.parameters(), { lr: 2e-3, weightDecay: 1e-2 });
    const lossFn = new CrossEntropyLoss();
    const mean = torch.tensor([0.286]).view([-1, 1, 1]);
    const std = torch.tensor([0.353]).view([-1, 1, 1]);

    const losses: torch.Tensor[] = [];
    for (let step = 0; step < 50; step++) {
      const rows = order.slice(0, step * 128, (step + 1) * 128);
      const batch = images.at(rows).float().div(255).sub_(mean).div_(std);
      const loss = lossFn.forward(model.forward(batch), labels.at(rows));
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      losses.push(loss.detach());
    }
    expectSameBits(torch.stack(losses), expected.losses);
    for (const [key, value] of model.stateDict()) expectSameBits(value.double().sum(), expected.sums[key]!);
  },
);
