import { isTensor, type Tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';
import { Lambda } from './lambda.js';
import { ToTensor } from './toTensor.js';
import { ImageTransform, isPointwise, type Transform } from './transform.js';

/** Several transforms in turn. It works on batches where all of them do. */
export class Compose extends ImageTransform {
  override readonly batched: boolean;
  readonly transforms: readonly Transform[];
  /** What is done for them: the transforms, some of them joined. */
  private readonly steps: readonly { step: Transform; index: number }[];

  constructor(transforms: readonly (Transform | ((image: Tensor) => Tensor))[]) {
    super();
    this.transforms = transforms.map((step) => (typeof step === 'function' ? new Lambda(step) : step));
    this.batched = this.transforms.every((step) => step.batched);
    this.steps = joined(this.transforms);
  }

  override forward(image: Tensor): Tensor {
    return this.steps.reduce((result, { step, index }) => checked(step.forward(result), step, index), image);
  }

  override forwardBatch(images: Tensor): Tensor {
    // One random step makes each image go through all steps by itself, or the draws would come in another order.
    if (!this.batched) return super.forwardBatch(images);
    return this.steps.reduce((result, { step, index }) => checked(step.forwardBatch(result), step, index), images);
  }
}

function checked(result: Tensor, step: Transform, index: number): Tensor {
  if (isTensor(result)) return result;
  throw new VisionError(
    'TRANSFORM_OUTPUT',
    `step ${index} of Compose, ${step.constructor.name}, returned ${result === null ? 'null' : typeof result}; it must return a Tensor`,
  );
}

/** The steps, each with its place; a ToTensor is joined with the pointwise ones after it. */
function joined(transforms: readonly Transform[]): { step: Transform; index: number }[] {
  const steps: { step: Transform; index: number }[] = [];
  for (let i = 0; i < transforms.length; ) {
    const index = i;
    const step = transforms[i++]!;
    const followers: Transform[] = [];
    if (step.constructor === ToTensor)
      while (i < transforms.length && isPointwise(transforms[i]!)) followers.push(transforms[i++]!);
    steps.push({ step: followers.length > 0 ? (step as ToTensor).followedBy(followers) : step, index });
  }
  return steps;
}
