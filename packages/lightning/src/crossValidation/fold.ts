import { Generator, randperm, Tensor } from '@lightning-ts/torch';
import { describe } from '../describe.js';
import { LightningError } from '../errors.js';

/** One way to part the samples: train on some, judge on the others. */
export interface Fold {
  /** Its place among the folds, from 0. */
  readonly index: number;
  readonly trainIndices: readonly number[];
  /** The samples held out. */
  readonly testIndices: readonly number[];
}

/** What is split: a dataset, an array, a tensor (by its first dimension), or a number of samples. */
export type Samples = number | { readonly length: number } | Tensor;

/** One label or group for each sample: numbers or words, or a tensor [samples]. */
export type SampleLabels = readonly (number | bigint | string | boolean)[] | Tensor;

/** How many samples there are. @throws LightningError FOLDS_INVALID */
export function countSamples(owner: string, samples: Samples): number {
  const count =
    samples instanceof Tensor ? samples.shape[0] : typeof samples === 'number' ? samples : (samples?.length ?? null);
  if (typeof count === 'number' && Number.isSafeInteger(count) && count > 0) return count;
  throw new LightningError(
    'FOLDS_INVALID',
    `${owner} was given ${typeof count === 'number' ? `${count} samples` : describe(samples)} to split. Give a dataset, an array, a tensor, or the number of samples.`,
  );
}

/**
 * Labels as numbers from 0 up.
 *
 * @param order `sorted`: numbered by value; `seen`: by where each comes first
 * @returns the number of each sample's label, and how many samples have each
 * @throws LightningError FOLDS_INVALID unless there is one for every sample
 */
export function encodeLabels(
  owner: string,
  what: 'labels' | 'groups',
  labels: SampleLabels | undefined,
  count: number,
  order: 'sorted' | 'seen',
): { readonly codes: Int32Array; readonly counts: number[] } {
  const values: unknown = labels instanceof Tensor ? labels.tolist() : labels;
  if (!Array.isArray(values) || values.some(Array.isArray)) {
    throw new LightningError(
      'FOLDS_INVALID',
      `${owner} needs ${what}: one for each sample, as an array or a tensor [samples]; got ${
        labels instanceof Tensor ? `a tensor of shape [${labels.shape.join(', ')}]` : describe(labels)
      }.`,
    );
  }
  if (values.length !== count) {
    throw new LightningError(
      'FOLDS_INVALID',
      `${owner}: there are ${values.length} ${what} for ${count} samples. Give one for each sample.`,
    );
  }
  const distinct = [...new Set<unknown>(values)];
  if (order === 'sorted') distinct.sort(byValue);
  const codeOf = new Map(distinct.map((value, code) => [value, code]));
  const counts = distinct.map(() => 0);
  const codes = Int32Array.from(values, (value) => {
    const code = codeOf.get(value)!;
    counts[code]! += 1;
    return code;
  });
  return { codes, counts };
}

function byValue(a: unknown, b: unknown): number {
  return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0;
}

/** The folds in which each sample is held out once. @param foldOf the fold that holds out each sample */
export function foldsOf(foldOf: ArrayLike<number>, nSplits: number): Fold[] {
  return Array.from({ length: nSplits }, (_, index) => {
    const trainIndices: number[] = [];
    const testIndices: number[] = [];
    for (let sample = 0; sample < foldOf.length; sample += 1)
      (foldOf[sample] === index ? testIndices : trainIndices).push(sample);
    return { index, trainIndices, testIndices };
  });
}

/** Orders drawn from the engine, each time from the same start when there is a seed. */
export class Shuffle {
  private readonly generator: Generator | undefined;

  /** @param seed null: the default generator */
  constructor(seed: number | null) {
    this.generator = seed === null ? undefined : new Generator().manualSeed(seed);
  }

  /** The numbers below `count`, in a random order. */
  order(count: number): number[] {
    return randperm(count, this.generator === undefined ? {} : { generator: this.generator }).tolist() as number[];
  }

  /** The values in a random order. */
  of<Value>(values: readonly Value[]): Value[] {
    return this.order(values.length).map((place) => values[place]!);
  }
}
