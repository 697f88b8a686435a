import { randperm } from '../creation.js';
import { TorchError } from '../errors.js';
import { Generator } from '../random.js';
import { warn } from '../warnings.js';
import type { Dataset } from './dataset.js';
import { readIndices } from './samplers/indexPass.js';
import { Subset } from './subset.js';

const relativeTolerance = 1e-9;

function checkedFractions(fractions: readonly number[]): void {
  fractions.forEach((fraction, i) => {
    if (!(fraction >= 0 && fraction <= 1))
      throw new TorchError(
        'DATA_LOADER',
        `randomSplit: the fraction at index ${i} is ${fraction}, not between 0 and 1`,
      );
  });
}

/** Rounds down, then gives what is left over one by one, from the first part on. */
function lengthsOf(fractions: readonly number[], total: number): number[] {
  checkedFractions(fractions);
  const lengths = fractions.map((fraction) => Math.floor(total * fraction));
  const left = total - lengths.reduce((a, b) => a + b, 0);
  for (let i = 0; i < left; i++) lengths[i % lengths.length]! += 1;
  return lengths;
}

/**
 * Parts of a dataset that share no sample: `randomSplit(data, [55_000, 5_000])` or `randomSplit(data, [0.9, 0.1])`.
 *
 * Lengths must add up to the dataset's; numbers that add up to 1 are fractions. The same seed gives Python's parts. The
 * permutation is drawn from `generator`, by default the default one.
 */
export function randomSplit<T, B, const Lengths extends readonly number[]>(
  dataset: Dataset<T, B>,
  lengths: Lengths,
  generator?: Generator | { generator?: Generator },
): { -readonly [Part in keyof Lengths]: Subset<T, B> } {
  const total = dataset.length;
  const sum = lengths.reduce((a, b) => a + b, 0);
  const areFractions = Math.abs(sum - 1) <= relativeTolerance * Math.max(Math.abs(sum), 1) && sum <= 1;
  const parts = areFractions ? lengthsOf(lengths, total) : [...lengths];
  if (areFractions)
    parts.forEach((length, i) => {
      if (length === 0)
        warn('DATA_EMPTY_SPLIT', `randomSplit: part ${i} (fraction ${lengths[i]} of ${total} samples) has no samples.`);
    });
  if (parts.some((length) => !Number.isSafeInteger(length) || length < 0))
    throw new TorchError(
      'DATA_LOADER',
      `randomSplit takes whole numbers that add up to the dataset's length, ${total}, or fractions that add up to 1; got [${lengths.join(', ')}], which adds up to ${sum}`,
    );
  if (parts.reduce((a, b) => a + b, 0) !== total)
    throw new TorchError(
      'DATA_LOADER',
      `randomSplit: the lengths [${lengths.join(', ')}] add up to ${sum}, but the dataset has ${total} samples`,
    );
  const source = generator instanceof Generator ? generator : generator?.generator;
  const order = readIndices(randperm(total, source === undefined ? undefined : { generator: source }));
  let end = 0;
  return parts.map((length) => {
    end += length;
    return new Subset(dataset, Array.from(order.subarray(end - length, end)));
  }) as { -readonly [Part in keyof Lengths]: Subset<T, B> };
}
