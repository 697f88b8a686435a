import { forkRng, manualSeed } from '@lightning-ts/torch';
import type { Sampler } from '@lightning-ts/torch/data';

/** How data is split: between how many processes, which one this is, and the seed that all of them share. */
export interface Split {
  readonly worldSize: number;
  readonly rank: number;
  readonly seed: number;
}

/**
 * Every n-th item of another sampler, from this process's place on: indices or whole batches. Each item goes to one process
 * and none is repeated, so that some processes may get one more than others.
 *
 * All processes draw the order from the same seed, which differs from epoch to epoch.
 */
export class SplitSampler<Item> implements Sampler<Item> {
  private epoch = 0;

  constructor(
    readonly sampler: Sampler<Item>,
    private readonly split: Split,
  ) {}

  get length(): number | undefined {
    const { rank, worldSize } = this.split;
    const { length } = this.sampler;
    return length === undefined ? undefined : Math.max(0, Math.ceil((length - rank) / worldSize));
  }

  setEpoch(epoch: number): void {
    this.epoch = epoch;
    (this.sampler as { setEpoch?: (epoch: number) => void }).setEpoch?.(epoch);
  }

  *[Symbol.iterator](): IterableIterator<Item> {
    const { rank, seed, worldSize } = this.split;
    const own = forkRng(() => {
      manualSeed(seed + this.epoch);
      const items: Item[] = [];
      let at = 0;
      for (const item of this.sampler) if (at++ % worldSize === rank) items.push(item);
      return items;
    });
    yield* own;
  }
}
