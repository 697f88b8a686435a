import type { MessagePort } from 'node:worker_threads';
import type { ErrorReport } from '../sampleError.js';
import type { StreamState } from '../sampleStream.js';
import type { Packed } from '../travel/packed.js';
import type { Parcel } from './parcel.js';

/** What a worker has to know to make the batches of one loader. */
export interface WorkerRules {
  workerId: number;
  numWorkers: number;
  batchSize: number | null;
  dropLast: boolean;
  /** Whether batches are made of samples at all; false gives single samples. */
  collates: boolean;
  pinMemory: boolean;
  skipsBadSamples: boolean;
}

/** What a thread starts with. */
export interface ThreadStart {
  port: MessagePort;
  passage: number;
}

/** Places in the numbers that a loader and its workers share. */
export const arrivals = 0;
/** The epoch whose requests count; the workers pass over all others. */
export const currentEpoch = 1;

/** From the loader to a worker. */
export type Request =
  | { type: 'open'; signal: Int32Array; rules: WorkerRules; packed: Packed }
  /** Requests of earlier epochs are void. `resumeAt` is for streams. */
  | { type: 'epoch'; epoch: number; baseSeed: bigint; resumeAt: StreamState | null }
  | { type: 'batch'; epoch: number; number: number; keys: number[] | number | null }
  /** Let go of the dataset; the thread waits for another loader. */
  | { type: 'close' }
  | { type: 'end' };

export interface BadSample {
  index: number | null;
  dataset: string;
  error: ErrorReport;
}

/** Where a worker's stream is after a request. */
export interface StreamReport {
  batches: number;
  ended: boolean;
  /** The dataset's own state. */
  dataset: Parcel | null;
  /** Samples that this request took. */
  samples: number;
}

export type Outcome =
  | { kind: 'batch'; parcel: Parcel; stream: StreamReport | null }
  /** No sample of the batch could be loaded. */
  | { kind: 'skipped'; stream: StreamReport | null }
  /** This worker's share is used up. */
  | { kind: 'ended'; stream: StreamReport | null }
  | { kind: 'failed'; error: ErrorReport; index: number | null; dataset: string };

/** From a worker to the loader. */
export type Reply =
  | { type: 'opened' }
  /** Library functions that cannot be imported there. */
  | { type: 'unresolved'; nodes: number[] }
  | { type: 'openFailed'; error: ErrorReport }
  | { type: 'batch'; epoch: number; number: number; outcome: Outcome; bad: BadSample[] }
  | { type: 'warning'; name: string; code: string | undefined; message: string }
  | { type: 'crashed'; error: ErrorReport };
