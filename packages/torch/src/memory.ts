import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { native, pressure } from './native.js';

/** No argument asks for a full collection; V8 of Node 20 takes any object for a minor one. */
type Collect = (options?: { type: 'minor' }) => void;
let collectGarbage: Collect | null = null;

function collector(): Collect {
  if (collectGarbage === null) {
    const existing = (globalThis as { gc?: Collect }).gc;
    if (existing === undefined) {
      // The flag is the whole process's: another thread may take it back in between.
      while (collectGarbage === null) {
        setFlagsFromString('--expose-gc');
        collectGarbage = (runInNewContext('globalThis.gc') as Collect | undefined) ?? null;
      }
      setFlagsFromString('--no-expose-gc');
    } else collectGarbage = existing;
  }
  return collectGarbage;
}

const numbers = new Float64Array(5);
function liveBytes(): number {
  native.memoryStats(numbers);
  return numbers[1]!;
}

const headroom = 64 * 2 ** 20;
const smallest = 4 * 2 ** 20;
const largest = 64 * 2 ** 20;
const spareTensors = 256;
let floor = 0;
let tensorFloor = 0;
/** A level that a full collection could not lower: live data, not garbage. */
let tolerated = 0;
let collections = { minor: 0, full: 0 };

/**
 * Called by the op path when `pressure[0]` is set. V8 sees a tensor as a few dozen bytes and would let gigabytes pile up,
 * so the addon counts native bytes and raises the flag when this thread has newly allocated about twice what is alive
 * (4 to 64 MB): small models then stay in the processor's caches, and large ones are not collected within a step, which
 * would promote their activations. The op path asks for a minor collection (0.1 to 0.4 ms). When bytes stay alive above
 * 1.5 × what the last full collection left + 64 MB, a full one follows, unless the last full one at that level freed
 * next to nothing. It also follows when handles pile up: a loss that was promoted keeps the nodes of its graph, about
 * 10 KB that no allocator of ours counts.
 */
export function relievePressure(): void {
  pressure[0] = 0;
  const collect = collector();
  collect({ type: 'minor' });
  collections.minor += 1;
  const live = liveBytes();
  native.setPressureBytes(Math.min(Math.max(2 * live, smallest), largest));
  if (live < floor) floor = live;
  const tensors = numbers[0]!;
  if (tensors < tensorFloor) tensorFloor = tensors;
  if (live <= Math.max(1.5 * floor + headroom, tolerated) && tensors <= 1.5 * tensorFloor + spareTensors) return;
  collect();
  collections.full += 1;
  const left = liveBytes();
  floor = left;
  tensorFloor = numbers[0]!;
  if (left > 0.8 * live) tolerated = 1.25 * left;
}

export interface MemoryStats {
  /** Native tensor references that JavaScript holds. */
  liveTensors: number;
  /** Bytes of CPU memory that libtorch holds: tensors, gradients, saved activations, kernels' buffers. */
  liveBytes: number;
  /** The highest `liveBytes` since the start or `resetPeak()`. */
  peakBytes: number;
  /** Bytes of freed blocks that wait for the next allocation of their size; the system may have them back with `trim()`. */
  keptBytes: number;
  /** CPU allocations since the start. */
  allocations: number;
  /** Collections that native memory asked for. */
  minorCollections: number;
  fullCollections: number;
}

/** What the engine holds, and the means to let go of what nothing refers to any more. */
export const memory = {
  /** Figures of the whole process. Call `collect()` first to count only what is reachable. */
  stats(): MemoryStats {
    native.memoryStats(numbers);
    return {
      liveTensors: numbers[0]!,
      liveBytes: numbers[1]!,
      peakBytes: numbers[2]!,
      keptBytes: numbers[4]!,
      allocations: numbers[3]!,
      minorCollections: collections.minor,
      fullCollections: collections.full,
    };
  },
  /** A full garbage collection, now. */
  collect(): void {
    collector()();
    floor = liveBytes(); // which also lets go of the hooks of graphs that are gone
  },
  /** Gives freed blocks back to the system. */
  trim(): void {
    native.trimMemory();
  },
  /** Starts a new `peakBytes`. */
  resetPeak(): void {
    native.resetPeakBytes();
    collections = { minor: 0, full: 0 };
  },
};
