import { LightningError } from '../errors.js';
import { OptionReader } from '../optionReader.js';

export interface KFoldOptions {
  /** Folds, from 2 up. Default 5. */
  readonly nSplits?: number;
  /** Whether samples are put in a random order first. Default false: every call gives the same folds. */
  readonly shuffle?: boolean;
  /** With `shuffle`: the same seed gives the same folds at every call. Default: drawn from the default generator. */
  readonly seed?: number | null;
}

export interface ResolvedKFoldOptions {
  readonly nSplits: number;
  readonly shuffle: boolean;
  readonly seed: number | null;
}

/** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN, OPTION_CONFLICT */
export function kFoldOptions(owner: string, options: KFoldOptions): ResolvedKFoldOptions {
  const reader = new OptionReader<KFoldOptions>(owner, options);
  const resolved = {
    nSplits: reader.integer('nSplits', 5, 2),
    shuffle: reader.boolean('shuffle', false),
    seed: reader.integer('seed', null, 0),
  };
  reader.done();
  if (resolved.seed !== null && !resolved.shuffle) {
    throw new LightningError(
      'OPTION_CONFLICT',
      `${owner}: seed is ${resolved.seed}, but nothing is shuffled. Add shuffle: true, or leave the seed out.`,
    );
  }
  return resolved;
}
