import type { MetricSync } from '@lightning-ts/metrics';
import type { Tensor } from '@lightning-ts/torch';
import type { ProcessGroup } from '@lightning-ts/torch/distributed';
import type { Strategy } from '../strategies/strategy.js';
import type { Reduction } from './loggedScalar.js';

/** How what is logged in several processes becomes one value. */
export interface ProcessSync {
  readonly isGlobalZero: boolean;
  reduce(value: Tensor, reduction: Reduction, group?: ProcessGroup): Tensor;
  /** Plain data of every process, by rank. */
  gather<T>(value: T): T[];
}

/** Null for one process. */
export function processSync(strategy: Strategy): ProcessSync | null {
  if (strategy.worldSize === 1) return null;
  const { isGlobalZero } = strategy;
  return {
    isGlobalZero,
    reduce: (value, reduction, group) => strategy.reduce(value, reduction, group),
    gather: (value) => strategy.allGatherObject?.(value) ?? [value],
  };
}

/** By what metric objects gather their states. */
export function metricSync(strategy: Strategy): MetricSync | null {
  const { worldSize } = strategy;
  if (worldSize === 1) return null;
  return {
    worldSize,
    allGather: (value) => {
      const all = strategy.allGather(value);
      return Array.from({ length: worldSize }, (_, rank) => all.select(0, rank));
    },
  };
}
