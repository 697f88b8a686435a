import { cuda } from '../device.js';
import { Tensor } from '../tensor.js';
import { warn } from '../warnings.js';
import type { Dataset, IterableDataset } from './dataset.js';
import type { KeySource } from './keySource.js';
import type { ReplayedIterator } from './replayedIterator.js';

/** What a source returns instead of a batch when there is none left. */
export const end: unique symbol = Symbol('end of the epoch');

/** The batches of one epoch. */
export interface BatchSource {
  /** A batch, a promise of one, or `end`. */
  next(): unknown;
  /** Whether it is certain that no batch is left. */
  readonly ended: boolean;
  state(): Record<string, unknown>;
  close(): void;
}

type Fetch = (keys: number[] | number) => unknown;
type Collate = (samples: never) => unknown;

/** How samples become a batch; with promises among them, a promise of the batch. */
function collateAll(samples: unknown[], collate: Collate): unknown {
  if (samples.some((sample) => sample instanceof Promise))
    return Promise.all(samples).then((settled) => collate(settled as never));
  return collate(samples as never);
}

/**
 * How to get what a key source asks for.
 *
 * @param collate null when the dataset's `getBatch` is to be used
 */
export function fetchFrom(dataset: Dataset, collate: Collate | null): Fetch {
  return (keys) => {
    if (typeof keys === 'number') {
      const sample = dataset.getItem(keys);
      return sample instanceof Promise ? sample.then((value) => collate!(value as never)) : collate!(sample as never);
    }
    if (collate === null) return dataset.getBatch!(keys);
    const samples: unknown[] = [];
    for (const key of keys) samples.push(dataset.getItem(key));
    return collateAll(samples, collate);
  };
}

/** Batches of a dataset whose samples have numbers. */
export class IndexedBatches implements BatchSource {
  ended = false;
  private given: number;

  constructor(
    private readonly keys: KeySource,
    private readonly fetch: Fetch,
    given: number,
  ) {
    this.given = given;
  }

  next(): unknown {
    if (this.ended) return end;
    const keys = this.keys.next();
    if (keys === null) {
      this.ended = true;
      return end;
    }
    const batch = this.fetch(keys);
    this.given += 1;
    if (this.given === this.keys.total) {
      // A loop that stops at the known length and one that asks once more must leave the generators alike, or a
      // state taken after the last batch would fit only one of them.
      this.keys.finish();
      this.ended = true;
    }
    return batch;
  }

  state(): Record<string, unknown> {
    return this.keys.state();
  }

  close(): void {
    this.ended = true;
    this.keys.close?.();
  }
}

/** Batches of a dataset whose samples come one after the other. */
export class StreamedBatches implements BatchSource {
  ended = false;

  constructor(
    private readonly dataset: IterableDataset,
    private readonly samples: ReplayedIterator<unknown>,
    /** Null: samples one by one. */
    private readonly batchSize: number | null,
    private readonly dropLast: boolean,
    private readonly collate: Collate,
  ) {}

  next(): unknown {
    if (this.ended) return end;
    const wanted = this.batchSize ?? 1;
    const batch: unknown[] = [];
    while (batch.length < wanted) {
      const sample = this.samples.next();
      if (this.samples.ended) break;
      batch.push(sample);
    }
    this.ended = this.samples.ended;
    if (batch.length === 0 || (this.dropLast && batch.length < wanted)) return end;
    this.warnBeyondLength();
    if (this.batchSize !== null) return collateAll(batch, this.collate);
    const sample = batch[0];
    return sample instanceof Promise
      ? sample.then((value) => this.collate(value as never))
      : this.collate(sample as never);
  }

  state(): Record<string, unknown> {
    return this.samples.state();
  }

  close(): void {
    this.ended = true;
    this.samples.close();
  }

  private warnBeyondLength(): void {
    const { length } = this.dataset;
    if (length !== undefined && this.samples.taken > length)
      warn(
        'DATA_LENGTH_EXCEEDED',
        `The length of ${this.dataset.constructor.name} is ${length}, but it gave more samples than that. Loops that count batches stop too early.`,
      );
  }
}

/** Copies the tensors of a batch to page-locked memory, from which a GPU reads faster; as they are without a GPU. */
export function pinBatch(batch: unknown): unknown {
  if (!cuda.isAvailable()) return batch;
  return pin(batch);
}

function pin(value: unknown): unknown {
  if (value instanceof Tensor) return value.pinMemory();
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(pin);
  if (value instanceof Map) return new Map([...value].map(([key, entry]) => [key, pin(entry)]));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null)
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, pin(entry)]));
  const { pinMemory } = value as { pinMemory?: unknown };
  return typeof pinMemory === 'function' ? pinMemory.call(value) : value;
}
