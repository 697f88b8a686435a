import type { Dataset, IterableDataset } from '../dataset.js';

/** What a worker of a loader knows of itself. */
export interface WorkerInfo {
  /** From 0 to `numWorkers - 1`. */
  readonly id: number;
  readonly numWorkers: number;
  /** The epoch's base seed + `id`, as in PyTorch. */
  readonly seed: bigint;
  /** This worker's copy. */
  readonly dataset: Dataset | IterableDataset;
}

let current: WorkerInfo | null = null;

/**
 * Which worker of a loader this code runs in; null outside of workers, and in loaders without any.
 *
 * @example
 * const { id, numWorkers } = getWorkerInfo() ?? { id: 0, numWorkers: 1 };
 * for (let i = id; i < lines.length; i += numWorkers) yield lines[i];
 */
export const getWorkerInfo = (): WorkerInfo | null => current;

export function setWorkerInfo(info: WorkerInfo | null): void {
  current = info;
}
