import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as torch from '@lightning-ts/torch';
import { describe, expect, it } from 'vitest';
import { Compose, Normalize, RandomHorizontalFlip, ToTensor } from '../transforms/index.js';
import { FashionMNIST, MNIST, type MNISTOptions } from './index.js';

/** Twelve images in the folder of a dataset of its own; `damage` changes the bytes of the files. */
class TinyMNIST extends MNIST {
  static override readonly folder = 'Tiny';
}
const pixels = Uint8Array.from({ length: 12 * 28 * 28 }, (_, i) => (i * 31) % 251);
const labels = Uint8Array.from({ length: 12 }, (_, i) => i % 10);
const header = (...values: number[]) => {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt32BE(value, 4 * i);
  });
  return bytes;
};
const imageFile = Buffer.concat([header(0x0803, 12, 28, 28), pixels]);
const labelFile = Buffer.concat([header(0x0801, 12), labels]);

function folderWith(files: Record<string, Uint8Array>): string {
  const root = mkdtempSync(join(tmpdir(), 'tiny-mnist-'));
  mkdirSync(join(root, 'Tiny', 'raw'), { recursive: true });
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(root, 'Tiny', 'raw', name), bytes);
  return root;
}
const whole = { 'train-images-idx3-ubyte': imageFile, 'train-labels-idx1-ubyte.gz': gzipSync(labelFile) };
const tiny = (options?: MNISTOptions) => new TinyMNIST(folderWith(whole), options);

