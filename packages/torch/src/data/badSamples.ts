import { types } from 'node:util';
import { skipped } from './batchMarks.js';

/** Told of a sample that could not be loaded and is left out; `index` is null where samples have no numbers. */
export type OnBadSample = (error: unknown, index: number | null) => void;

/** Past this many failures in a row nothing more will come. */
const patience = 1000;

/** Goes past samples that throw; a generator function is over once it has thrown, so its error stays one. */
export function withoutBad<T>(iterator: Iterator<T>, onBadSample: OnBadSample | null): Iterator<T> {
  if (onBadSample === null || types.isGeneratorObject(iterator)) return iterator;
  return {
    next(): IteratorResult<T> {
      for (let failures = 1; ; failures++) {
        try {
          return iterator.next();
        } catch (error) {
          if (failures === patience) throw error;
          onBadSample(error, null);
        }
      }
    },
    return: (value) => iterator.return?.(value) ?? { done: true, value },
  };
}

/** The samples of a batch once all of them are there, one after the other, without those that were rejected. */
export async function settledSamples(samples: readonly unknown[], onBadSample: OnBadSample | null): Promise<unknown[]> {
  const good: unknown[] = [];
  for (const sample of samples) {
    try {
      good.push(await sample);
    } catch (error) {
      if (onBadSample === null) throw error;
      onBadSample(error, null);
    }
  }
  return good;
}

/** Makes a batch of samples, or a promise of one when some of them are promises; `skipped` when none is left. */
export function collateStream(
  samples: readonly unknown[],
  isBatch: boolean,
  collate: (samples: never) => unknown,
  onBadSample: OnBadSample | null,
): unknown {
  const make = (good: readonly unknown[]): unknown =>
    good.length === 0 ? skipped : collate((isBatch ? good : good[0]) as never);
  return samples.some((sample) => sample instanceof Promise)
    ? settledSamples(samples, onBadSample).then(make)
    : make(samples);
}
