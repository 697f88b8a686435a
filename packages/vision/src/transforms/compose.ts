import { isTensor, type Tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';
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
    return this.transforms.reduce((result, step, i) => checked(step.forward(result), step, i), image);
  }

  override forwardBatch(images: Tensor): Tensor {
    // One random step makes each image go through all steps by itself, or the draws would come in another order.
    if (!this.batched) return super.forwardBatch(images);
    return this.transforms.reduce((result, step, i) => checked(step.forwardBatch(result), step, i), images);
  }
}

function checked(result: Tensor, step: Transform, index: number): Tensor {
  if (isTensor(result)) return result;
  throw new VisionError(
    'TRANSFORM_OUTPUT',
    `step ${index} of Compose, ${step.constructor.name}, returned ${result === null ? 'null' : typeof result}; it must return a Tensor`,
  );
}
