import { tensor } from '../creation.js';
import { defaultGroup } from './job.js';
import type { ProcessGroup } from './processGroup.js';

/** Who of a group still has something to do. */
export interface BatchFlags {
  all: boolean;
  any: boolean;
  /** How many ranks have. */
  count: number;
}

/**
 * Tells the ranks of a group whether all, or any, of them still have a batch, so that loops of different lengths can
 * end together. Every rank must call it once for each step; it blocks for one small exchange.
 */
export function exchangeHasBatch(hasBatch: boolean, group: ProcessGroup = defaultGroup()): BatchFlags {
  const flag = tensor(hasBatch ? 1 : 0, { dtype: 'int32', device: group.backend === 'nccl' ? 'cuda' : 'cpu' });
  group.allReduce(flag);
  const count = flag.item() as number;
  flag.dispose();
  return { all: count === group.size, any: count > 0, count };
}
