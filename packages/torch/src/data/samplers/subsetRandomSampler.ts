import { randperm } from '../../creation.js';
import type { Generator } from '../../random.js';
import { checkGenerator } from '../checks.js';
import { type IndexPass, type PassState, readIndices, SharedGeneratorPass } from './indexPass.js';
import { IndexSampler } from './sampler.js';

/** The given indices in random order. */
export class SubsetRandomSampler extends IndexSampler {
  readonly indices: readonly number[];
  readonly generator: Generator | null;

  constructor(indices: readonly number[], options: { generator?: Generator | null } = {}) {
    super();
    checkGenerator(options.generator);
    this.indices = indices;
    this.generator = options.generator ?? null;
  }

  get length(): number {
    return this.indices.length;
  }

  indexPass(resumeAt: PassState | null = null): IndexPass {
    const { indices } = this;
    return new SharedGeneratorPass(
      this.generator,
      (piece, generator) =>
        piece > 0
          ? null
          : Float64Array.from(readIndices(randperm(indices.length, { generator })), (at) => indices[at]!),
      resumeAt,
    );
  }
}
