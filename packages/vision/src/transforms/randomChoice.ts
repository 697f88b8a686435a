import { multinomial, randperm, type Tensor, tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';
import { checkProbability, drawChance } from './draws.js';
import { Lambda } from './lambda.js';
import { ImageTransform, type Transform } from './transform.js';

type Step = Transform | ((image: Tensor) => Tensor);
const stepsOf = (name: string, steps: readonly Step[]): Transform[] => {
  if (!Array.isArray(steps) || steps.length === 0) {
    throw new VisionError('OPTION_INVALID', `${name} takes a list of transforms, and got ${String(steps) || 'none'}`);
  }
  return steps.map((step) => (typeof step === 'function' ? new Lambda(step) : step));
};

/** All of several transforms in turn, or none, with a probability. */
export class RandomApply extends ImageTransform {
  readonly transforms: readonly Transform[];

  /** @param p the probability, default 0.5. */
  constructor(
    transforms: readonly Step[],
    readonly p = 0.5,
  ) {
    super();
    checkProbability('RandomApply', p);
    this.transforms = stepsOf('RandomApply', transforms);
  }

  override forward(image: Tensor): Tensor {
    return drawChance(this.p) ? this.transforms.reduce((result, step) => step.forward(result), image) : image;
  }
}

/** One of several transforms. It draws from the engine's generator, where Python takes its `random` module. */
export class RandomChoice extends ImageTransform {
  readonly transforms: readonly Transform[];

  /** @param p how likely each is, in any unit; default equally. */
  constructor(
    transforms: readonly Step[],
    readonly p: readonly number[] = transforms.map(() => 1),
  ) {
    super();
    this.transforms = stepsOf('RandomChoice', transforms);
    if (p.length !== transforms.length || !p.every((weight) => weight >= 0) || !p.some((weight) => weight > 0)) {
      throw new VisionError(
        'OPTION_INVALID',
        `RandomChoice takes one weight from 0 up for each of the ${transforms.length} transforms, and got ${p}`,
      );
    }
  }

  override forward(image: Tensor): Tensor {
    const which = multinomial(tensor([...this.p], { dtype: 'float32' }), 1).item();
    return this.transforms[which]!.forward(image);
  }
}

/** All of several transforms in a random order, drawn from the engine's generator. */
export class RandomOrder extends ImageTransform {
  readonly transforms: readonly Transform[];

  constructor(transforms: readonly Step[]) {
    super();
    this.transforms = stepsOf('RandomOrder', transforms);
  }

  override forward(image: Tensor): Tensor {
    const order = randperm(this.transforms.length).tolist() as number[];
    return order.reduce((result, which) => this.transforms[which]!.forward(result), image);
  }
}
