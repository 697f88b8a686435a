import { empty, randint, randperm } from '../../creation.js';
import { TorchError } from '../../errors.js';
import { defaultGenerator, type Generator } from '../../random.js';
import { checkBoolean, checkGenerator, shown } from '../checks.js';
import {
  type DrawPiece,
  type IndexPass,
  type Indices,
  type PassState,
  readIndices,
  SeededPass,
  SharedGeneratorPass,
} from './indexPass.js';
import { IndexSampler } from './sampler.js';

export interface RandomSamplerOptions {
  /** Samples may come several times; default false. */
  replacement?: boolean;
  /** Indices in one pass; default the length of the data. */
  numSamples?: number;
  /** Draw from this generator; by default a new one for each pass, seeded from the default generator. */
  generator?: Generator | null;
}

/** PyTorch draws with replacement in pieces of this many. */
const replacementPiece = 32;

/** A seed below 2⁶³ from a generator (default: the default one). */
export function drawSeed(generator: Generator | null = null): bigint {
  const drawn = empty([], { dtype: 'int64' });
  return drawn.random_({ generator: generator ?? defaultGenerator() }).item({ bigint: true });
}

/** All samples in random order, or `numSamples` of them, with or without replacement. */
export class RandomSampler extends IndexSampler {
  readonly dataSource: { readonly length: number };
  readonly replacement: boolean;
  readonly generator: Generator | null;
  private readonly requested: number | null;

  constructor(dataSource: { readonly length: number }, options: RandomSamplerOptions = {}) {
    super();
    const { replacement = false, numSamples = null, generator = null } = options;
    checkBoolean('replacement', replacement);
    checkGenerator(generator);
    this.dataSource = dataSource;
    this.replacement = replacement;
    this.generator = generator;
    this.requested = numSamples;
    const count: unknown = this.numSamples;
    if (!Number.isSafeInteger(count) || (count as number) <= 0)
      throw new TorchError(
        'DATA_LOADER',
        `RandomSampler: numSamples must be a positive integer, got ${shown(count)}${numSamples === null ? ', the length of the data: there is nothing to sample from' : ''}`,
      );
  }

  /** Indices in one pass. The dataset's length is read each time, as it may change. */
  get numSamples(): number {
    return this.requested ?? this.dataSource.length;
  }

  get length(): number {
    return this.numSamples;
  }

  indexPass(resumeAt: PassState | null = null): IndexPass {
    const size = this.dataSource.length;
    const count = this.numSamples;
    // Whoever shares the generator sees the draw that PyTorch makes at the end although it uses nothing of it.
    const draw = this.replacement
      ? drawWithReplacement(size, count)
      : drawPermutations(size, count, this.generator !== null);
    return this.generator === null
      ? new SeededPass(drawSeed, draw, resumeAt)
      : new SharedGeneratorPass(this.generator, draw, resumeAt);
  }
}

function drawWithReplacement(size: number, count: number): DrawPiece {
  return (piece, generator) => {
    const left = Math.min(replacementPiece, count - piece * replacementPiece);
    return left <= 0 ? null : readIndices(randint(size, [left], { generator }), size);
  };
}

function drawPermutations(size: number, count: number, drawsAtTheEnd: boolean): DrawPiece {
  const whole = Math.floor(count / size);
  const rest = count % size;
  return (piece, generator): Indices | null => {
    if (piece > whole || (piece === whole && rest === 0 && !drawsAtTheEnd)) return null;
    const order = readIndices(randperm(size, { generator }), size);
    return piece < whole ? order : order.subarray(0, rest);
  };
}
