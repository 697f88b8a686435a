import { tensor } from '../../creation.js';
import { TorchError } from '../../errors.js';
import { multinomial } from '../../functions.js';
import type { Generator } from '../../random.js';
import { Tensor } from '../../tensor.js';
import { checkBoolean, checkGenerator, checkPositiveInteger } from '../checks.js';
import { type IndexPass, type PassState, readIndices, SharedGeneratorPass } from './indexPass.js';
import { IndexSampler } from './sampler.js';

export interface WeightedRandomSamplerOptions {
  /** Samples may come several times; default true. */
  replacement?: boolean;
  /** Default: the default generator. */
  generator?: Generator | null;
}

/** `numSamples` indices, each with a probability in proportion to its weight. */
export class WeightedRandomSampler extends IndexSampler {
  /** [samples], float64; they need not add up to 1. */
  readonly weights: Tensor;
  readonly numSamples: number;
  readonly replacement: boolean;
  readonly generator: Generator | null;

  constructor(weights: readonly number[] | Tensor, numSamples: number, options: WeightedRandomSamplerOptions = {}) {
    super();
    const { replacement = true, generator = null } = options;
    checkPositiveInteger('numSamples', numSamples);
    checkBoolean('replacement', replacement);
    checkGenerator(generator);
    this.weights = weights instanceof Tensor ? weights.to('float64') : tensor(weights, { dtype: 'float64' });
    if (this.weights.dim() !== 1)
      throw new TorchError(
        'DATA_LOADER',
        `weights must have one dimension, got the shape [${this.weights.shape.join(', ')}]`,
      );
    this.numSamples = numSamples;
    this.replacement = replacement;
    this.generator = generator;
  }

  get length(): number {
    return this.numSamples;
  }

  indexPass(resumeAt: PassState | null = null): IndexPass {
    const { weights, numSamples, replacement } = this;
    return new SharedGeneratorPass(
      this.generator,
      (piece, generator) =>
        piece > 0 ? null : readIndices(multinomial(weights, numSamples, replacement, { generator }), weights.numel()),
      resumeAt,
    );
  }
}
