import { describe } from '../describe.js';
import { LightningError } from '../errors.js';
import type { Loader } from '../module/loaderTypes.js';
import { type CombinedItem, type CombinedMode, CombinedWalk, type WalkState } from './combinedWalk.js';
import { isAsynchronous, isLoader, isStateful, loaderLength, setLoaderEpoch } from './loaderKinds.js';
import { loaderTree } from './loaderTree.js';

const modes: readonly CombinedMode[] = ['minSize', 'maxSize', 'maxSizeCycle', 'sequential'];

/** The batch that loaders nested like this make together. */
export type BatchesOf<Tree> = Tree extends readonly unknown[]
  ? { -readonly [Key in keyof Tree]: LeafBatch<Tree[Key]> }
  : Tree extends Loader<infer Batch>
    ? Batch
    : { -readonly [Key in keyof Tree]: LeafBatch<Tree[Key]> };
type LeafBatch<Leaf> = Leaf extends Loader<infer Batch> ? Batch : BatchesOf<Leaf>;

/** What a checkpoint keeps of several loaders. */
export interface CombinedState {
  /** The state of each loader; null for those that have none. */
  loaders: unknown[];
  /** Null between two walks. */
  walk: WalkState | null;
}

/** How `new CombinedLoader(...)` finds the type of a batch. */
export interface CombinedLoaderConstructor {
  readonly prototype: CombinedLoader<unknown>;
  /** One loader after the other: a batch is one loader's. */
  new <Batch>(
    iterables: Loader<Batch> | readonly Loader<Batch>[] | Readonly<Record<string, Loader<Batch>>>,
    mode: 'sequential',
  ): CombinedLoader<Batch>;
  /** All loaders together: a batch is nested as they are. */
  new <const Tree>(iterables: Tree, mode?: Exclude<CombinedMode, 'sequential'>): CombinedLoader<BatchesOf<Tree>>;
}

class Combined<Batch> implements Iterable<CombinedItem<Batch>>, AsyncIterable<CombinedItem<Batch>> {
  /** Every loader, in order. */
  private leaves: readonly Loader[];
  private readonly build: (values: readonly unknown[]) => unknown;
  private caps: readonly number[] | null = null;
  private walk: CombinedWalk | null = null;
  private resumeAt: WalkState | null = null;

  constructor(
    iterables: unknown,
    readonly mode: CombinedMode = 'minSize',
  ) {
    if (!modes.includes(mode)) {
      throw new LightningError(
        'OPTION_INVALID',
        `CombinedLoader: mode is ${describe(mode)}. Use ${modes.map((name) => `'${name}'`).join(', ')}.`,
      );
    }
    const { build, leaves } = loaderTree(iterables);
    this.build = build;
    this.leaves = checkLeaves(leaves);
  }

  /** The loaders, nested as they were given. */
  get iterables(): unknown {
    return this.build(this.leaves);
  }

  /** The loaders as a list. Can be set to a list of the same length. */
  get flattened(): readonly Loader[] {
    return this.leaves;
  }

  set flattened(loaders: readonly Loader[]) {
    if (loaders.length !== this.leaves.length) {
      throw new LightningError(
        'OPTION_INVALID',
        `CombinedLoader: flattened was set to ${loaders.length} loaders, but there are ${this.leaves.length}. Give as many.`,
      );
    }
    this.leaves = checkLeaves(loaders);
  }

  /** Batches of each loader at most: one number for all, or one for each. Null: no limit. */
  get limits(): readonly number[] | null {
    return this.caps;
  }

  set limits(limits: number | readonly number[] | null) {
    const list = typeof limits === 'number' ? this.leaves.map(() => limits) : limits;
    const isGood = list?.every(
      (limit) => limit === Number.POSITIVE_INFINITY || (Number.isInteger(limit) && limit >= 0),
    );
    if (list !== null && !(isGood && list.length === this.leaves.length)) {
      throw new LightningError(
        'OPTION_INVALID',
        `CombinedLoader: limits is ${describe(limits)}. Use a whole number from 0 up, or ${this.leaves.length} of them, one for each loader.`,
      );
    }
    this.caps = list;
  }

  /** The `sampler` of each loader that has one, nested as the loaders are. */
  get sampler(): unknown {
    return this.build(this.leaves.map((loader) => (loader as { sampler?: unknown }).sampler ?? null));
  }

  /** The `batchSampler` of each loader that has one, nested as the loaders are. */
  get batchSampler(): unknown {
    return this.build(this.leaves.map((loader) => (loader as { batchSampler?: unknown }).batchSampler ?? null));
  }

  /** Batches in a walk; `Infinity` when that depends on a loader whose length nobody knows. */
  get length(): number {
    const lengths = this.leaves.map((_, index) => this.lengthOf(index));
    if (lengths.length === 0) return 0;
    if (this.mode === 'sequential') return lengths.reduce((sum, length) => sum + length, 0);
    return this.mode === 'minSize' ? Math.min(...lengths) : Math.max(...lengths);
  }

  /** Whether only `for await` can walk through it. */
  get mustWait(): boolean {
    return this.leaves.some(isAsynchronous);
  }

  [Symbol.iterator](): Iterator<CombinedItem<Batch>> {
    const walk = this.begin(false);
    return {
      next: () => walk.next() as IteratorResult<CombinedItem<Batch>>,
      return: () => {
        void walk.close();
        return { done: true, value: undefined };
      },
    };
  }

