import { getRngState, setRngState, type Tensor, TorchError } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';
import { isPromise } from '../hooks/hookTable.js';
import type { Loader } from '../module/loaderTypes.js';
import { isAsynchronous, isStateful } from './loaderKinds.js';

type BatchIterator = Iterator<unknown> | AsyncIterator<unknown>;

/** Where in a loader a run is, as a checkpoint keeps it. */
export interface CursorState {
  /** Batches taken and done with. */
  done: number;
  /** Whether the epoch's last batch is among them. */
  at_end: boolean;
  /** The loader's own state after them, when it has one. */
  state: unknown;
  /** What it takes to start the epoch again and skip: the loader's state and the random state when it began. */
  start_state: unknown;
  start_rng: Tensor | null;
  /** The random state before the batch that was taken ahead, from which it may be made. */
  ahead_rng: Tensor | null;
}

/**
 * Walks through the batches of one loader for one epoch.
 *
 * Knows which batch is the last one before it is used: from the length, or, when that is unknown, by taking one batch ahead.
 * A loader that can be walked through synchronously never makes the loop wait.
 */
export class BatchCursor {
  /** The batch `advance` went to. */
  batch: unknown = null;
  batchIdx = -1;
  isLast = false;
  private iterator: BatchIterator | null = null;
  private ending: unknown;
  private ahead: IteratorResult<unknown> | null = null;
  private stateBeforeAhead: unknown = null;
  private rngBeforeAhead: Tensor | null = null;
  private startState: unknown = null;
  private startRng: Tensor | null = null;
  private isExhausted = false;
  private mustWait: boolean;
  /** How often the loader was walked through: a generator can be only once. */
  private walks = 0;

  /**
   * @param total batches to take; `Infinity` when unknown
   * @param isExact whether the loader is known to have them: otherwise one batch is taken ahead
   */
  constructor(
    readonly loader: Loader,
    readonly total: number,
    private readonly isExact: boolean,
    /** Whether all processes that walk together have a batch; null for one. Asked once a batch when their lengths may differ. */
    private readonly allHave: ((has: boolean) => boolean) | null = null,
  ) {
    this.mustWait = isAsynchronous(loader);
  }

  /** Whether the last batch has been taken. */
  get isAtEnd(): boolean {
    return this.isLast || this.isExhausted;
  }

  /** Starts from the first batch. */
  start(): void {
    this.startRng = getRngState();
    this.startState = isStateful(this.loader) ? this.loader.stateDict() : null;
    this.open();
  }

  /** Goes to the next batch; false when there is none. */
  advance(): boolean | Promise<boolean> {
    if (this.isAtEnd || this.batchIdx + 1 >= this.total) {
      this.leave();
      return false;
    }
    if (!this.isExact) return this.advanceAhead();
    const result = this.fetch();
    return isPromise(result) ? result.then((taken) => this.take(taken)) : this.take(result);
  }

  /** Ends the epoch here, before the loader is at its end. */
  leave(): void {
    this.isExhausted = true;
    this.endWalk();
  }

  /** Lets go of the batch, and of the loader's workers, files and generators. */
  async close(): Promise<void> {
    this.batch = null;
    this.ahead = null;
    this.endWalk();
    await this.ending;
  }

  /** @param isDone whether the current batch is done with; one that is not is taken again */
  state(isDone: boolean): CursorState {
    const { loader, ahead } = this;
    const hasAhead = ahead !== null && !ahead.done;
    return {
      done: this.batchIdx + (isDone ? 1 : 0),
      at_end: isDone && this.isAtEnd,
      state: isDone && isStateful(loader) ? (hasAhead ? this.stateBeforeAhead : loader.stateDict()) : null,
      start_state: this.startState,
      start_rng: this.startRng,
      ahead_rng: isDone && hasAhead ? this.rngBeforeAhead : null,
    };
  }

  /** Takes over the loader's state from between two epochs. */
  restoreBetweenEpochs({ state }: CursorState): void {
    if (isStateful(this.loader) && state !== null && state !== undefined) this.loader.loadStateDict(state);
  }

  /** Continues where `state` was taken, inside an epoch. The caller sets the random state afterwards. */
  async restore(saved: CursorState): Promise<void> {
    const { loader } = this;
    this.startState = saved.start_state;
    this.startRng = saved.start_rng;
    if (saved.at_end) {
      this.restoreBetweenEpochs(saved);
      this.isExhausted = true;
      this.isLast = true;
    } else if (isStateful(loader) && saved.state !== null && saved.state !== undefined) {
      loader.loadStateDict(saved.state);
      this.open();
    } else await this.replay(saved);
    this.batchIdx = saved.done - 1;
    if (saved.at_end || this.isExact) return;
    if (saved.ahead_rng !== null) setRngState(saved.ahead_rng);
    await this.fetchAhead();
  }

