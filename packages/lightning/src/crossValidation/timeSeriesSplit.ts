import { LightningError } from '../errors.js';
import { OptionReader } from '../optionReader.js';
import { countSamples, type Fold, type Samples } from './fold.js';

export interface TimeSeriesSplitOptions {
  /** Folds, from 2 up. Default 5. */
  readonly nSplits?: number;
  /** Samples to train on at most, the latest ones. Default: all that come before. */
  readonly maxTrainSize?: number | null;
  /** Samples held out in each fold. Default: `samples / (nSplits + 1)`, rounded down. */
  readonly testSize?: number | null;
  /** Samples left out between training and what is held out. Default 0. */
  readonly gap?: number;
}

/**
 * Folds for samples in the order of time: each trains on the past and is judged on what comes right after, later from fold to
 * fold. As scikit-learn's.
 */
export class TimeSeriesSplit {
  private readonly options: Required<TimeSeriesSplitOptions>;

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN */
  constructor(options: TimeSeriesSplitOptions = {}) {
    const reader = new OptionReader<TimeSeriesSplitOptions>('TimeSeriesSplit', options);
    this.options = {
      nSplits: reader.integer('nSplits', 5, 2),
      maxTrainSize: reader.integer('maxTrainSize', null, 1),
      testSize: reader.integer('testSize', null, 1),
      gap: reader.integer('gap', 0, 0),
    };
    reader.done();
  }

  /** @throws LightningError FOLDS_INVALID when the samples do not suffice for the first fold */
  split(samples: Samples): Fold[] {
    const { gap, maxTrainSize, nSplits } = this.options;
    const count = countSamples('TimeSeriesSplit', samples);
    const testSize = this.options.testSize ?? Math.floor(count / (nSplits + 1));
    if (testSize === 0 || count - gap - testSize * nSplits <= 0) {
      throw new LightningError(
        'FOLDS_INVALID',
        `TimeSeriesSplit: ${count} samples are too few for ${nSplits} folds${testSize === 0 ? '' : ` of ${testSize}`}${gap === 0 ? '' : ` with a gap of ${gap}`}. Use fewer folds.`,
      );
    }
    return Array.from({ length: nSplits }, (_, index) => {
      const testStart = count - (nSplits - index) * testSize;
      const trainEnd = testStart - gap;
      return {
        index,
        trainIndices: range(maxTrainSize === null ? 0 : Math.max(0, trainEnd - maxTrainSize), trainEnd),
        testIndices: range(testStart, testStart + testSize),
      };
    });
  }
}

function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, place) => start + place);
}
