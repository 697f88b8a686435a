import { warn } from '@lightning-ts/torch';
import {
  BatchSampler,
  DataLoader,
  type Dataset,
  DistributedSampler,
  IterableDataset,
  RandomSampler,
  type Sampler,
  SequentialSampler,
} from '@lightning-ts/torch/data';
import type { Loader } from '../module/loaderTypes.js';
import type { DataKind } from './dataSources.js';
import { type Split, SplitSampler } from './splitSamplers.js';

/**
 * The same loader for one of several processes.
 *
 * - Training: all get equally many samples, the few that are missing for that are repeated from the start.
 * - Validation and test: each sample goes to one process, so that every one counts once.
 * - Prediction: each batch goes to one process, so that the batches of all are those of one.
 *
 * What is no DataLoader, or has a sampler that splits by itself, stays as it is.
 */
export function splitLoader(loader: Loader, kind: DataKind, split: Split): Loader {
  if (!(loader instanceof (DataLoader as unknown as abstract new () => DataLoader))) return loader;
  const { batchSampler, dataset, options, sampler } = loader;
  if (dataset instanceof IterableDataset) {
    warn(
      'DATA_NOT_SPLIT',
      'A stream cannot be split from outside, so every process reads all of it. Let it skip what belongs to others: every n-th ' +
        'sample, by trainer.globalRank and trainer.worldSize. Or set useDistributedSampler to false to say that it does.',
    );
    return loader;
  }
  const inner = batchSampler instanceof BatchSampler ? batchSampler.sampler : sampler;
  if (inner instanceof DistributedSampler || sampler instanceof DistributedSampler) return loader;
  const rebuilt = (changes: Record<string, unknown>): Loader =>
    new DataLoader(dataset as Dataset, { ...options, shuffle: null, sampler: null, ...changes } as never) as Loader;
  const isOwnBatching = options.batchSampler !== undefined && options.batchSampler !== null;
  if ((isOwnBatching || kind === 'predict') && batchSampler !== null) {
    return rebuilt({
      batchSampler: new SplitSampler(batchSampler, split),
      batchSize: 1,
      dropLast: false,
    });
  }
  const { rank, seed, worldSize } = split;
  const isPlain = (sampler instanceof RandomSampler && !sampler.replacement) || sampler instanceof SequentialSampler;
  if (kind !== 'train' || !isPlain) return rebuilt({ sampler: new SplitSampler(sampler as Sampler, split) });
  const shuffle = sampler instanceof RandomSampler;
  return rebuilt({
    sampler: new DistributedSampler(dataset as Dataset, { numReplicas: worldSize, rank, shuffle, seed }),
  });
}

/** The seed of the order in which processes go through data: the one that was set for the whole job, else the same for all. */
export const splitSeed = (): number => Number(process.env.PL_GLOBAL_SEED || 0);
