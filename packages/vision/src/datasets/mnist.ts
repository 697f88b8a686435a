import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fromTypedArray, type Tensor } from '@lightning-ts/torch';
import type { Dataset } from '@lightning-ts/torch/data';
import { VisionError } from '../errors.js';
import { Lambda } from '../transforms/lambda.js';
import type { Transform } from '../transforms/transform.js';
import { downloadFile } from './downloadFile.js';
import { corrupt, readIdxFile } from './idxFile.js';

export interface MNISTOptions {
  /** The training images, or else the test images; default true. */
  train?: boolean;
  /** Turns the uint8 image [28, 28] into what `getItem` gives. */
  transform?: Transform | ((image: Tensor) => Tensor);
  /** Turns the label into what `getItem` gives. */
  targetTransform?: (label: number) => number;
}

export interface PrepareOptions {
  /** Addresses to download from, each ending in a slash; default: the dataset's own. */
  mirrors?: readonly string[];
}

/** A packed file on a mirror, with its MD5 checksum. */
export type Resource = readonly [name: string, md5: string];

/**
 * The MNIST digits: 60,000 training and 10,000 test images of 28 × 28 grey pixels.
 *
 * The files are looked for in `<root>/MNIST/raw`, packed or not; `await MNIST.prepare(root)` downloads what is missing.
 * A sample is `[image, label]`. Where the transform can work on many images at once there is also `getBatch`, which
 * gives `[images, labels]` (labels int64) with the same values in a few operations.
 */
export class MNIST implements Dataset<[Tensor, number], [Tensor, Tensor]> {
  static readonly folder: string = 'MNIST';
  static readonly classes: readonly string[] = [
    '0 - zero',
    '1 - one',
    '2 - two',
    '3 - three',
    '4 - four',
    '5 - five',
    '6 - six',
    '7 - seven',
    '8 - eight',
    '9 - nine',
  ];
  static readonly mirrors: readonly string[] = [
    'http://yann.lecun.com/exdb/mnist/',
    'https://ossci-datasets.s3.amazonaws.com/mnist/',
  ];
  /** The files, named and checked as torchvision does. */
  static readonly resources: readonly Resource[] = [
    ['train-images-idx3-ubyte.gz', 'f68b3c2dcbeaaa9fbdd348bbdeb94873'],
    ['train-labels-idx1-ubyte.gz', 'd53e105ee54ea40749a09fcbcd1e9432'],
    ['t10k-images-idx3-ubyte.gz', '9fb629c4189551a2d022fa330f9573f3'],
    ['t10k-labels-idx1-ubyte.gz', 'ec29112dd5afa0611ce80d1b7f02629c'],
  ];
  /** Where a system package puts the files. */
  static readonly systemFolders: readonly string[] = [];

  readonly train: boolean;
  /** All images, uint8 [n, 28, 28]. */
  readonly data: Tensor;
  /** All labels, int64 [n]. */
  readonly targets: Tensor;
  /** The classes' names, by label. */
  readonly classes: readonly string[];
  /** Images and labels of many samples, collated. There only where the transform can work on many images at once. */
  readonly getBatch?: (indices: number[]) => [Tensor, Tensor];

  private readonly transform: Transform | null;
  private readonly targetTransform: ((label: number) => number) | null;
  private readonly labels: Uint8Array;

