import { DistributedError } from './distributedError.js';
import type { Peer } from './peers.js';
import type { ProcessGroup } from './processGroup.js';
import type { MeetingPoint } from './rendezvous.js';
import type { Store } from './store.js';

/** What this process knows of the job it has joined. */
export interface Job {
  /** All processes. */
  group: ProcessGroup;
  groups: ProcessGroup[];
  meetingPoint: MeetingPoint;
  networkInterface: string;
  rendezvousTimeout: number;
  /** By rank; empty when they were not asked. */
  peers: Peer[];
  own: Peer;
  /** Groups made so far, which all ranks count alike. */
  made: number;
}

let job: Job | null = null;

export const jobOrNull = (): Job | null => job;
export function setJob(joined: Job | null): void {
  job = joined;
}

export function currentJob(): Job {
  if (job !== null) return job;
  throw new DistributedError(
    'DISTRIBUTED_NOT_INITIALIZED',
    'there is no process group yet; await initProcessGroup(...) first',
  );
}

/** Whether this process is part of a job. */
export const isInitialized = (): boolean => job !== null;
/** The group of all processes. */
export const defaultGroup = (): ProcessGroup => currentJob().group;
/** The store that the job met at. */
export const defaultStore = (): Store => currentJob().meetingPoint.store;
/** This process's rank in the job, or its place in `group`. */
export const getRank = (group: ProcessGroup = defaultGroup()): number => group.rank;
/** The number of processes in the job, or in `group`. */
export const getWorldSize = (group: ProcessGroup = defaultGroup()): number => group.size;
