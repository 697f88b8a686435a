import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as torch from '@lightning-ts/torch';
import { DataLoader, Subset } from '@lightning-ts/torch/data';
import { afterAll, describe, expect, it } from 'vitest';
import { readImage } from '../io/index.js';
import * as T from '../transforms/index.js';
import {
  CIFAR10,
  CIFAR100,
  CocoDetection,
  DatasetFolder,
  extractTar,
  FakeData,
  ImageFolder,
  KMNIST,
  SVHN,
  VOCDetection,
  VOCSegmentation,
} from './index.js';

const fixtures = fileURLToPath(new URL('../../test/fixtures/images/', import.meta.url));
const fixture = (name: string) => join(fixtures, name);
interface Packed {
  shape: number[];
  data: string;
}
const recorded = JSON.parse(readFileSync(fixture('decoded.json'), 'utf8')) as {
  fake: { images: Packed; labels: number[] };
  cifar: Packed;
  svhn: Packed;
};
const unpack = ({ shape, data }: Packed) => torch.fromBuffer(Buffer.from(data, 'base64'), 'uint8', { shape });

const made: string[] = [];
afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true });
});
function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'datasets-'));
  made.push(folder);
  return folder;
}
/** A folder with copies of fixtures, by the path they get. */
function folderOf(files: Record<string, string>): string {
  const root = scratch();
  for (const [path, name] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true });
    copyFileSync(fixture(name), join(root, path));
  }
  return root;
}
const pets = {
  'dog/b.png': 'colour.png',
  'dog/a.JPG': 'grey.jpg',
  'dog/litter/0.png': 'alpha.png',
  'cat/x.webp': 'lossless.webp',
  'cat/notes.txt': 'make.py',
  'Zebra/1.gif': 'frames.gif',
};

