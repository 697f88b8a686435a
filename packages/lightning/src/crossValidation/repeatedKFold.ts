import { Generator, randint } from '@lightning-ts/torch';
import { OptionReader } from '../optionReader.js';
import type { Fold, SampleLabels, Samples } from './fold.js';
import { KFold } from './kFold.js';
import { StratifiedKFold } from './stratifiedKFold.js';

export interface RepeatedKFoldOptions {
  /** Folds of each repetition, from 2 up. Default 5. */
  readonly nSplits?: number;
  /** Repetitions, each shuffled anew. Default 10. */
  readonly nRepeats?: number;
  /** The same seed gives the same folds at every call. Default: drawn from the default generator. */
  readonly seed?: number | null;
}

/** The folds of {@link KFold}, shuffled anew `nRepeats` times. */
export class RepeatedKFold {
  private readonly options: Required<RepeatedKFoldOptions>;

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN */
  constructor(options: RepeatedKFoldOptions = {}) {
    this.options = repeatedOptions('RepeatedKFold', options);
  }

  /** @throws LightningError FOLDS_INVALID for fewer samples than folds */
  split(samples: Samples): Fold[] {
    return repeated(this.options, (options) => new KFold(options).split(samples));
  }
}

/** The folds of {@link StratifiedKFold}, shuffled anew `nRepeats` times. */
export class RepeatedStratifiedKFold {
  private readonly options: Required<RepeatedKFoldOptions>;

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN */
  constructor(options: RepeatedKFoldOptions = {}) {
    this.options = repeatedOptions('RepeatedStratifiedKFold', options);
  }

  /**
   * @param by `labels`: the class of each sample
   * @throws LightningError FOLDS_INVALID when every class has fewer samples than there are folds
   */
  split(samples: Samples, by: { readonly labels: SampleLabels }): Fold[] {
    return repeated(this.options, (options) => new StratifiedKFold(options).split(samples, by));
  }
}

function repeatedOptions(owner: string, options: RepeatedKFoldOptions): Required<RepeatedKFoldOptions> {
  const reader = new OptionReader<RepeatedKFoldOptions>(owner, options);
  const resolved = {
    nSplits: reader.integer('nSplits', 5, 2),
    nRepeats: reader.integer('nRepeats', 10, 1),
    seed: reader.integer('seed', null, 0),
  };
  reader.done();
  return resolved;
}

function repeated(
  { nRepeats, nSplits, seed }: Required<RepeatedKFoldOptions>,
  split: (options: { nSplits: number; shuffle: true; seed: number }) => Fold[],
): Fold[] {
  const source = seed === null ? {} : { generator: new Generator().manualSeed(seed) };
  const seeds = randint(2 ** 31 - 1, [nRepeats], source).tolist() as number[];
  return seeds.flatMap((own, repeat) =>
    split({ nSplits, shuffle: true, seed: own }).map((fold) => ({ ...fold, index: repeat * nSplits + fold.index })),
  );
}
