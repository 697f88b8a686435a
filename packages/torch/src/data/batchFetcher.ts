import type { OnBadSample } from './badSamples.js';
import { skipped } from './batchMarks.js';
import type { Dataset } from './dataset.js';

type Collate = (samples: never) => unknown;

export interface FetchRules {
  /** Null when the dataset's `getBatch` is to be used. */
  collate: Collate | null;
  /**
   * Called with each sample that could not be loaded, which is then left out of its batch; null when the error is to be
   * thrown.
   */
  onBadSample: OnBadSample | null;
  /** Waits for one sample before it asks for the next, so that random draws come in a fixed order. */
  oneByOne: boolean;
  /**
   * For workers: asked before each sample; true stops the batch, which nobody wants any more. A batch that failed as a
   * whole is then also searched for the sample to blame.
   */
  isVoid?: () => boolean;
}

/** Thrown when a batch is stopped. */
export class Voided extends Error {}

/** The samples that could be loaded, and their numbers. */
interface Loaded {
  keys: number[];
  samples: unknown[];
}

function keep(loaded: Loaded, key: number, sample: unknown): void {
  if (sample === skipped) return;
  loaded.keys.push(key);
  loaded.samples.push(sample);
}

/** Gets samples by their numbers and makes batches of them. */
export class BatchFetcher {
  /** The sample that is being asked for; null outside of single samples. */
  at: number | null = null;

  constructor(
    private readonly dataset: Dataset,
    private readonly rules: FetchRules,
  ) {}

  /** Whether batches come from the dataset's `getBatch`. */
  get makesBatches(): boolean {
    return this.rules.collate === null;
  }

  /** A batch of several samples or a single one, or a promise of it; `skipped` when nothing is left. */
  fetch(keys: number[] | number): unknown {
    this.at = null;
    const { collate, onBadSample } = this.rules;
    if (typeof keys === 'number') return this.single(keys);
    if (collate !== null && this.dataset.getItems === undefined) return this.collated(keys, collate);
    const get = (): unknown =>
      collate === null
        ? this.dataset.getBatch!(keys)
        : after(this.dataset.getItems!(keys), (samples) => collate(samples as never));
    // Which sample is to blame shows when each is asked for by itself; one after the other, as `getItems` draws.
    if (onBadSample !== null)
      return recovered(get, () => (collate === null ? this.rest(keys) : this.collated(keys, collate, true)));
    return this.rules.isVoid === undefined ? get() : recovered(get, (error) => this.blame(error, keys));
  }

  private async blame(error: unknown, keys: number[]): Promise<never> {
    for (const key of keys) {
      try {
        await this.dataset.getItem(key);
      } catch {
        this.at = key;
        break;
      }
    }
    throw error;
  }

  private single(key: number): unknown {
    this.at = key;
    const { collate, onBadSample } = this.rules;
    const get = () => after(this.dataset.getItem(key), (sample) => collate!(sample as never));
    if (onBadSample === null) return get();
    return recovered(get, (error) => {
      onBadSample(error, key);
      return skipped;
    });
  }

  /** A batch that failed as a whole, of those of its samples that are good. */
  private rest(keys: number[]): unknown {
    return after(this.inTurn(keys, 0, { keys: [], samples: [] }), (loaded) => {
      const { keys: good } = loaded as Loaded;
      return good.length === 0 ? skipped : this.dataset.getBatch!(good);
    });
  }

  private collated(keys: number[], collate: Collate, oneByOne = this.rules.oneByOne): unknown {
    const loaded = oneByOne ? this.inTurn(keys, 0, { keys: [], samples: [] }) : this.atOnce(keys);
    return after(loaded, (found) => {
      const { samples } = found as Loaded;
      this.at = null;
      return samples.length === 0 && keys.length > 0 ? skipped : collate(samples as never);
    });
  }

  /** Asks for all samples and waits for all of them. */
  private atOnce(keys: number[]): unknown {
    const loaded: Loaded = { keys: [], samples: [] };
    let hasPromise = false;
    for (const key of keys) {
      this.at = key;
      const sample = this.sample(key);
      if (sample === skipped) continue;
      loaded.keys.push(key);
      loaded.samples.push(sample);
      hasPromise ||= sample instanceof Promise;
    }
    if (!hasPromise) return loaded;
    const settled = loaded.samples.map((sample, i) => this.settled(sample, loaded.keys[i]!));
    return Promise.all(settled).then((samples) => ({ keys, samples: samples.filter((sample) => sample !== skipped) }));
  }

  /** Asks for the next sample when the one before is there. */
  private inTurn(keys: number[], from: number, loaded: Loaded): Loaded | Promise<Loaded> {
    for (let i = from; i < keys.length; i++) {
      const key = keys[i]!;
      this.at = key;
      const sample = this.sample(key);
      if (sample instanceof Promise)
        return this.settled(sample, key).then((value) => {
          keep(loaded, key, value);
          return this.inTurn(keys, i + 1, loaded);
        });
      keep(loaded, key, sample);
    }
    return loaded;
  }

  private async settled(sample: unknown, key: number): Promise<unknown> {
    const { onBadSample } = this.rules;
    if (onBadSample === null) return sample;
    try {
      return await sample;
    } catch (error) {
      onBadSample(error, key);
      return skipped;
    }
  }

  private sample(key: number): unknown {
    const { onBadSample, isVoid } = this.rules;
    if (isVoid?.()) throw new Voided();
    if (onBadSample === null) return this.dataset.getItem(key);
    try {
      return this.dataset.getItem(key);
    } catch (error) {
      onBadSample(error, key);
      return skipped;
    }
  }
}

function after(value: unknown, use: (value: unknown) => unknown): unknown {
  return value instanceof Promise ? value.then(use) : use(value);
}

/** What `get` gives, or, when it throws or rejects, what `otherwise` gives. */
function recovered(get: () => unknown, otherwise: (error: unknown) => unknown): unknown {
  try {
    const value = get();
    return value instanceof Promise ? value.catch(otherwise) : value;
  } catch (error) {
    return otherwise(error);
  }
}
