import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fromTypedArray, isTensor, type Tensor } from '@lightning-ts/torch';
import type { Dataset } from '@lightning-ts/torch/data';
import { VisionError } from '../errors.js';
import { Lambda } from '../transforms/lambda.js';
import type { Transform } from '../transforms/transform.js';
import { corrupt, type IdxArray } from './idxFile.js';

export interface IdxDatasetOptions<Target> {
  /** Turns the uint8 image [28, 28] into what `getItem` gives. */
  transform?: Transform | ((image: Tensor) => Tensor);
  /** Turns the target into what `getItem` gives. */
  targetTransform?: (target: Target) => Target;
}

export interface PrepareOptions {
  /** Addresses to download from, each ending in a slash; default: the dataset's own. */
  mirrors?: readonly string[];
}

/** A packed file on a mirror, with its MD5 checksum. */
export type Resource = readonly [name: string, md5: string];

/** Where the files of a dataset lie. */
export interface FilePlaces {
  /** The folder below the root. */
  readonly folder: string;
  /** Where a system package puts the files. */
  readonly systemFolders: readonly string[];
}

/** Grey images in memory, read from the files of MNIST and its kin. A sample is `[image, target]`. */
export abstract class IdxDataset<Target> implements Dataset<[Tensor, Target], [Tensor, Tensor]> {
  /** Images and targets of many samples, collated. There only where the transform can work on many images at once. */
  readonly getBatch?: (indices: number[]) => [Tensor, Tensor];

  private readonly transform: Transform | null;
  private readonly targetTransform: ((target: Target) => Target) | null;

  /**
   * @param data all images, uint8 [n, 28, 28].
   * @param targets all targets, int64 [n] or [n, parts].
   * @param classes the classes' names, by label.
   */
  protected constructor(
    readonly data: Tensor,
    readonly targets: Tensor,
    readonly classes: readonly string[],
    options: IdxDatasetOptions<Target>,
  ) {
    const { transform, targetTransform } = options;
    if ('download' in options) {
      throw new VisionError(
        'OPTION_INVALID',
        `a constructor cannot wait for a download. Call await ${this.constructor.name}.prepare(root) before it, for example in prepareData().`,
      );
    }
    this.transform = typeof transform === 'function' ? new Lambda(transform) : (transform ?? null);
    this.targetTransform = targetTransform ?? null;
    if (this.targetTransform === null && this.transform?.batched !== false) {
      this.getBatch = (indices) => this.collatedBatch(indices);
    }
  }

  get length(): number {
    return this.data.size(0);
  }

  /** Sample `index`, counted from 0. */
  getItem(index: number): [Tensor, Target] {
    this.checkIndex(index);
    const target = this.targetAt(index);
    return [
      this.transformed(this.data.select(0, index), index),
      this.targetTransform === null ? target : this.targetTransform(target),
    ];
  }

  /** The target of one sample. */
  protected abstract targetAt(index: number): Target;

  /** The targets of all samples, as a batch has them. */
  protected abstract batchTargets(): Tensor;

  private transformed(image: Tensor, index: number): Tensor {
    // Without a transform the caller gets pixels of his own, so that changing them leaves the dataset as it is.
    if (this.transform === null) return image.clone();
    const result = this.transform.forward(image);
    if (isTensor(result)) return result;
    throw new VisionError(
      'TRANSFORM_OUTPUT',
      `the transform of ${this.constructor.name} returned ${result === null ? 'null' : typeof result} for sample ${index}; it must return a Tensor`,
    );
  }

  private collatedBatch(indices: number[]): [Tensor, Tensor] {
    for (const index of indices) this.checkIndex(index);
    const rows = fromTypedArray(Int32Array.from(indices));
    const images = this.data.indexSelect(0, rows);
    const targets = this.batchTargets().indexSelect(0, rows);
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

/** The path of a packed file or of its unpacked form; null when neither is anywhere. */
export function findFile(places: FilePlaces, root: string, name: string): string | null {
  for (const folder of [join(root, places.folder, 'raw'), ...places.systemFolders]) {
    for (const path of [join(folder, name.replace(/\.(gz|xz)$/, '')), join(folder, name)]) {
      // Packed by xz it cannot be read: preparing unpacks it.
      if (!path.endsWith('.xz') && existsSync(path)) return path;
    }
  }
  return null;
}

/** @param prepare what to call for it, as `MNIST.prepare('data')`. @throws VisionError `DATASET_MISSING` */
export function locateFile(places: FilePlaces, root: string, name: string, prepare: string): string {
  const path = findFile(places, root, name);
  if (path !== null) return path;
  const folders = [join(root, places.folder, 'raw'), ...places.systemFolders].join(' or ');
  throw new VisionError(
    'DATASET_MISSING',
    `${name} is not in ${folders}. Call await ${prepare} first, for example in prepareData().`,
  );
}

/** @throws VisionError `DATASET_CORRUPT` when there is not one target for each image, or a label has no class. */
export function checkPair(
  images: IdxArray,
  imagesPath: string,
  labels: ArrayLike<number>,
  labelsPath: string,
  classes: number,
): void {
  if (images.shape[0] !== labels.length)
    throw corrupt(labelsPath, `it has ${labels.length} labels for the ${images.shape[0]} images of ${imagesPath}`);
  for (let sample = 0; sample < labels.length; sample++) {
    const label = labels[sample]!;
    if (label < 0 || label >= classes)
      throw corrupt(labelsPath, `label ${label} of sample ${sample} is none of the ${classes} classes`);
  }
}