  /** Starts the epoch again and skips what was done. */
  private async replay(saved: CursorState): Promise<void> {
    const { loader } = this;
    if (isStateful(loader) && saved.start_state !== null) loader.loadStateDict(saved.start_state);
    if (saved.start_rng !== null) setRngState(saved.start_rng);
    this.open();
    for (let skipped = 0; skipped < saved.done; skipped += 1) {
      const { done } = await this.fetch();
      if (!done) continue;
      throw new LightningError(
        'LOADER_STATE',
        `The checkpoint was saved after ${saved.done} batches of an epoch, but the loader now has only ${skipped}. Resume with ` +
          'the same data.',
      );
    }
  }

  private open(): void {
    const { loader } = this;
    this.walks += 1;
    this.iterator = this.mustWait
      ? (loader as AsyncIterable<unknown>)[Symbol.asyncIterator]()
      : (loader as Iterable<unknown>)[Symbol.iterator]();
    if (this.walks > 1 && (this.iterator as unknown) === loader) {
      throw new LightningError(
        'LOADER_EMPTY',
        'A loader is a generator, which can be walked through only once, and it is needed a second time. Pass an object ' +
          'whose [Symbol.iterator] starts a new walk: { *[Symbol.iterator]() { ... } }.',
      );
    }
    this.batch = null;
    this.batchIdx = -1;
    this.isLast = false;
    this.isExhausted = false;
    this.ahead = null;
    this.ending = undefined;
  }

  private endWalk(): void {
    const { iterator } = this;
    if (iterator === null) return;
    this.iterator = null;
    this.ending = iterator.return?.();
  }

  private fetch(): IteratorResult<unknown> | Promise<IteratorResult<unknown>> {
    try {
      return this.iterator!.next();
    } catch (error) {
      // A DataLoader finds out with the first sample that its dataset returns promises.
      const isFirst = this.batchIdx === -1 && this.ahead === null;
      const canWait = !this.mustWait && Symbol.asyncIterator in this.loader;
      if (!(isFirst && canWait && error instanceof TorchError && error.code === 'DATA_LOADER')) throw error;
      this.mustWait = true;
      if (isStateful(this.loader) && this.startState !== null) this.loader.loadStateDict(this.startState);
      if (this.startRng !== null) setRngState(this.startRng);
      this.iterator = this.loader[Symbol.asyncIterator]();
      return this.iterator.next();
    }
  }

  private take(result: IteratorResult<unknown>): boolean {
    if (result.done) {
      this.isExhausted = true;
      // There may be more here than in other processes.
      this.endWalk();
      return false;
    }
    this.batch = result.value;
    this.batchIdx += 1;
    // The walk ends with its last batch, so that a loader saved from now on is between two epochs.
    if (this.batchIdx + 1 === this.total) this.endWalk();
    this.isLast = this.batchIdx + 1 === this.total;
    return true;
  }

  private advanceAhead(): boolean | Promise<boolean> {
    if (this.ahead === null) {
      const pending = this.fetchAhead();
      if (pending !== undefined) return pending.then(() => this.advanceAhead());
    }
    const current = this.ahead!;
    if (current.done) return this.take(current);
    if (this.batchIdx + 2 < this.total) {
      const pending = this.fetchAhead();
      if (pending !== undefined) return pending.then(() => this.takeBeforeAhead(current));
    } else {
      this.ahead = { done: true, value: undefined };
    }
    return this.takeBeforeAhead(current);
  }

  private takeBeforeAhead(current: IteratorResult<unknown>): boolean {
    this.take(current);
    this.isLast = this.ahead!.done === true;
    if (this.isLast) this.endWalk();
    return true;
  }

  /** The end has come as soon as one of the processes has no batch left. */
  private together(result: IteratorResult<unknown>): IteratorResult<unknown> {
    if (this.allHave === null || this.allHave(result.done !== true)) return result;
    return { done: true, value: undefined };
  }

  private fetchAhead(): Promise<void> | undefined {
    if (isStateful(this.loader)) this.stateBeforeAhead = this.loader.stateDict();
    this.rngBeforeAhead = getRngState();
    const result = this.fetch();
    if (!isPromise(result)) {
      this.ahead = this.together(result);
      return undefined;
    }
    return result.then((taken) => {
      this.ahead = this.together(taken);
    });
  }
}
