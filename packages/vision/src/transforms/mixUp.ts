import type { Tensor } from '@lightning-ts/torch';
import { Beta } from '@lightning-ts/torch/distributions';
import { oneHot } from '@lightning-ts/torch/nn/functional';
import { VisionError } from '../errors.js';
import { drawInteger } from './draws.js';
import { shapeText } from './functional/image.js';

export interface MixOptions {
  /** How many classes there are; needed where labels are int64. */
  numClasses?: number;
  /** Of the Beta distribution that the share is drawn from; default 1, uniform. */
  alpha?: number;
}

/** [images [batch, c, h, w], labels [batch] int64 or [batch, classes]] */
type Batch = readonly [images: Tensor, labels: Tensor];

/** What mixes the images of a batch and their labels alike: call it in a `collateFn` or at the start of a step. */
abstract class BatchMix {
  readonly alpha: number;

  constructor(readonly options: MixOptions = {}) {
    this.alpha = options.alpha ?? 1;
    const { numClasses } = options;
    const name = this.constructor.name;
    if (!(this.alpha > 0)) throw new VisionError('OPTION_INVALID', `${name}: alpha is above 0, and got ${this.alpha}`);
    if (numClasses !== undefined && !(Number.isInteger(numClasses) && numClasses > 0)) {
      throw new VisionError('OPTION_INVALID', `${name}: numClasses is a whole number above 0, and got ${numClasses}`);
    }
  }

  /** @returns [images [batch, c, h, w], labels as float32 [batch, classes]] */
  abstract forward(batch: Batch): [Tensor, Tensor];

  protected drawShare(): number {
    return new Beta(this.alpha, this.alpha).sample().item();
  }

  protected mixedLabels(labels: Tensor, share: number): Tensor {
    let shares = labels;
    if (labels.dim() === 1) {
      if (this.options.numClasses === undefined) {
        throw new VisionError(
          'OPTION_INVALID',
          `${this.constructor.name} needs numClasses to mix labels ${shapeText(labels)}; give it, or labels [batch, classes]`,
        );
      }
      shares = oneHot(labels, this.options.numClasses);
    }
    shares = shares.isFloatingPoint() ? shares : shares.to('float32');
    return shares
      .roll(1, 0)
      .mul(1 - share)
      .add(shares.mul(share));
  }

  protected check([images, labels]: Batch): void {
    if (images.dim() === 4 && (labels.dim() === 1 || labels.dim() === 2) && labels.size(0) === images.size(0)) return;
    throw new VisionError(
      'IMAGE_INVALID',
      `${this.constructor.name} takes images [batch, c, h, w] and labels [batch] or [batch, classes], and got ${shapeText(images)} and ${shapeText(labels)}`,
    );
  }
}

/** Mixes each image of a batch with the one before it, and their labels alike (Zhang et al. 2018). */
export class MixUp extends BatchMix {
  override forward(batch: Batch): [Tensor, Tensor] {
    this.check(batch);
    const [images, labels] = batch;
    if (!images.isFloatingPoint()) {
      throw new VisionError(
        'IMAGE_INVALID',
        `MixUp takes floats, and got ${shapeText(images)}. Put ToTensor before it.`,
      );
    }
    const share = this.drawShare();
    return [
      images
        .roll(1, 0)
        .mul_(1 - share)
        .add_(images.mul(share)),
      this.mixedLabels(labels, share),
    ];
  }
}

/** Puts a piece of the image before it into each image of a batch, and mixes their labels by area (Yun et al. 2019). */
export class CutMix extends BatchMix {
  override forward(batch: Batch): [Tensor, Tensor] {
    this.check(batch);
    const [images, labels] = batch;
    const [h, w] = images.shape.slice(-2) as [number, number];
    const share = this.drawShare();
    const [x, y] = [drawInteger(0, w), drawInteger(0, h)];
    const half = 0.5 * Math.sqrt(1 - share);
    const [across, down] = [Math.trunc(half * w), Math.trunc(half * h)];
    const [left, top] = [Math.max(x - across, 0), Math.max(y - down, 0)];
    const [right, bottom] = [Math.min(x + across, w), Math.min(y + down, h)];
    const [height, width] = [bottom - top, right - left];
    const mixed = images.clone();
    if (height > 0 && width > 0) {
      const piece = (from: Tensor) => from.narrow(-2, top, height).narrow(-1, left, width);
      piece(mixed).copy_(piece(images.roll(1, 0)));
    }
    return [mixed, this.mixedLabels(labels, 1 - (height * width) / (h * w))];
  }
}