describe('a dataset in idx files', () => {
  it('gives images and labels, from packed and unpacked files', () => {
    const dataset = tiny();
    expect([dataset.length, dataset.data.shape, dataset.data.dtype]).toEqual([12, [12, 28, 28], 'uint8']);
    expect(dataset.targets.dtype).toBe('int64');
    expect(dataset.targets.tolist()).toEqual([...labels]);
    const [image, label] = dataset.getItem(3);
    expect(label).toBe(3);
    expect(image.shape).toEqual([28, 28]);
    expect([...image.toTypedArray()]).toEqual([...pixels.subarray(3 * 784, 4 * 784)]);
  });

  it('stays as it is when the image it gave is changed', () => {
    const dataset = tiny();
    dataset.getItem(0)[0].zero_();
    expect(dataset.getItem(0)[0].at(0, 1).item()).toBe(31);
  });

  it('applies the transforms to image and label', () => {
    const dataset = tiny({ transform: new ToTensor(), targetTransform: (label) => label + 100 });
    const [image, label] = dataset.getItem(1);
    expect([image.dtype, image.shape, label]).toEqual(['float32', [1, 28, 28], 101]);
    expect(tiny({ transform: (image) => image.sum() }).getItem(0)[0].shape).toEqual([]);
  });

  it('names the sample for which a transform returned no tensor', () => {
    const odd = tiny({ transform: (() => null) as never });
    expect(() => odd.getItem(2)).toThrow(/TRANSFORM_OUTPUT.*TinyMNIST returned null for sample 2/);
  });

  it('gives a batch with the values of its samples, bit for bit', () => {
    const dataset = tiny({ transform: new Compose([new ToTensor(), new Normalize([0.286], [0.353])]) });
    const indices = [7, 0, 0, 11];
    const [images, targets] = dataset.getBatch!(indices);
    const items = indices.map((index) => dataset.getItem(index));
    expect(images.equal(torch.stack(items.map(([image]) => image)))).toBe(true);
    expect(targets.dtype).toBe('int64');
    expect(targets.tolist()).toEqual(items.map(([, label]) => label));
    expect(tiny().getBatch!([2])[0].equal(tiny().getItem(2)[0].unsqueeze(0))).toBe(true);
  });

  it('has no getBatch where samples have to be made one by one', () => {
    expect(tiny({ transform: new RandomHorizontalFlip() }).getBatch).toBeUndefined();
    expect(tiny({ transform: (image) => image }).getBatch).toBeUndefined();
    expect(tiny({ targetTransform: (label) => label }).getBatch).toBeUndefined();
  });

  it('refuses samples it does not have', () => {
    const dataset = tiny();
    for (const index of [-1, 12, 0.5, Number.NaN]) {
      expect(() => dataset.getItem(index)).toThrow(/INDEX_OUT_OF_RANGE/);
      expect(() => dataset.getBatch!([0, index])).toThrow(/INDEX_OUT_OF_RANGE/);
    }
  });

  it('names the file that is missing, where it looked, and what to call', () => {
    expect(() => new TinyMNIST('/nowhere')).toThrow(
      /DATASET_MISSING.*train-images.*\/nowhere\/Tiny\/raw.*TinyMNIST\.prepare/,
    );
    expect(TinyMNIST.isPrepared('/nowhere')).toBe(false);
    expect(() => tiny({ download: true } as MNISTOptions)).toThrow(/OPTION_INVALID.*TinyMNIST\.prepare/);
  });

  const flipped = gzipSync(imageFile);
  flipped[flipped.length >> 1]! ^= 0x40;
  it.each<[string, string, Uint8Array, RegExp]>([
    ['a cut file', 'train-images-idx3-ubyte', imageFile.subarray(0, 5000), /is cut.*12 × 28 × 28.*9424.*5000/],
    ['a cut header', 'train-images-idx3-ubyte', imageFile.subarray(0, 10), /is cut.*10 bytes/],
    ['an empty file', 'train-images-idx3-ubyte', Buffer.alloc(0), /is cut/],
    ['bytes too many', 'train-images-idx3-ubyte', Buffer.concat([imageFile, Buffer.alloc(1)]), /too long/],
    [
      'another kind of file',
      'train-images-idx3-ubyte',
      Buffer.from('<html>not found, this is a page</html>'),
      /begins with 3c68746d/,
    ],
    ['labels for images', 'train-images-idx3-ubyte', labelFile, /begins with 00000801, not 00000803/],
    [
      'too few labels',
      'train-labels-idx1-ubyte',
      Buffer.concat([header(0x0801, 11), labels.subarray(1)]),
      /11 labels for the 12 images/,
    ],
    [
      'a label of no class',
      'train-labels-idx1-ubyte',
      Buffer.concat([header(0x0801, 12), labels.map((l) => l + 3)]),
      /label 10 of sample 7/,
    ],
    ['a flipped bit in a packed file', 'train-images-idx3-ubyte.gz', flipped, /cannot be unpacked/],
    [
      'a packed file that is cut',
      'train-images-idx3-ubyte.gz',
      gzipSync(imageFile).subarray(0, 200),
      /cannot be unpacked/,
    ],
  ])('names the file and what is wrong with it: %s', (_, name, bytes, reason) => {
    const files: Record<string, Uint8Array> = { ...whole, [name]: bytes };
    if (name.endsWith('.gz')) delete files[name.replace('.gz', '')];
    const create = () => new TinyMNIST(folderWith(files));
    expect(create).toThrow(/^DATASET_CORRUPT: .*Delete the file and prepare the dataset again/);
    expect(create).toThrow(name);
    expect(create).toThrow(reason);
  });
});

// The 60,000 images come with Debian's package dataset-fashion-mnist; other machines have them only after a download.
describe.skipIf(!existsSync('/usr/share/datasets/fashion-mnist'))('Fashion-MNIST of the system', () => {
  it('is found, with all its images and classes', () => {
    const train = new FashionMNIST('/nowhere');
    expect([train.length, train.data.shape]).toEqual([60_000, [60_000, 28, 28]]);
    expect(train.targets.bincount().tolist()).toEqual(Array(10).fill(6000));
    expect(train.classes[train.getItem(0)[1]]).toBe('Ankle boot');
    // Sums that numpy gives for the same files.
    expect(train.data.sum().item()).toBe(3_431_114_169);
    const test = new FashionMNIST('/nowhere', { train: false });
    expect([test.length, test.data.sum().item()]).toEqual([10_000, 573_469_082]);
    expect(FashionMNIST.isPrepared('/nowhere')).toBe(true);
  });
});
