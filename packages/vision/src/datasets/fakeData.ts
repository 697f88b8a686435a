import { Generator, randint, randn, type Tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';
import { type ImageDatasetOptions, VisionDataset } from './visionDataset.js';

export interface FakeDataOptions extends ImageDatasetOptions<number> {
  /** Samples, default 1000. */
  size?: number;
  /** [channels, h, w], default [3, 224, 224]. */
  imageSize?: readonly [number, number, number];
  /** Default 10. */
  numClasses?: number;
  /** Added to a sample's number to make its seed; default 0. */
  randomOffset?: number;
}

/** Random images uint8 [channels, h, w] with random labels, the same each time: torchvision's for the same options. */
export class FakeData extends VisionDataset<number, [Tensor, number]> {
  override readonly length: number;
  readonly imageSize: readonly [number, number, number];
  readonly numClasses: number;
  readonly randomOffset: number;

  constructor(options: FakeDataOptions = {}) {
    const { size = 1000, imageSize = [3, 224, 224], numClasses = 10, randomOffset = 0, ...rest } = options;
    super(rest);
    for (const [name, value] of Object.entries({ size, numClasses, height: imageSize[1], width: imageSize[2] })) {
      if (Number.isInteger(value) && value > 0) continue;
      throw new VisionError('OPTION_INVALID', `FakeData: ${name} is a whole number above 0, and got ${value}`);
    }
    this.length = size;
    this.imageSize = imageSize;
    this.numClasses = numClasses;
    this.randomOffset = randomOffset;
  }

  override getItem(index: number): [Tensor, number] {
    this.checkIndex(index);
    const generator = new Generator().manualSeed(index + this.randomOffset);
    const noise = randn([...this.imageSize], { generator });
    const label = randint(0, this.numClasses, [1], { generator }).item();
    return this.transformed(noise.mul(255).to('uint8'), label, index);
  }
}
