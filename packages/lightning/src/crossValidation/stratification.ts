import { warn } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';

/**
 * Whether there are enough samples of each class for every fold to have one.
 *
 * @throws LightningError FOLDS_INVALID when no class has enough; a warning when some have
 */
export function checkClassSizes(owner: string, counts: readonly number[], nSplits: number): void {
  const smallest = Math.min(...counts);
  const largest = Math.max(...counts);
  if (nSplits > largest) {
    throw new LightningError(
      'FOLDS_INVALID',
      `${owner}: nSplits is ${nSplits}, but the largest class has only ${largest} samples. Use fewer folds.`,
    );
  }
  if (nSplits > smallest) {
    warn(
      'FOLDS_SMALL_CLASS',
      `The smallest class has ${smallest} ${smallest === 1 ? 'sample' : 'samples'}, fewer than the ${nSplits} folds of ${owner}: some folds have none of it.`,
    );
  }
}
