import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fromTypedArray, type Tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';
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
import { corrupt, readIdxFile, readIdxIntegers } from './idxFile.js';
import { MNIST } from './mnist.js';

/**
 * Which images: MNIST's training set, 60,000 test images, the 10,000 of them that match MNIST's test set, the 50,000 others,
 * or all 402,953 digits of NIST.
 */
export type QMNISTPart = 'train' | 'test' | 'test10k' | 'test50k' | 'nist';

export interface QMNISTOptions<Compat extends boolean = true>
  extends IdxDatasetOptions<Compat extends true ? number : Tensor> {
  /** Default: by `train`. */
  what?: QMNISTPart;
  /** Where `what` is not given: the training images, or else the test images; default true. */
  train?: boolean;
  /** Whether a target is the digit, as MNIST has it, or all that is known of the image; default true. */
  compat?: Compat;
}

type Archive = 'train' | 'test' | 'nist';
const archiveOf: Readonly<Record<QMNISTPart, Archive>> = {
  train: 'train',
  test: 'test',
  test10k: 'test',
  test50k: 'test',
  nist: 'nist',
};
const partsOfTarget = 8;

/**
 * QMNIST: MNIST's digits with the writers and origins it lost, and 50,000 more test images
 * (https://github.com/facebookresearch/qmnist).
 *
 * With `compat: false` a target is int64 [8]: digit, NIST's series, its writer, the image's number in its partition, NIST's
 * class, NIST's number, twice 0. The files are looked for in `<root>/QMNIST/raw`. See {@link MNIST} for samples and batches.
 */
export class QMNIST<Compat extends boolean = true> extends IdxDataset<Compat extends true ? number : Tensor> {
  static readonly folder: string = 'QMNIST';
  static readonly classes: readonly string[] = MNIST.classes;
  static readonly mirrors: readonly string[] = ['https://raw.githubusercontent.com/facebookresearch/qmnist/master/'];
  /** Images and labels of each archive, named and checked as torchvision does. */
  static readonly resources: Readonly<Record<Archive, readonly [images: Resource, labels: Resource]>> = {
    train: [
      ['qmnist-train-images-idx3-ubyte.gz', 'ed72d4157d28c017586c42bc6afe6370'],
      ['qmnist-train-labels-idx2-int.gz', '0058f8dd561b90ffdd0f734c6a30e5e4'],
    ],
    test: [
      ['qmnist-test-images-idx3-ubyte.gz', '1394631089c404de565df7b7aeaf9412'],
      ['qmnist-test-labels-idx2-int.gz', '5b5b05890a5e13444e108efe57b788aa'],
    ],
    nist: [
      ['xnist-images-idx3-ubyte.xz', '7f124b3b8ab81486c9d8c2749c17f834'],
      ['xnist-labels-idx2-int.xz', '5ed0e788978e45d4a8bd4b7caec3d79d'],
    ],
  };
  static readonly systemFolders: readonly string[] = [];

  readonly what: QMNISTPart;
  readonly compat: boolean;

  /** @throws VisionError `OPTION_INVALID`, `DATASET_MISSING`, `DATASET_CORRUPT` */
  constructor(root: string, options: QMNISTOptions<Compat> = {}) {
    const { train = true, what = train ? 'train' : 'test', compat = true, ...rest } = options;
    const kind = new.target as typeof QMNIST;
    const [imagesPath, labelsPath] = kind
      .filesOf(what)
      .map(([name]) => locateFile(kind, root, name, `${kind.name}.prepare('${root}', { what: '${what}' })`));
    const images = readIdxFile(imagesPath!, 3);
    const labels = readIdxIntegers(labelsPath!, 2);
    if (labels.shape[1] !== partsOfTarget)
      throw corrupt(labelsPath!, `a target has ${labels.shape[1]} numbers, not ${partsOfTarget}`);
    const digits = Array.from({ length: labels.shape[0]! }, (_, i) => labels.data[partsOfTarget * i]!);
    checkPair(images, imagesPath!, digits, labelsPath!, kind.classes.length);
    const part = (all: Tensor): Tensor => {
      const most = Math.min(10_000, all.size(0));
      if (what === 'test10k') return all.narrow(0, 0, most).clone();
      return what === 'test50k' ? all.narrow(0, most, all.size(0) - most).clone() : all;
    };
    const targets = fromTypedArray(labels.data, labels.shape).to('int64');
    super(part(fromTypedArray(images.data, images.shape)), part(targets), kind.classes, rest);
    this.what = what;
    this.compat = compat;
  }

  /** Downloads what a part needs, default the training and test images. `nist` needs the program `xz`. */
  static async prepare(root: string, options: PrepareOptions & { what?: QMNISTPart } = {}): Promise<void> {
    const parts: readonly QMNISTPart[] = options.what === undefined ? ['train', 'test'] : [options.what];
    for (const [name, md5] of parts.flatMap((part) => this.filesOf(part))) {
      if (findFile(this, root, name) !== null) continue;
      const path = join(root, this.folder, 'raw', name);
      const urls = (options.mirrors ?? this.mirrors).map((mirror) => mirror + name);
      if (!existsSync(path)) await downloadFile(urls, path, { md5 });
      if (path.endsWith('.xz')) await unpackXz(path);
    }
  }

  /** Whether the files of a part are there, by default those of the training and test images. */
  static isPrepared(root: string, what?: QMNISTPart): boolean {
    const parts: readonly QMNISTPart[] = what === undefined ? ['train', 'test'] : [what];
    return parts.flatMap((part) => this.filesOf(part)).every(([name]) => findFile(this, root, name) !== null);
  }

  private static filesOf(what: QMNISTPart): readonly Resource[] {
    const archive = archiveOf[what];
    if (archive !== undefined) return this.resources[archive];
    throw new VisionError(
      'OPTION_INVALID',
      `QMNIST has the parts ${Object.keys(archiveOf).join(', ')}, and got what: '${String(what)}'`,
    );
  }

  protected override targetAt(index: number): Compat extends true ? number : Tensor {
    const row = this.targets.select(0, index);
    return (this.compat ? row.select(0, 0).item() : row.clone()) as Compat extends true ? number : Tensor;
  }

  protected override batchTargets(): Tensor {
    return this.compat ? this.targets.select(1, 0) : this.targets;
  }
}

/** Node has no reader for xz, so the program does it; the packed file goes. */
async function unpackXz(path: string): Promise<void> {
  try {
    await promisify(execFile)('xz', ['--decompress', '--force', path]);
  } catch (cause) {
    if ((cause as { code?: unknown }).code === 'ENOENT') {
      throw new VisionError(
        'DATASET_MISSING',
        `${path} is packed by xz, and the program xz is not here. Install it (apt-get install xz-utils), or unpack the file by hand.`,
        { cause },
      );
    }
    await rm(path, { force: true });
    throw corrupt(path, `it cannot be unpacked (${(cause as Error).message})`, cause);
  }
}
