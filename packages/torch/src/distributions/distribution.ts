import { noGrad } from '../autograd.js';
import { isTensor } from '../dispatch.js';
import { TorchError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import type { Constraint } from './constraints.js';
import { sameShape } from './parameters.js';

export interface DistributionOptions {
  /**
   * Whether parameters and values are checked against what they may be; default true (see
   * `Distribution.setDefaultValidateArgs`). A check reads tensors, which costs more than many a `logProb`.
   */
  validateArgs?: boolean;
}

let validatesByDefault = true;

/**
 * A probability distribution, or a batch of independent ones of one kind. `batchShape` is the shape of the parameters,
 * `eventShape` that of one draw; a sample of the shape S has the shape [...S, ...batchShape, ...eventShape].
 */
export abstract class Distribution {
  readonly batchShape: readonly number[];
  readonly eventShape: readonly number[];
  protected validateArgs: boolean;
  /** Whether `rsample` is there. */
  readonly hasRsample: boolean = false;
  /** Whether `enumerateSupport` is there. */
  readonly hasEnumerateSupport: boolean = false;

  constructor(
    batchShape: readonly number[],
    eventShape: readonly number[],
    { validateArgs }: DistributionOptions = {},
  ) {
    this.batchShape = batchShape;
    this.eventShape = eventShape;
    this.validateArgs = validateArgs ?? validatesByDefault;
  }

  /** Whether distributions check what they are given unless told otherwise; true at the start. */
  static setDefaultValidateArgs(value: boolean): void {
    validatesByDefault = value;
  }

  /** The parameters that have a region, by name. */
  abstract readonly argConstraints: Readonly<Record<string, Constraint>>;
  /** The region that draws are in. */
  abstract readonly support: Constraint;
  /** This distribution over a larger batch; parameters are expanded, not copied. */
  abstract expand(batchShape: readonly number[]): Distribution;
  /** The logarithm of the density or probability of `value`: [...S, ...batchShape] for [...S, ...batchShape, ...eventShape]. */
  abstract logProb(value: Tensor): Tensor;

  get mean(): Tensor {
    throw this.lacks('mean');
  }
  /** The likeliest value. */
  get mode(): Tensor {
    throw this.lacks('mode');
  }
  get variance(): Tensor {
    throw this.lacks('variance');
  }
  get stddev(): Tensor {
    return this.variance.sqrt();
  }

  /** Draws, without recording for gradients. */
  sample(sampleShape: readonly number[] = []): Tensor {
    return noGrad(() => this.rsample(sampleShape));
  }
  /** Draws through which gradients flow to the parameters. */
  rsample(_sampleShape: readonly number[] = []): Tensor {
    throw this.lacks('rsample');
  }
  /** The probability of a draw of at most `value`. */
  cdf(_value: Tensor): Tensor {
    throw this.lacks('cdf');
  }
  /** The value that a draw is at most with the given probability. */
  icdf(_probability: Tensor): Tensor {
    throw this.lacks('icdf');
  }
  /** In nats, of the shape `batchShape`. */
  entropy(): Tensor {
    throw this.lacks('entropy');
  }
  perplexity(): Tensor {
    return this.entropy().exp();
  }
  /** All values a draw can have, along a new first dimension; `expand` repeats them over the batch. */
  enumerateSupport(_expand = true): Tensor {
    throw this.lacks('enumerateSupport');
  }

  toString(): string {
    const own = this as unknown as Record<string, unknown>;
    const shown = Object.keys(this.argConstraints).flatMap((name) => {
      const descriptor = Object.getOwnPropertyDescriptor(this, name);
      const value = descriptor === undefined ? null : own[name];
      if (!isTensor(value)) return [];
      return [`${name}: ${value.numel() === 1 ? value.item() : `[${value.shape.join(', ')}]`}`];
    });
    return `${this.constructor.name}(${shown.join(', ')})`;
  }

  /** The shape of a sample. */
  protected extendedShape(sampleShape: readonly number[] = []): number[] {
    return [...sampleShape, ...this.batchShape, ...this.eventShape];
  }

  /** Another object of this class with other fields; no constructor runs, so nothing is checked or computed again. */
  protected copyWith(batchShape: readonly number[], fields: object): this {
    return Object.assign(Object.create(Object.getPrototypeOf(this)), this, { batchShape: [...batchShape] }, fields);
  }

  /** Called at the end of a constructor: throws unless every parameter is in its region. */
  protected checkArguments(): void {
    if (!this.validateArgs) return;
    for (const [name, constraint] of Object.entries(this.argConstraints)) {
      const value = (this as unknown as Record<string, unknown>)[name];
      if (isTensor(value)) this.requireIn(constraint, value, `the parameter ${name}`);
    }
  }

  /** Throws unless `value` has a fitting shape and is in the support. */
  protected checkValue(value: Tensor): void {
    if (!this.validateArgs) return;
    if (!isTensor(value))
      throw new TorchError(
        'DISTRIBUTION_ARGUMENT',
        `${this.constructor.name}: a value is a tensor, and ${typeof value} came`,
      );
    const { shape } = value;
    const event = shape.slice(shape.length - this.eventShape.length);
    const expected = this.extendedShape();
    const fits = shape.every((_, i) => {
      const [size, wanted] = [shape.at(-1 - i), expected.at(-1 - i)];
      return size === 1 || wanted === 1 || wanted === undefined || size === wanted;
    });
    if (!fits || !sameShape(event, this.eventShape)) {
      throw new TorchError(
        'DISTRIBUTION_ARGUMENT',
        `${this.constructor.name}: a value of the shape [${shape}] does not fit a batch of [${this.batchShape}] events of [${this.eventShape}]`,
      );
    }
    this.requireIn(this.support, value, 'the value');
  }

  private requireIn(constraint: Constraint, value: Tensor, what: string): void {
    const valid = constraint.check(value.detach());
    if (valid.all().item()) return;
    const outside = valid.logicalNot();
    const first = outside.nonzero().at(0).tolist() as number[];
    const [found] = value
      .detach()
      .at(...first)
      .flatten()
      .tolist() as number[];
    throw new TorchError(
      'DISTRIBUTION_ARGUMENT',
      `${this.constructor.name}: ${what} (${value.dtype}[${value.shape.join(', ')}]) must be in ${constraint.name}; ${outside.sum().item()} of ${valid.numel()} are not, the first at [${first}], ${constraint.eventDim > 0 ? 'which begins with' : 'which is'} ${found}. Pass { validateArgs: false } to skip this check.`,
    );
  }

  private lacks(what: string): TorchError {
    return new TorchError('DISTRIBUTION_UNSUPPORTED', `${this.constructor.name} has no ${what}`);
  }
}
