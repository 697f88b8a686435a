import { LightningError } from '../errors.js';
import type { Loader } from '../module/loaderTypes.js';

/** How several loaders are walked through together. */
export type CombinedMode = 'minSize' | 'maxSize' | 'maxSizeCycle' | 'sequential';

/** A batch, its index, and the index of its loader (0 unless the loaders come one after the other). */
export type CombinedItem<Batch> = [batch: Batch, batchIdx: number, dataloaderIdx: number];

/** Where a walk is, as a checkpoint keeps it. */
export interface WalkState {
  batch_idx: number;
  /** For each loader: whether it has been walked through once. */
  consumed: boolean[];
  /** For each loader: batches taken since it was last started. */
  taken: number[];
  /** The loader whose turn it is when they come one after the other. */
  current: number;
}

/** What is walked through. */
export interface WalkPlan {
  readonly loaders: readonly Loader[];
  readonly mode: CombinedMode;
  /** Batches of each loader at most, as far as they are known. */
  readonly limits: readonly number[];
  build(values: readonly unknown[]): unknown;
}

type Pulled = IteratorResult<unknown> | Promise<IteratorResult<unknown>>;
/** Asks for batches one at a time and is given them back: the same code serves loaders that wait and loaders that do not. */
type Round = Generator<Pulled, IteratorResult<CombinedItem<unknown>>, IteratorResult<unknown>>;

const over: IteratorResult<never> = Object.freeze({ done: true, value: undefined });

/** One walk through several loaders. */
export class CombinedWalk {
  private readonly iterators: (Iterator<unknown> | AsyncIterator<unknown> | null)[];
  private readonly place: WalkState;
  private isOver = false;
  private readonly endings: unknown[] = [];

  /**
   * @param waits whether `next` may give promises
   * @param onEnd called once, when the walk is over
   * @param from where to continue; null from the start
   */
  constructor(
    private readonly plan: WalkPlan,
    private readonly waits: boolean,
    private readonly onEnd: () => void,
    from: WalkState | null,
  ) {
    const { loaders, mode } = plan;
    this.place = {
      batch_idx: Number(from?.batch_idx ?? -1),
      consumed: loaders.map((_, index) => from?.consumed[index] ?? false),
      taken: loaders.map((_, index) => Number(from?.taken[index] ?? 0)),
      current: Number(from?.current ?? 0),
    };
    const { consumed, current, taken } = this.place;
    // One that is at its end already would start anew.
    const isOpen = (index: number): boolean =>
      taken[index]! < plan.limits[index]! &&
      (mode === 'sequential' ? index === current : !(mode === 'maxSize' && consumed[index]));
    this.iterators = loaders.map((_, index) => (isOpen(index) ? this.open(index) : null));
  }

  next(): IteratorResult<CombinedItem<unknown>> | Promise<IteratorResult<CombinedItem<unknown>>> {
    if (this.isOver) return over;
    const round = this.plan.mode === 'sequential' ? this.sequentialRound() : this.jointRound();
    return this.waits ? this.driveAsync(round) : this.driveSync(round);
  }

  /** Ends the walk: loaders let go of workers, files and generators. */
  close(): void | Promise<void> {
    if (!this.isOver) {
      this.isOver = true;
      for (const index of this.iterators.keys()) this.end(index);
      this.onEnd();
    }
    if (this.waits) return Promise.all(this.endings).then(() => {});
  }

  state(): WalkState {
    const { batch_idx, consumed, taken, current } = this.place;
    return { batch_idx, consumed: [...consumed], taken: [...taken], current };
  }

  private driveSync(round: Round): IteratorResult<CombinedItem<unknown>> {
    let step = round.next();
    while (!step.done) step = round.next(step.value as IteratorResult<unknown>);
    return this.finish(step.value);
  }

  private async driveAsync(round: Round): Promise<IteratorResult<CombinedItem<unknown>>> {
    let step = round.next();
    while (!step.done) step = round.next(await step.value);
    return this.finish(step.value);
  }

  private finish(result: IteratorResult<CombinedItem<unknown>>): IteratorResult<CombinedItem<unknown>> {
    if (result.done) void this.close();
    return result;
  }

  /** One batch of every loader. */
  private *jointRound(): Round {
    const { build, loaders, mode } = this.plan;
    const { consumed } = this.place;
    const values: unknown[] = [];
    for (let index = 0; index < loaders.length; index += 1) {
      if (mode === 'maxSize' && consumed[index]) {
        values.push(null);
        continue;
      }
      let result = yield this.pull(index);
      if (result.done) {
        consumed[index] = true;
        if (mode === 'minSize' || consumed.every(Boolean)) return over;
        this.end(index);
        if (mode === 'maxSizeCycle') {
          this.iterators[index] = this.open(index);
          this.place.taken[index] = 0;
          result = yield this.pull(index);
          if (result.done) throw neverStarts(index);
        }
      }
      if (!result.done) this.place.taken[index]! += 1;
      values.push(result.done ? null : result.value);
    }
    this.place.batch_idx += 1;
    return { done: false, value: [build(values), this.place.batch_idx, 0] };
  }

  /** The next batch of the loader whose turn it is. */
  private *sequentialRound(): Round {
    const { place } = this;
    for (; place.current < this.plan.loaders.length; place.current += 1) {
      const index = place.current;
      if (this.place.taken[index]! < this.plan.limits[index]!) this.iterators[index] ??= this.open(index);
      const result = yield this.pull(index);
      if (!result.done) {
        place.taken[index]! += 1;
        place.batch_idx += 1;
        return { done: false, value: [result.value, place.batch_idx, index] };
      }
      place.consumed[index] = true;
      place.batch_idx = -1;
      this.end(index);
    }
    return over;
  }

  private pull(index: number): Pulled {
    return this.place.taken[index]! >= this.plan.limits[index]! ? over : this.iterators[index]!.next();
  }

  private open(index: number): Iterator<unknown> | AsyncIterator<unknown> {
    const loader = this.plan.loaders[index]!;
    const isAsync = this.waits && Symbol.asyncIterator in loader;
    return isAsync ? loader[Symbol.asyncIterator]() : (loader as Iterable<unknown>)[Symbol.iterator]();
  }

  private end(index: number): void {
    const iterator = this.iterators[index];
    this.iterators[index] = null;
    const ending = iterator?.return?.();
    if (ending !== undefined) this.endings.push(ending);
  }
}

function neverStarts(index: number): LightningError {
  return new LightningError(
    'LOADER_EMPTY',
    `Loader ${index} of a CombinedLoader has no batches when it is walked through again, and mode 'maxSizeCycle' repeats the ` +
      'shorter ones. A loader must start anew each time it is walked through.',
  );
}