  [Symbol.asyncIterator](): AsyncIterator<CombinedItem<Batch>> {
    const walk = this.begin(true);
    return {
      next: async () => (await walk.next()) as IteratorResult<CombinedItem<Batch>>,
      return: async () => {
        await walk.close();
        return { done: true, value: undefined };
      },
    };
  }

  /** Ends the walk that is under way. */
  reset(): void {
    void this.walk?.close();
    this.resumeAt = null;
  }

  /** Tells the samplers of every loader which epoch it is. */
  setEpoch(epoch: number): void {
    for (const loader of this.leaves) setLoaderEpoch(loader, epoch);
  }

  /** Whether `stateDict` says exactly where a walk is: every loader must be able to. */
  get isExact(): boolean {
    return this.walk === null || this.leaves.every(isStateful);
  }

  stateDict(): CombinedState {
    return {
      loaders: this.leaves.map((loader) => (isStateful(loader) ? loader.stateDict() : null)),
      walk: this.walk?.state() ?? this.resumeAt,
    };
  }

  /** @throws LightningError LOADER_STATE for the state of another number of loaders */
  loadStateDict(state: CombinedState): void {
    const { loaders, walk } = state;
    if (!Array.isArray(loaders) || loaders.length !== this.leaves.length) {
      throw new LightningError(
        'LOADER_STATE',
        `The saved state is of ${Array.isArray(loaders) ? loaders.length : 'no'} loaders, but there are ${this.leaves.length}. ` +
          'Resume with the same loaders.',
      );
    }
    this.walk = null;
    for (const [index, loader] of this.leaves.entries())
      if (isStateful(loader) && loaders[index] !== null) loader.loadStateDict(loaders[index]);
    this.resumeAt = walk;
  }

  private lengthOf(index: number): number {
    const length = loaderLength(this.leaves[index]) ?? Number.POSITIVE_INFINITY;
    return Math.min(length, this.caps?.[index] ?? Number.POSITIVE_INFINITY);
  }

  private begin(waits: boolean): CombinedWalk {
    const plan = {
      loaders: this.leaves,
      mode: this.mode,
      build: this.build,
      limits: this.leaves.map((_, index) => this.lengthOf(index)),
    };
    const onEnd = (): void => {
      if (this.walk === walk) this.walk = null;
    };
    const walk: CombinedWalk = new CombinedWalk(plan, waits, onEnd, this.resumeAt);
    this.resumeAt = null;
    this.walk = walk;
    return walk;
  }
}
Object.defineProperty(Combined, 'name', { value: 'CombinedLoader' });

/**
 * Several loaders as one, in arrays and records nested to any depth. Yields `[batch, batchIdx, dataloaderIdx]`; the batch has
 * the loaders' nesting.
 *
 * - `'minSize'`, the default: until the first loader is at its end
 * - `'maxSize'`: until the last one is; those at their end give null
 * - `'maxSizeCycle'`: the same, but the shorter ones start again
 * - `'sequential'`: one loader after the other, each with batch indices from 0
 *
 * Stateful when its loaders are: saved inside a walk, it continues with the next batch.
 */
export type CombinedLoader<Batch = unknown> = Combined<Batch>;
export const CombinedLoader = Combined as unknown as CombinedLoaderConstructor;

/** The batches of a combined loader alone, as the loops walk through them. */
export class CombinedBatches implements Iterable<unknown>, AsyncIterable<unknown> {
  constructor(readonly combined: CombinedLoader) {}

  /** Undefined when nobody knows. */
  get length(): number | undefined {
    const { length } = this.combined;
    return length === Number.POSITIVE_INFINITY ? undefined : length;
  }

  get mustWait(): boolean {
    return this.combined.mustWait;
  }

  setEpoch(epoch: number): void {
    this.combined.setEpoch(epoch);
  }

  /** Null inside a walk that only starting again and skipping can find back into. */
  stateDict(): CombinedState | null {
    return this.combined.isExact ? this.combined.stateDict() : null;
  }

  loadStateDict(state: CombinedState): void {
    this.combined.loadStateDict(state);
  }

  [Symbol.iterator](): Iterator<unknown> {
    const items = this.combined[Symbol.iterator]();
    return { next: () => batchOf(items.next()), return: () => batchOf(items.return!()) };
  }

  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    const items = this.combined[Symbol.asyncIterator]();
    return { next: async () => batchOf(await items.next()), return: async () => batchOf(await items.return!()) };
  }
}

function batchOf(result: IteratorResult<CombinedItem<unknown>>): IteratorResult<unknown> {
  return result.done ? result : { done: false, value: result.value[0] };
}

function checkLeaves(leaves: readonly unknown[]): readonly Loader[] {
  for (const [index, leaf] of leaves.entries()) {
    if (isLoader(leaf)) continue;
    throw new LightningError(
      'LOADER_INVALID',
      `Loader ${index} of a CombinedLoader is ${describe(leaf)}, which cannot be iterated. Use a DataLoader, an array of batches, ` +
        'or any other object with [Symbol.iterator] or [Symbol.asyncIterator].',
    );
  }
  if (leaves.length > 0) return leaves as readonly Loader[];
  throw new LightningError('LOADER_INVALID', 'A CombinedLoader was given no loaders. Give it at least one.');
}
