import type { Tensor } from '@lightning-ts/torch';
import { Lambda } from './lambda.js';
import { ImageTransform, type Transform } from './transform.js';

/** Several transforms in turn. It works on batches where all of them do. */
export class Compose extends ImageTransform {
  override readonly batched: boolean;
  readonly transforms: readonly Transform[];

  constructor(transforms: readonly (Transform | ((image: Tensor) => Tensor))[]) {
    super();
    this.transforms = transforms.map((step) => (typeof step === 'function' ? new Lambda(step) : step));
    this.batched = this.transforms.every((step) => step.batched);
  }

  override forward(image: Tensor): Tensor {
    return this.transforms.reduce((result, step) => step.forward(result), image);
  }

  override forwardBatch(images: Tensor): Tensor {
    // One random step makes each image go through all steps by itself, or the draws would come in another order.
    if (!this.batched) return super.forwardBatch(images);
    return this.transforms.reduce((result, step) => step.forwardBatch(result), images);
  }
}