  /**
   * @param root folder of datasets.
   * @throws VisionError `DATASET_MISSING` when a file is not there, `DATASET_CORRUPT` when one is damaged.
   */
  constructor(root: string, options: MNISTOptions = {}) {
    const { train = true, transform, targetTransform } = options;
    if ('download' in options) {
      throw new VisionError(
        'OPTION_INVALID',
        `a constructor cannot wait for a download. Call await ${this.constructor.name}.prepare(root) before it, for example in prepareData().`,
      );
    }
    const kind = this.constructor as MNISTClass;
    const prefix = train ? 'train' : 't10k';
    const imagesPath = locate(kind, root, `${prefix}-images-idx3-ubyte.gz`);
    const labelsPath = locate(kind, root, `${prefix}-labels-idx1-ubyte.gz`);
    const images = readIdxFile(imagesPath, 3);
    const labels = readIdxFile(labelsPath, 1);
    if (images.shape[0] !== labels.shape[0]) {
      throw corrupt(labelsPath, `it has ${labels.shape[0]} labels for the ${images.shape[0]} images of ${imagesPath}`);
    }
    const wrong = labels.data.findIndex((label) => label >= kind.classes.length);
    if (wrong >= 0) {
      throw corrupt(
        labelsPath,
        `label ${labels.data[wrong]} of sample ${wrong} is none of the ${kind.classes.length} classes`,
      );
    }
    this.train = train;
    this.classes = kind.classes;
    this.data = fromTypedArray(images.data, images.shape);
    this.targets = fromTypedArray(labels.data).to('int64');
    this.labels = labels.data.slice();
    this.transform = typeof transform === 'function' ? new Lambda(transform) : (transform ?? null);
    this.targetTransform = targetTransform ?? null;
    if (this.targetTransform === null && this.transform?.batched !== false) {
      this.getBatch = (indices) => this.collatedBatch(indices);
    }
  }

  /** Downloads the files that are not there yet. Safe to call again; an interrupted download goes on where it stopped. */
  static async prepare(root: string, options: PrepareOptions = {}): Promise<void> {
    const kind = this as MNISTClass;
    const mirrors = options.mirrors ?? kind.mirrors;
    for (const [name, md5] of kind.resources) {
      if (find(kind, root, name) !== null) continue;
      const urls = mirrors.map((mirror) => mirror + name);
      await downloadFile(urls, join(root, kind.folder, 'raw', name), { md5 });
    }
  }

  /** Whether every file is there. */
  static isPrepared(root: string): boolean {
    const kind = this as MNISTClass;
    return kind.resources.every(([name]) => find(kind, root, name) !== null);
  }

  get length(): number {
    return this.labels.length;
  }

  /** Sample `index`, counted from 0. */
  getItem(index: number): [Tensor, number] {
    this.checkIndex(index);
    const image = this.data.select(0, index);
    const label = this.labels[index] as number;
    return [
      // Without a transform the caller gets pixels of his own, so that changing them leaves the dataset as it is.
      this.transform === null ? image.clone() : this.transform.forward(image),
      this.targetTransform === null ? label : this.targetTransform(label),
    ];
  }

  private collatedBatch(indices: number[]): [Tensor, Tensor] {
    for (const index of indices) this.checkIndex(index);
    const rows = fromTypedArray(Int32Array.from(indices));
    const images = this.data.indexSelect(0, rows);
    const targets = this.targets.indexSelect(0, rows);
    return [this.transform === null ? images : this.transform.forwardBatch(images), targets];
  }

  private checkIndex(index: number): void {
    if (Number.isInteger(index) && index >= 0 && index < this.length) return;
    throw new VisionError(
      'INDEX_OUT_OF_RANGE',
      `sample ${index} was asked for, and ${this.constructor.name} has the samples 0 to ${this.length - 1}`,
    );
  }
}

type MNISTClass = typeof MNIST;

/** The path of a packed file or of its unpacked form; null when neither is anywhere. */
function find(kind: MNISTClass, root: string, name: string): string | null {
  for (const folder of [join(root, kind.folder, 'raw'), ...kind.systemFolders]) {
    for (const path of [join(folder, name.replace(/\.gz$/, '')), join(folder, name)]) {
      if (existsSync(path)) return path;
    }
  }
  return null;
}

function locate(kind: MNISTClass, root: string, name: string): string {
  const path = find(kind, root, name);
  if (path !== null) return path;
  const places = [join(root, kind.folder, 'raw'), ...kind.systemFolders].join(' or ');
  throw new VisionError(
    'DATASET_MISSING',
    `${name} is not in ${places}. Call await ${kind.name}.prepare('${root}') first, for example in prepareData().`,
  );
}
