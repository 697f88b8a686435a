import { ComputedPass, type IndexPass, type PassState } from './indexPass.js';
import { IndexSampler } from './sampler.js';

const pieceSize = 8192;

/** 0, 1, 2, … up to the length of `dataSource`. */
export class SequentialSampler extends IndexSampler {
  constructor(readonly dataSource: { readonly length: number }) {
    super();
  }

  get length(): number {
    return this.dataSource.length;
  }

  indexPass(resumeAt: PassState | null = null): IndexPass {
    const { length } = this;
    const compute = (piece: number) => {
      const start = piece * pieceSize;
      const count = Math.max(0, Math.min(pieceSize, length - start));
      const indices = new Float64Array(count);
      for (let i = 0; i < count; i++) indices[i] = start + i;
      return indices;
    };
    return new ComputedPass(compute, {}, resumeAt);
  }
}
