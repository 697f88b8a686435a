import type { Tensor } from '@lightning-ts/torch';
import { type ImageDatasetOptions, VisionDataset } from './visionDataset.js';

/** A dataset whose images are in memory: `data` uint8 [n, channels, h, w]. A sample is `[image, label]`. */
export abstract class MemoryDataset extends VisionDataset<number, [Tensor, number]> {
  /** @param data all images, uint8 [n, channels, h, w]; `targets` their labels. */
  constructor(
    readonly data: Tensor,
    readonly targets: readonly number[],
    options: ImageDatasetOptions<number>,
  ) {
    super(options);
  }

  override get length(): number {
    return this.targets.length;
  }

  /** Sample `index`, counted from 0. */
  override getItem(index: number): [Tensor, number] {
    this.checkIndex(index);
    // A copy of the pixels, so that changing them leaves the dataset as it is.
    return this.transformed(this.data.select(0, index).clone(), this.targets[index]!, index);
  }
}
