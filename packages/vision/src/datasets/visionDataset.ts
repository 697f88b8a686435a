import { isTensor, type Tensor } from '@lightning-ts/torch';
import type { Dataset } from '@lightning-ts/torch/data';
import { VisionError } from '../errors.js';
import { Lambda } from '../transforms/lambda.js';
import type { Transform } from '../transforms/transform.js';

export interface ImageDatasetOptions<Target = unknown> {
  /** Turns the uint8 image [channels, h, w] into what a sample holds. */
  transform?: Transform | ((image: Tensor) => Tensor);
  /** Turns the target into what a sample holds. */
  targetTransform?: (target: Target) => Target;
  /** Turns image and target together, in place of the two above: for boxes and masks that move with the image. */
  transforms?: (image: Tensor, target: Target) => [Tensor, Target];
}

/** A dataset in memory or in files that gives `[image, target]`: what all of them do with transforms and indices. */
export abstract class VisionDataset<Target, Item> implements Dataset<Item> {
  private readonly transform: Transform | null;
  private readonly targetTransform: ((target: Target) => Target) | null;
  private readonly transforms: ((image: Tensor, target: Target) => [Tensor, Target]) | null;

  constructor(options: ImageDatasetOptions<Target>) {
    const { transform, targetTransform, transforms } = options;
    if ('download' in options) {
      throw new VisionError(
        'OPTION_INVALID',
        `a constructor cannot wait for a download. Call await ${this.constructor.name}.prepare(root) before it, for example in prepareData().`,
      );
    }
    if (transforms !== undefined && (transform !== undefined || targetTransform !== undefined)) {
      throw new VisionError(
        'OPTION_INVALID',
        'transforms stands in place of transform and targetTransform; give one or the other',
      );
    }
    this.transform = typeof transform === 'function' ? new Lambda(transform) : (transform ?? null);
    this.targetTransform = targetTransform ?? null;
    this.transforms = transforms ?? null;
  }

  abstract readonly length: number;
  abstract getItem(index: number): Item;

  /** Applies the transforms; all random draws happen here, so that they come in the order of the samples. */
  protected transformed(image: Tensor, target: Target, index: number): [Tensor, Target] {
    if (this.transforms !== null) return this.transforms(image, target);
    const result = this.transform === null ? image : this.transform.forward(image);
    if (!isTensor(result)) {
      throw new VisionError(
        'TRANSFORM_OUTPUT',
        `the transform of ${this.constructor.name} returned ${result === null ? 'null' : typeof result} for sample ${index}; it must return a Tensor`,
      );
    }
    return [result, this.targetTransform === null ? target : this.targetTransform(target)];
  }

  protected checkIndex(index: number): void {
    if (Number.isInteger(index) && index >= 0 && index < this.length) return;
    throw new VisionError(
      'INDEX_OUT_OF_RANGE',
      `sample ${index} was asked for, and ${this.constructor.name} has the samples 0 to ${this.length - 1}`,
    );
  }
}

/**
 * A dataset of files: `getItem` returns a promise, so a loader over it is iterated with `for await`.
 *
 * The images of a batch are read and decoded in parallel, on threads of the image library, also without loader workers;
 * the transforms are applied to one after the other, in order, while the later ones are still being decoded.
 */
export abstract class FileDataset<Target> extends VisionDataset<Target, Promise<[Tensor, Target]>> {
  /** Reads a sample, without transforms. */
  protected abstract read(index: number): Promise<[Tensor, Target]>;

  /** Sample `index`, counted from 0. */
  async getItem(index: number): Promise<[Tensor, Target]> {
    this.checkIndex(index);
    const [image, target] = await this.read(index);
    return this.transformed(image, target, index);
  }

  /** Several samples, in order, with the values of `getItem` on each in turn. */
  async getItems(indices: number[]): Promise<[Tensor, Target][]> {
    for (const index of indices) this.checkIndex(index);
    const reads = indices.map((index) => this.read(index));
    // One that fails is reported below, when its turn comes or as an error of the batch.
    for (const read of reads) read.catch(() => {});
    const samples: [Tensor, Target][] = [];
    for (const [i, read] of reads.entries()) {
      const [image, target] = await read;
      samples.push(this.transformed(image, target, indices[i]!));
    }
    return samples;
  }
}
