import { join } from 'node:path';
import { fromTypedArray } from '@lightning-ts/torch';
import { downloadFile } from './downloadFile.js';
import {
  checkPair,
  findFile,
  IdxDataset,
  type IdxDatasetOptions,
  locateFile,
  type PrepareOptions,
  type Resource,
} from './idxDataset.js';
import { readIdxFile } from './idxFile.js';

export interface MNISTOptions extends IdxDatasetOptions<number> {
  /** The training images, or else the test images; default true. */
  train?: boolean;
}

/**
 * The MNIST digits: 60,000 training and 10,000 test images of 28 × 28 grey pixels.
 *
 * The files are looked for in `<root>/MNIST/raw`, packed or not; `await MNIST.prepare(root)` downloads what is missing.
 * A sample is `[image, label]`. Where the transform can work on many images at once there is also `getBatch`, which
 * gives `[images, labels]` (labels int64) with the same values in a few operations.
 */
export class MNIST extends IdxDataset<number> {
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
  private readonly labels: Uint8Array;

  /**
   * @param root folder of datasets.
   * @throws VisionError `DATASET_MISSING` when a file is not there, `DATASET_CORRUPT` when one is damaged.
   */
  constructor(root: string, options: MNISTOptions = {}) {
    const { train = true, ...rest } = options;
    // The class that is made, which may be a kin of MNIST; `this` cannot be asked before super().
    const kind = new.target as typeof MNIST;
    const { prefix, classes } = kind.contentsOf(options);
    const locate = (name: string) => locateFile(kind, root, name, `${kind.name}.prepare('${root}')`);
    const imagesPath = locate(`${prefix}-images-idx3-ubyte.gz`);
    const labelsPath = locate(`${prefix}-labels-idx1-ubyte.gz`);
    const images = readIdxFile(imagesPath, 3);
    const labels = readIdxFile(labelsPath, 1);
    checkPair(images, imagesPath, labels.data, labelsPath, classes.length);
    super(fromTypedArray(images.data, images.shape), fromTypedArray(labels.data).to('int64'), classes, rest);
    this.train = train;
    this.labels = labels.data.slice();
  }

  /** Downloads the files that are not there yet. Safe to call again; an interrupted download goes on where it stopped. */
  static async prepare(root: string, options: PrepareOptions = {}): Promise<void> {
    const mirrors = options.mirrors ?? this.mirrors;
    for (const [name, md5] of this.resources) {
      if (findFile(this, root, name) !== null) continue;
      const urls = mirrors.map((mirror) => mirror + name);
      await downloadFile(urls, join(root, this.folder, 'raw', name), { md5 });
    }
  }

  /** Whether every file is there. */
  static isPrepared(root: string): boolean {
    return this.resources.every(([name]) => findFile(this, root, name) !== null);
  }

  /** How the names of a split's files begin, and the classes of its labels. */
  protected static contentsOf(options: MNISTOptions): { prefix: string; classes: readonly string[] } {
    return { prefix: options.train === false ? 't10k' : 'train', classes: this.classes };
  }

  protected override targetAt(index: number): number {
    return this.labels[index]!;
  }

  protected override batchTargets() {
    return this.targets;
  }
}
