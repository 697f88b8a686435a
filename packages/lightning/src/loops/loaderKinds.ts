import type { Loader } from '../module/loaderTypes.js';

/** A loader that can say where it is and continue from there. */
export interface StatefulLoader {
  stateDict(): unknown;
  loadStateDict(state: unknown): void;
}

export function isStateful(loader: unknown): loader is StatefulLoader {
  const candidate = loader as Partial<StatefulLoader>;
  return typeof candidate.stateDict === 'function' && typeof candidate.loadStateDict === 'function';
}

/** Whether something can be walked through as a loader. Strings, tensors and the like can be iterated, but hold no batches. */
export function isLoader(value: unknown): value is Loader {
  if (typeof value !== 'object' || value === null) return false;
  if (ArrayBuffer.isView(value) || typeof (value as { numel?: unknown }).numel === 'function') return false;
  return Symbol.iterator in value || Symbol.asyncIterator in value;
}

/** Whether walking through a loader has to wait: there is no other way, or the samples are loaded elsewhere. */
export function isAsynchronous(loader: Loader): boolean {
  if (!(Symbol.iterator in loader)) return true;
  const { mustWait, numWorkers } = loader as { mustWait?: unknown; numWorkers?: unknown };
  if (typeof mustWait === 'boolean') return mustWait;
  return typeof numWorkers === 'number' && numWorkers > 0 && Symbol.asyncIterator in loader;
}

/** The number of batches of a loader, or null when it cannot say. */
export function loaderLength(loader: unknown): number | null {
  let length: unknown;
  try {
    length = (loader as { length?: unknown }).length ?? (loader as { size?: unknown }).size;
  } catch {
    // A DataLoader over a stream of unknown length throws when asked.
    return null;
  }
  return typeof length === 'number' && Number.isInteger(length) && length >= 0 ? length : null;
}

interface TakesEpoch {
  setEpoch?(epoch: number): void;
}

/** Tells the samplers of a loader which epoch it is. */
export function setLoaderEpoch(loader: unknown, epoch: number): void {
  const { sampler, batchSampler } = loader as {
    sampler?: TakesEpoch;
    batchSampler?: TakesEpoch & { sampler?: TakesEpoch };
  };
  const all = new Set([loader as TakesEpoch, sampler, batchSampler, batchSampler?.sampler]);
  for (const one of all) if (typeof one?.setEpoch === 'function') one.setEpoch(epoch);
}
