import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fromTypedArray } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';
import { downloadFile } from './downloadFile.js';
import type { PrepareOptions, Resource } from './idxDataset.js';
import { corrupt } from './idxFile.js';
import { readMatFile } from './matFile.js';
import { MemoryDataset } from './memoryDataset.js';
import type { ImageDatasetOptions } from './visionDataset.js';

export type SVHNSplit = 'train' | 'test' | 'extra';
export interface SVHNOptions extends ImageDatasetOptions<number> {
  /** Default `'train'`. */
  split?: SVHNSplit;
}

/**
 * Street View House Numbers: digits as images uint8 [3, 32, 32], label 0 to 9
 * (http://ufldl.stanford.edu/housenumbers). The `.mat` files are looked for in `root`;
 * `await SVHN.prepare(root)` downloads what is missing.
 */
export class SVHN extends MemoryDataset {
  static readonly mirrors: readonly string[] = ['http://ufldl.stanford.edu/housenumbers/'];
  static readonly resources: Readonly<Record<SVHNSplit, Resource>> = {
    train: ['train_32x32.mat', 'e26dedcc434d2e4c54c9b2d4a06d8373'],
    test: ['test_32x32.mat', 'eb5a983be6a315427106f1b164d9cef3'],
    extra: ['extra_32x32.mat', 'a93ce644f1a588dc4d68dda5feec44a7'],
  };
  readonly split: SVHNSplit;

  /** @throws VisionError `DATASET_MISSING` when the file is not there, `DATASET_CORRUPT` when it is damaged. */
  constructor(root: string, options: SVHNOptions = {}) {
    const { split = 'train', ...rest } = options;
    const kind = new.target as typeof SVHN;
    const path = join(root, resourceOf(kind, split)[0]);
    if (!existsSync(path)) {
      throw new VisionError(
        'DATASET_MISSING',
        `${path} is not there. Call await ${kind.name}.prepare('${root}', { split: '${split}' }) first, for example in prepareData().`,
      );
    }
    const arrays = readMatFile(path);
    const [images, labels] = [arrays.get('X'), arrays.get('y')];
    const count = images?.shape[3] ?? 0;
    if (images === undefined || labels === undefined || images.shape.slice(0, 3).join() !== '32,32,3') {
      throw corrupt(path, 'it has no X of images [32, 32, 3, n] and y of labels');
    }
    if (labels.data.length !== count) throw corrupt(path, `it has ${labels.data.length} labels for ${count} images`);
    const wrong = labels.data.findIndex((label) => label < 1 || label > 10);
    if (wrong >= 0) throw corrupt(path, `label ${labels.data[wrong]} of sample ${wrong} is not from 1 to 10`);
    // The first index runs fastest, so that the file holds [n, 3, columns, rows]. The digit 0 has the label 10.
    const data = fromTypedArray(images.data, [count, 3, 32, 32]).transpose(2, 3).contiguous();
    super(
      data,
      Array.from(labels.data, (label) => label % 10),
      rest,
    );
    this.split = split;
  }

  /** Downloads a split unless it is there, default `'train'`. */
  static async prepare(root: string, options: PrepareOptions & { split?: SVHNSplit } = {}): Promise<void> {
    const kind = this as typeof SVHN;
    const [name, md5] = resourceOf(kind, options.split ?? 'train');
    const path = join(root, name);
    if (existsSync(path)) return;
    await downloadFile(
      (options.mirrors ?? kind.mirrors).map((mirror) => mirror + name),
      path,
      { md5 },
    );
  }

  /** Whether a split is there, default `'train'`. */
  static isPrepared(root: string, split: SVHNSplit = 'train'): boolean {
    return existsSync(join(root, resourceOf(this as typeof SVHN, split)[0]));
  }
}

function resourceOf(kind: typeof SVHN, split: SVHNSplit): Resource {
  const resource = kind.resources[split];
  if (resource !== undefined) return resource;
  throw new VisionError('OPTION_INVALID', `SVHN has the splits train, test and extra, and got '${split}'`);
}
