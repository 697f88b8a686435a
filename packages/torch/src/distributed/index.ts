export { availableBackends, type BackendName, isAvailable } from './backends.js';
export { type BatchFlags, exchangeHasBatch } from './batchFlags.js';
export type { BucketResult, CommHook, CommHookChoice, GradBucket } from './commHooks.js';
export { DistributedDataParallel, type DistributedDataParallelOptions } from './distributedDataParallel.js';
export { DistributedError, type DistributedErrorDetails } from './distributedError.js';
export { FailureChannel, type WatchFailuresOptions } from './failureChannel.js';
export type { FailureReport } from './failureReport.js';
export { defaultGroup, defaultStore, getRank, getWorldSize, isInitialized } from './job.js';
export {
  allGatherObject,
  broadcastObject,
  broadcastObjectList,
  gatherObject,
  type ObjectOptions,
  type ObjectOutcome,
  scatterObjectList,
} from './objectCollectives.js';
export {
  type CollectedOptions,
  type CollectiveOptions,
  type MessageOptions,
  type Outcome,
  ProcessGroup,
  type ReduceOptions,
  type RootedOptions,
} from './processGroup.js';
export {
  type DestroyOptions,
  destroyProcessGroup,
  type InitProcessGroupOptions,
  initProcessGroup,
  type NewGroupOptions,
  newGroup,
} from './processGroups.js';
export { ReduceOp } from './reduceOp.js';
export { FileStore, HashStore, PrefixStore, Store, TCPStore, type TCPStoreOptions, type WaitOptions } from './store.js';
export { SyncBatchNorm, type SyncBatchNormOptions } from './syncBatchNorm.js';
export { Work } from './work.js';
