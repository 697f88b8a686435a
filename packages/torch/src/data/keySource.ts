import { TorchError } from '../errors.js';
import type { Generator } from '../random.js';
import { warn } from '../warnings.js';
import { ReplayedIterator } from './replayedIterator.js';
import type { IndexPass, Indices, PassState } from './samplers/indexPass.js';
import type { IndexSampler } from './samplers/sampler.js';

/** What to fetch next, batch by batch (or sample by sample: a single index). */
export interface KeySource {
  /** Null at the end. */
  next(): number[] | number | null;
  /** Plain data from which another source continues with the next keys. */
  state(): Record<string, unknown>;
  /** Keys of the whole pass, null when that is not certain. */
  readonly total: number | null;
  /** Draws what the sampler would still draw if it were asked once more; called after the last of `total` keys. */
  finish(): void;
  close?(): void;
}

/** Batches cut from the pieces of one of our samplers. */
export class IndexBatches implements KeySource {
  readonly total: number;
  private readonly samples: number;
  private readonly pass: IndexPass;
  private piece: Indices | null = null;
  private offset = 0;

  constructor(
    sampler: IndexSampler,
    /** Null: indices one by one. */
    private readonly batchSize: number | null,
    private readonly dropLast: boolean,
    resumeAt: Record<string, unknown> | null,
  ) {
    const samples = sampler.length;
    this.samples = samples;
    const batches = samples / (batchSize ?? 1);
    this.total = dropLast ? Math.floor(batches) : Math.ceil(batches);
    if (resumeAt === null) {
      this.pass = sampler.indexPass();
      return;
    }
    this.checkFits(resumeAt);
    const passState = resumeAt.pass as PassState | null;
    this.pass = sampler.indexPass(passState);
    if (passState === null) return;
    this.piece = this.pass.nextPiece();
    this.offset = resumeAt.offset as number;
  }

  next(): number[] | number | null {
    if (this.batchSize !== null) return this.nextBatch(this.batchSize);
    const single = this.nextBatch(1);
    return single === null ? null : single[0]!;
  }

  state(): Record<string, unknown> {
    return {
      batch_size: this.batchSize,
      drop_last: this.dropLast,
      samples: this.samples,
      pass: this.pass.state(),
      offset: this.offset,
    };
  }

  finish(): void {
    while (this.pass.nextPiece() !== null);
  }

  private nextBatch(batchSize: number): number[] | null {
    const batch: number[] = [];
    for (;;) {
      const { piece } = this;
      if (piece !== null) {
        const end = Math.min(piece.length, this.offset + batchSize - batch.length);
        for (let i = this.offset; i < end; i++) batch.push(piece[i]!);
        this.offset = end;
        // Not one draw before it is needed.
        if (batch.length === batchSize) return batch;
      }
      const next = this.pass.nextPiece();
      if (next === null) return this.dropLast || batch.length === 0 ? null : batch;
      this.piece = next;
      this.offset = 0;
    }
  }

  private checkFits(state: Record<string, unknown>): void {
    const wanted: [string, unknown, unknown][] = [
      ['batchSize', state.batch_size, this.batchSize],
      ['dropLast', state.drop_last, this.dropLast],
      ['samples in an epoch', state.samples, this.samples],
    ];
    for (const [what, saved, here] of wanted)
      if (saved !== here)
        throw new TorchError(
          'DATA_LOADER',
          `the loader's state was taken inside an epoch with ${what} = ${saved}; this loader has ${here}. Continue with the same settings, or from a state taken between epochs`,
        );
  }
}

/** Keys from a sampler or batch sampler that is not ours. */
export class IteratedKeys implements KeySource {
  /** Its `length` may be an estimate: only the iterator knows when it ends. */
  readonly total = null;
  private readonly iterator: ReplayedIterator<number[] | number>;
  /** A running sum over all keys, which tells whether iterating again gave the same ones. */
  private checksum = 0;

  constructor(
    sampler: Iterable<number[] | number>,
    generators: readonly Generator[],
    continues: boolean,
    begin: () => void,
    resumeAt: Record<string, unknown> | null,
  ) {
    this.iterator = new ReplayedIterator(sampler, generators, continues, begin, resumeAt, (keys) => this.count(keys));
    if (resumeAt === null) return;
    if (!continues && this.checksum !== resumeAt.checksum)
      warn(
        'DATA_SAMPLER_NOT_REPEATABLE',
        'A sampler gave other indices when it was iterated again, so the resumed epoch does not go on as it began. Give the sampler stateDict() and loadStateDict(state).',
      );
    this.checksum = resumeAt.checksum as number;
  }

  next(): number[] | number | null {
    const keys = this.iterator.next();
    if (keys === undefined) return null;
    this.count(keys);
    return keys;
  }

  state(): Record<string, unknown> {
    return { ...this.iterator.state(), checksum: this.checksum };
  }

  finish(): void {}

  close(): void {
    this.iterator.close();
  }

  private count(keys: number[] | number): void {
    if (typeof keys === 'number') this.checksum = Math.imul(this.checksum ^ keys, 16777619);
    else for (const key of keys) this.checksum = Math.imul(this.checksum ^ key, 16777619);
  }
}