describe('ImageFolder', () => {
  it('takes folders in order as classes and the images below them as samples', async () => {
    const root = folderOf(pets);
    writeFileSync(join(root, 'readme.txt'), '');
    symlinkSync(join(root, 'dog'), join(root, 'wolf'));
    const dataset = new ImageFolder(root);
    expect(dataset.classes).toEqual(['Zebra', 'cat', 'dog', 'wolf']);
    expect(dataset.classToIdx).toEqual({ Zebra: 0, cat: 1, dog: 2, wolf: 3 });
    expect(dataset.samples.map(([path, target]) => [path.slice(root.length + 1), target])).toEqual([
      ['Zebra/1.gif', 0],
      ['cat/x.webp', 1],
      ['dog/a.JPG', 2],
      ['dog/b.png', 2],
      ['dog/litter/0.png', 2],
      ['wolf/a.JPG', 3],
      ['wolf/b.png', 3],
      ['wolf/litter/0.png', 3],
    ]);
    expect(dataset.targets).toEqual([0, 1, 2, 2, 2, 3, 3, 3]);
    const [image, label] = await dataset.getItem(3);
    expect([image.shape, image.dtype, label]).toEqual([[3, 19, 26], 'uint8', 2]);
    expect(image.equal(await readImage(fixture('colour.png')))).toBe(true);
  });

  const transform = () =>
    new T.Compose([
      new T.RandomResizedCrop(8),
      new T.RandomHorizontalFlip(),
      new T.ToTensor(),
      new T.Normalize([0.5, 0.4, 0.3], [0.2, 0.2, 0.2]),
    ]);

  it('gives several samples at once with the draws of one after the other', async () => {
    const dataset = new ImageFolder(folderOf(pets), { transform: transform() });
    torch.manualSeed(4);
    const together = await dataset.getItems([3, 0, 2]);
    torch.manualSeed(4);
    for (const [image, label] of together) {
      const alone: [torch.Tensor, number] = await dataset.getItem([3, 0, 2][together.findIndex(([x]) => x === image)]!);
      expect(alone[0].equal(image)).toBe(true);
      expect(alone[1]).toBe(label);
    }
  });

  it('feeds a loader, the same with and without workers, its transforms included', async () => {
    const dataset = new ImageFolder(folderOf(pets), { transform: transform() });
    const epoch = async (numWorkers: number) => {
      torch.manualSeed(9);
      const batches: [torch.Tensor, torch.Tensor][] = [];
      const loader = new DataLoader(dataset, { batchSize: 2, shuffle: true, numWorkers, seeding: 'batch' });
      for await (const batch of loader) batches.push(batch);
      return batches;
    };
    const [alone, helped] = [await epoch(0), await epoch(2)];
    expect(alone.map(([images]) => images.shape)).toEqual([
      [2, 3, 8, 8],
      [2, 3, 8, 8],
      [1, 3, 8, 8],
    ]);
    expect(helped.map(([, labels]) => labels.tolist())).toEqual(alone.map(([, labels]) => labels.tolist()));
    expect(helped.every(([images], i) => images.equal(alone[i]![0]))).toBe(true);
  });

  it('leaves no tensor behind over many batches, also of images that cannot be read', async () => {
    const root = folderOf(pets);
    const dataset = new ImageFolder(root, { transform: transform() });
    const broken = join(root, 'dog/broken.png');
    const pass = async (): Promise<number> => {
      for (let i = 0; i < 10; i++) await dataset.getItems([0, 1, 2, 3, 4]);
      writeFileSync(broken, 'no image');
      const worse = new ImageFolder(root, { transform: transform() });
      await expect(worse.getItems([0, 1, 2, 3, 4, 5])).rejects.toThrow(/broken\.png/);
      rmSync(broken);
      // The samples that were still being decoded when the batch failed.
      await worse.getItem(0);
      torch.memory.collect();
      return torch.memory.stats().liveTensors;
    };
    const first = await pass();
    expect(await pass()).toBeLessThanOrEqual(first);
  });

  it('takes other files by a function, and a target transform', async () => {
    const dataset = new ImageFolder(folderOf(pets), {
      isValidFile: (path) => /png|webp|gif/.test(path),
      targetTransform: (label) => label + 100,
    });
    expect(dataset.imgs.length).toBe(4);
    expect((await dataset.getItem(0))[1]).toBe(100);
    expect((await new Subset(dataset, [2]).getItem(0))[1]).toBe(102);
  });

  it('lets a loader leave out and count images that cannot be read', async () => {
    const root = folderOf(pets);
    writeFileSync(join(root, 'cat/broken.png'), readFileSync(fixture('colour.png')).subarray(0, 600));
    const dataset = new ImageFolder(root, { transform: new T.Resize([4, 4]) });
    torch.silenceWarnings('DATA_BAD_SAMPLE');
    const loader = new DataLoader(dataset, { batchSize: 6, onBadSample: 'skip' });
    const sizes: number[] = [];
    for await (const [images] of loader) sizes.push(images.size(0));
    expect([sizes, loader.badSamples]).toEqual([[5], 1]);
    const strict = new DataLoader(dataset, { batchSize: 6 });
    await expect(strict[Symbol.asyncIterator]().next()).rejects.toThrow(/broken\.png/);
  });

  it('refuses folders without classes or images, wrong options, samples it does not have, and what is no tensor', async () => {
    expect(() => new ImageFolder('/nowhere')).toThrow(/DATASET_MISSING.*\/nowhere/);
    expect(() => new ImageFolder(scratch())).toThrow(/DATASET_EMPTY.*has no folders/);
    const root = folderOf(pets);
    mkdirSync(join(root, 'ant'));
    mkdirSync(join(root, 'bee'));
    expect(() => new ImageFolder(root)).toThrow(/DATASET_EMPTY.*\.jpg.*classes ant, bee.*allowEmpty/);
    const dataset = new ImageFolder(root, { allowEmpty: true, maxPixels: 100 });
    expect([dataset.classes.length, dataset.length]).toEqual([5, 5]);
    await expect(dataset.getItem(0)).rejects.toThrow(/IMAGE_TOO_LARGE.*1\.gif.*100 pixels/);
    await expect(dataset.getItem(5)).rejects.toThrow(/INDEX_OUT_OF_RANGE.*5.*0 to 4/);
    await expect(dataset.getItems([0, -1])).rejects.toThrow(/INDEX_OUT_OF_RANGE/);
    const odd = new ImageFolder(root, { allowEmpty: true, transform: (() => 'x') as never });
    await expect(odd.getItem(1)).rejects.toThrow(/TRANSFORM_OUTPUT.*ImageFolder.*string.*sample 1/);
    expect(() => new ImageFolder(root, { transforms: (x, y) => [x, y], transform: (x) => x })).toThrow(
      /OPTION_INVALID/,
    );
    expect(() => new ImageFolder(root, { download: true } as never)).toThrow(/OPTION_INVALID.*prepare/);
  });
});

it('DatasetFolder reads files with a function of yours', async () => {
  const root = scratch();
  mkdirSync(join(root, 'a'));
  writeFileSync(join(root, 'a', 'x.bin'), Uint8Array.of(1, 2, 3));
  const loader = (path: string) => torch.fromTypedArray(new Uint8Array(readFileSync(path)));
  const dataset = new DatasetFolder(root, { loader, extensions: ['.bin'] });
  expect((await dataset.getItem(0))[0].tolist()).toEqual([1, 2, 3]);
  expect(() => new DatasetFolder(root, { loader })).toThrow(/OPTION_INVALID.*extensions or isValidFile/);
  expect(() => new DatasetFolder(root, { loader: 3 as never, extensions: ['.bin'] })).toThrow(/OPTION_INVALID.*loader/);
});

