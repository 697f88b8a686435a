import { randperm } from '../../creation.js';
import { TorchError } from '../../errors.js';
import { Generator } from '../../random.js';
import { checkBoolean, checkPositiveInteger, shown } from '../checks.js';
import { ComputedPass, type IndexPass, type Indices, type PassState, readIndices } from './indexPass.js';
import { IndexSampler } from './sampler.js';

export interface DistributedSamplerOptions {
  /** Processes that share the data. */
  numReplicas: number;
  /** This process, from 0. */
  rank: number;
  /** A new order each epoch (see `setEpoch`); default true. */
  shuffle?: boolean;
  /** The same in all processes; default 0. */
  seed?: number;
  /** Leave out the tail that does not divide evenly, instead of repeating samples from the start; default false. */
  dropLast?: boolean;
}

/** Every `numReplicas`-th sample for one of several processes; each process gets the same number of samples. */
export class DistributedSampler extends IndexSampler {
  readonly dataset: { readonly length: number };
  readonly numReplicas: number;
  readonly rank: number;
  readonly shuffle: boolean;
  readonly seed: number;
  readonly dropLast: boolean;
  /** Samples for this process. */
  readonly numSamples: number;
  /** Samples for all processes, repeated ones included. */
  readonly totalSize: number;
  /** Set with `setEpoch`. */
  epoch = 0;

  constructor(dataset: { readonly length: number }, options: DistributedSamplerOptions) {
    super();
    const { numReplicas, rank, shuffle = true, seed = 0, dropLast = false } = options;
    checkPositiveInteger('numReplicas', numReplicas);
    if (!Number.isInteger(rank) || rank < 0 || rank >= numReplicas)
      throw new TorchError('DATA_LOADER', `rank must be an integer from 0 to ${numReplicas - 1}, got ${shown(rank)}`);
    checkBoolean('shuffle', shuffle);
    checkBoolean('dropLast', dropLast);
    if (!Number.isSafeInteger(seed)) throw new TorchError('DATA_LOADER', `seed must be an integer, got ${shown(seed)}`);
    this.dataset = dataset;
    this.numReplicas = numReplicas;
    this.rank = rank;
    this.shuffle = shuffle;
    this.seed = seed;
    this.dropLast = dropLast;
    this.numSamples = dropLast ? Math.floor(dataset.length / numReplicas) : Math.ceil(dataset.length / numReplicas);
    this.totalSize = this.numSamples * numReplicas;
  }

  get length(): number {
    return this.numSamples;
  }

  /** Call it before each epoch: the order depends on `seed + epoch`, and would otherwise be the same every time. */
  setEpoch(epoch: number): void {
    this.epoch = epoch;
  }

  stateDict(): { epoch: number } {
    return { epoch: this.epoch };
  }

  loadStateDict(state: Record<string, unknown>): void {
    this.epoch = state.epoch as number;
  }

  indexPass(resumeAt: PassState | null = null): IndexPass {
    const epoch = (resumeAt?.epoch as number | undefined) ?? this.epoch;
    return new ComputedPass((piece) => (piece > 0 ? null : this.indicesOf(epoch)), { epoch }, resumeAt);
  }

  private indicesOf(epoch: number): Indices {
    const { length } = this.dataset;
    const order = this.shuffle
      ? readIndices(randperm(length, { generator: new Generator().manualSeed(this.seed + epoch) }))
      : null;
    const mine = new Float64Array(this.numSamples);
    for (let i = 0; i < mine.length; i++) {
      // Past the end it starts again from the first sample.
      const at = (this.rank + i * this.numReplicas) % length;
      mine[i] = order === null ? at : order[at]!;
    }
    return mine;
  }
}
