import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cat, fromTypedArray, type Tensor } from '@lightning-ts/torch';
import { NumpyArray, numpyGlobals, pythonGlobals, unpickle } from '@lightning-ts/torch/serialize';
import { VisionError } from '../errors.js';
import { downloadFile } from './downloadFile.js';
import type { PrepareOptions } from './idxDataset.js';
import { corrupt } from './idxFile.js';
import { MemoryDataset } from './memoryDataset.js';
import { extractTar } from './tarFile.js';
import type { ImageDatasetOptions } from './visionDataset.js';

export interface CIFAROptions extends ImageDatasetOptions<number> {
  /** The training images, or else the test images; default true. */
  train?: boolean;
}

/** Where the parts of a CIFAR dataset are. */
interface CIFARFiles {
  folder: string;
  archive: string;
  md5: string;
  train: readonly string[];
  test: readonly string[];
  meta: string;
  labels: string;
  names: string;
}

const bytesOfImage = 3 * 32 * 32;

/**
 * CIFAR-10: 50,000 training and 10,000 test images uint8 [3, 32, 32] in ten classes
 * (https://www.cs.toronto.edu/~kriz/cifar.html).
 *
 * The files are looked for in `<root>/cifar-10-batches-py`, as torchvision leaves them; `await CIFAR10.prepare(root)`
 * downloads and unpacks them, or unpacks an archive that is there.
 */
export class CIFAR10 extends MemoryDataset {
  static readonly mirrors: readonly string[] = ['https://www.cs.toronto.edu/~kriz/'];
  static readonly files: CIFARFiles = {
    folder: 'cifar-10-batches-py',
    archive: 'cifar-10-python.tar.gz',
    md5: 'c58f30108f718f92721af3b95e74349a',
    train: ['data_batch_1', 'data_batch_2', 'data_batch_3', 'data_batch_4', 'data_batch_5'],
    test: ['test_batch'],
    meta: 'batches.meta',
    labels: 'labels',
    names: 'label_names',
  };

  readonly train: boolean;
  readonly classes: readonly string[];
  /** Number of each class, by name. */
  readonly classToIdx: Readonly<Record<string, number>>;

  /** @throws VisionError `DATASET_MISSING` when a file is not there, `DATASET_CORRUPT` when one is damaged. */
  constructor(root: string, options: CIFAROptions = {}) {
    const { train = true, ...rest } = options;
    // The class that is made, which may be CIFAR100; `this` cannot be asked before super().
    const kind = new.target as typeof CIFAR10;
    const { files } = kind;
    const classes = namesOf(kind, root);
    const parts = files[train ? 'train' : 'test'].map((name) => readBatch(kind, root, name, classes.length));
    super(
      cat(parts.map(({ images }) => images)),
      parts.flatMap(({ labels }) => labels),
      rest,
    );
    this.train = train;
    this.classes = classes;
    this.classToIdx = Object.fromEntries(classes.map((name, i) => [name, i]));
  }

  /** Downloads and unpacks what is not there yet. A broken download goes on where it stopped. */
  static async prepare(root: string, options: PrepareOptions = {}): Promise<void> {
    const { files, mirrors } = this as typeof CIFAR10;
    if (this.isPrepared(root)) return;
    const archive = join(root, files.archive);
    if (!existsSync(archive)) {
      const urls = (options.mirrors ?? mirrors).map((mirror) => mirror + files.archive);
      await downloadFile(urls, archive, { md5: files.md5 });
    }
    await extractTar(archive, root);
  }

  /** Whether every file is there. */
  static isPrepared(root: string): boolean {
    const { files } = this as typeof CIFAR10;
    return [...files.train, ...files.test, files.meta].every((name) => existsSync(join(root, files.folder, name)));
  }
}

/** CIFAR-100: as {@link CIFAR10}, in a hundred classes. */
export class CIFAR100 extends CIFAR10 {
  static override readonly files: CIFARFiles = {
    folder: 'cifar-100-python',
    archive: 'cifar-100-python.tar.gz',
    md5: 'eb9058c3a382ffc7106e4002c42a8d85',
    train: ['train'],
    test: ['test'],
    meta: 'meta',
    labels: 'fine_labels',
    names: 'fine_label_names',
  };
}

function readPickle(kind: typeof CIFAR10, root: string, name: string): [string, Record<string, unknown>] {
  const path = join(root, kind.files.folder, name);
  if (!existsSync(path)) {
    throw new VisionError(
      'DATASET_MISSING',
      `${name} is not in ${join(root, kind.files.folder)}. Call await ${kind.name}.prepare('${root}') first, for example in prepareData().`,
    );
  }
  try {
    const { value } = unpickle(readFileSync(path), { globals: [pythonGlobals, numpyGlobals] });
    if (typeof value === 'object' && value !== null) return [path, value as Record<string, unknown>];
  } catch (cause) {
    throw corrupt(path, `it cannot be read (${(cause as Error).message})`, cause);
  }
  throw corrupt(path, 'it holds no dictionary');
}

function namesOf(kind: typeof CIFAR10, root: string): string[] {
  const [path, meta] = readPickle(kind, root, kind.files.meta);
  const names = meta[kind.files.names];
  if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return [...names];
  throw corrupt(path, `it has no list ${kind.files.names}`);
}

function readBatch(
  kind: typeof CIFAR10,
  root: string,
  name: string,
  classes: number,
): { images: Tensor; labels: number[] } {
  const [path, batch] = readPickle(kind, root, name);
  const { data } = batch;
  const labels = batch[kind.files.labels];
  if (!(data instanceof NumpyArray) || !(data.data instanceof Uint8Array) || data.shape[1] !== bytesOfImage) {
    throw corrupt(path, `it has no images of ${bytesOfImage} bytes`);
  }
  const count = data.shape[0]!;
  if (!Array.isArray(labels) || labels.length !== count) {
    throw corrupt(
      path,
      `it has ${Array.isArray(labels) ? labels.length : 'no'} ${kind.files.labels} for ${count} images`,
    );
  }
  const wrong = labels.findIndex((label) => !Number.isInteger(label) || label < 0 || label >= classes);
  if (wrong >= 0) throw corrupt(path, `label ${labels[wrong]} of sample ${wrong} is none of the ${classes} classes`);
  return { images: fromTypedArray(data.data, [count, 3, 32, 32]), labels: Array.from(labels as number[]) };
}