it('FakeData is that of torchvision', () => {
  const fake = new FakeData({ size: 3, imageSize: [3, 5, 4], randomOffset: 7 });
  const samples = [0, 1, 2].map((i) => fake.getItem(i));
  expect(samples.map(([, label]) => label)).toEqual(recorded.fake.labels);
  expect(torch.stack(samples.map(([image]) => image)).equal(unpack(recorded.fake.images))).toBe(true);
  expect(() => new FakeData({ size: 0 })).toThrow(/OPTION_INVALID.*size.*0/);
});

/** Serves one file under its name, and counts the requests. */
async function serve(name: string, bytes: Uint8Array) {
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    response.statusCode = request.url === `/${name}` ? 200 : 404;
    response.end(response.statusCode === 200 ? bytes : '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => new Promise((resolve) => server.close(resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return { mirrors: [address], close, requests: () => requests };
}
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');

describe('CIFAR', () => {
  const archive = readFileSync(fixture('cifar.tar.gz'));
  class TinyCIFAR10 extends CIFAR10 {
    static override readonly files = { ...CIFAR10.files, md5: md5(archive) };
  }

  it('is downloaded, checked, unpacked once, and read', async () => {
    const root = scratch();
    const server = await serve('cifar-10-python.tar.gz', archive);
    await TinyCIFAR10.prepare(root, server);
    await TinyCIFAR10.prepare(root, server);
    await server.close();
    expect(server.requests()).toBe(1);
    const pixels = unpack(recorded.cifar);
    const train = new TinyCIFAR10(root);
    expect([train.length, train.data.shape, train.targets]).toEqual([5, [5, 3, 32, 32], [0, 1, 2, 3, 4]]);
    expect(train.classes[4]).toBe('class 4');
    expect(train.data.at(2).view([-1]).equal(pixels.at(0).bitwiseXor(2))).toBe(true);
    const test = new TinyCIFAR10(root, { train: false, transform: new T.ToTensor() });
    const [image, label] = test.getItem(0);
    expect(label).toBe(9);
    expect(image.mul(255).round().to('uint8').view([-1]).equal(pixels.at(1))).toBe(true);
    train.getItem(0)[0].zero_();
    expect(train.data.at(0).view([-1]).equal(pixels.at(0))).toBe(true);
  });

  it('with another checksum is not kept', async () => {
    const root = scratch();
    const server = await serve('cifar-10-python.tar.gz', archive.subarray(1));
    await expect(TinyCIFAR10.prepare(root, server)).rejects.toThrow(/CHECKSUM_MISMATCH/);
    await server.close();
    expect(() => new TinyCIFAR10(root)).toThrow(/DATASET_MISSING.*batches\.meta.*TinyCIFAR10\.prepare/);
  });

  it('in a hundred classes is unpacked from an archive that is there, and a label of no class refused', async () => {
    const root = folderOf({ 'cifar-100-python.tar.gz': 'cifar.tar.gz' });
    await CIFAR100.prepare(root, { mirrors: [] });
    expect(new CIFAR100(root).targets).toEqual([99, 1, 2]);
    expect(() => new CIFAR100(root, { train: false })).toThrow(/DATASET_CORRUPT.*label 100 of sample 0.*100 classes/);
    const path = join(root, 'cifar-100-python', 'train');
    writeFileSync(path, readFileSync(path).subarray(0, 2000));
    expect(() => new CIFAR100(root)).toThrow(/DATASET_CORRUPT.*train.*cannot be read/);
  });
});

describe('archives', () => {
  it('that are cut, damaged or lead out of the folder are refused', async () => {
    const bytes = readFileSync(fixture('cifar.tar.gz'));
    const attempt = (name: string, content: Uint8Array) => {
      const root = scratch();
      writeFileSync(join(root, name), content);
      return extractTar(join(root, name), join(root, 'out'));
    };
    await expect(attempt('cut.tar.gz', bytes.subarray(0, 9000))).rejects.toThrow(/DATASET_CORRUPT.*cut\.tar\.gz/);
    await expect(attempt('text.tar', Buffer.alloc(2000, 'x'))).rejects.toThrow(/DATASET_CORRUPT.*no tar archive/);
    const evil = Buffer.alloc(1024);
    evil.write('../../evil.txt');
    evil.write('00000000000', 124);
    evil.write('0', 156);
    evil.write('        ', 148);
    evil.write(
      `${[...evil]
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    );
    await expect(attempt('evil.tar', evil)).rejects.toThrow(/DATASET_CORRUPT.*leads out/);
  });
});

describe('SVHN', () => {
  it('reads packed and plain MATLAB files, with 10 as the digit 0', () => {
    const train = new SVHN(fixtures);
    expect(train.targets).toEqual([0, 3]);
    expect(train.data.equal(unpack(recorded.svhn))).toBe(true);
    expect(new SVHN(fixtures, { split: 'test' }).targets).toEqual([1, 2]);
  });

  it('refuses splits it does not have, and files that are cut', () => {
    expect(() => new SVHN(fixtures, { split: 'val' as 'test' })).toThrow(/OPTION_INVALID.*'val'/);
    expect(() => new SVHN(fixtures, { split: 'extra' })).toThrow(/DATASET_MISSING.*extra_32x32\.mat.*SVHN\.prepare/);
    const root = folderOf({ 'train_32x32.mat': 'train_32x32.mat' });
    writeFileSync(join(root, 'train_32x32.mat'), readFileSync(fixture('train_32x32.mat')).subarray(0, 3000));
    expect(() => new SVHN(root)).toThrow(/DATASET_CORRUPT.*train_32x32\.mat.*cut/);
    expect(SVHN.isPrepared(root)).toBe(true);
    expect(SVHN.isPrepared(root, 'test')).toBe(false);
  });
});

describe('Pascal VOC and COCO', () => {
  const base = 'VOCdevkit/VOC2012/';
  const voc = () => {
    const root = folderOf({
      [`${base}JPEGImages/one.jpg`]: 'colour.jpg',
      [`${base}SegmentationClass/one.png`]: 'palette.png',
    });
    for (const folder of ['Segmentation', 'Main']) {
      mkdirSync(join(root, base, 'ImageSets', folder), { recursive: true });
      writeFileSync(join(root, base, 'ImageSets', folder, 'train.txt'), 'one\n');
    }
    mkdirSync(join(root, base, 'Annotations'));
    return root;
  };
  const xml = `<?xml version="1.0"?><annotation><size><width>26</width><height>19</height></size>
    <object><name>dog &amp; cat</name><bndbox><xmin>1</xmin></bndbox><part>a</part><part>b</part></object></annotation>`;

  it('give images with masks, boxes and their transforms together', async () => {
    const root = voc();
    writeFileSync(join(root, base, 'Annotations', 'one.xml'), xml);
    const [image, mask] = await new VOCSegmentation(root).getItem(0);
    expect([image.shape, mask.shape, mask.dtype, mask.max().item()]).toEqual([[3, 19, 26], [1, 19, 26], 'uint8', 20]);
    const both = new VOCSegmentation(root, { transforms: (a, b) => [T.functional.hflip(a), T.functional.hflip(b)] });
    expect((await both.getItem(0))[1].equal(mask.flip([-1]))).toBe(true);
    expect((await new VOCDetection(root).getItem(0))[1]).toEqual({
      annotation: {
        size: { width: '26', height: '19' },
        object: [{ name: 'dog & cat', bndbox: { xmin: '1' }, part: ['a', 'b'] }],
      },
    });
    writeFileSync(join(root, base, 'Annotations', 'one.xml'), xml.slice(0, 150));
    await expect(new VOCDetection(root).getItem(0)).rejects.toThrow(/DATASET_CORRUPT.*one\.xml.*cut/);
    expect(() => new VOCSegmentation(root, { imageSet: 'val' })).toThrow(/DATASET_MISSING.*val\.txt.*prepare/);
    expect(() => new VOCDetection(root, { imageSet: 'test' })).toThrow(/OPTION_INVALID.*test of 2012/);
  });

  it('give the objects of each image by the order of ids', async () => {
    const root = folderOf({ 'a.png': 'colour.png', 'b.jpg': 'grey.jpg' });
    const file = join(root, 'instances.json');
    const content = {
      images: [
        { id: 9, file_name: 'a.png' },
        { id: 4, file_name: 'b.jpg' },
      ],
      annotations: [{ id: 1, image_id: 9, category_id: 2, bbox: [1, 2, 3, 4] }],
      categories: [{ id: 2, name: 'dog' }],
    };
    writeFileSync(file, JSON.stringify(content));
    const dataset = new CocoDetection(root, file);
    expect([dataset.ids, dataset.categories]).toEqual([[4, 9], content.categories]);
    expect((await dataset.getItem(0))[1]).toEqual([]);
    expect((await dataset.getItem(1))[1]).toEqual(content.annotations);
    writeFileSync(file, '{"images": [');
    expect(() => new CocoDetection(root, file)).toThrow(/DATASET_CORRUPT.*no JSON/);
    writeFileSync(file, '{"images": []}');
    expect(() => new CocoDetection(root, file)).toThrow(/DATASET_CORRUPT.*annotations/);
    expect(() => new CocoDetection(root, '/nowhere.json')).toThrow(/DATASET_MISSING/);
  });
});

it('KMNIST looks in its own folder', () => {
  expect(() => new KMNIST('/nowhere')).toThrow(/DATASET_MISSING.*\/nowhere\/KMNIST\/raw.*KMNIST\.prepare/);
});
