import type { Device, Tensor } from '@lightning-ts/torch';
import type { ProcessGroup } from '@lightning-ts/torch/distributed';
import type { LightningModule } from '../module/lightningModule.js';
import type { BackwardOptions } from '../module/moduleContext.js';
import type { ClusterEnvironment } from './clusterEnvironment.js';
import type { LayerSync } from './layerSync.js';

/** How values of several processes become one; `'avg'` is `'mean'`. */
export type ReduceOp = 'mean' | 'avg' | 'sum' | 'min' | 'max' | 'product';

/** What the Trainer's options gave a strategy to work with. */
export interface StrategyResources {
  /** The devices of this machine's processes, one each. */
  readonly devices: readonly Device[];
  readonly numNodes: number;
  readonly environment: ClusterEnvironment;
  /** What makes layers work over all processes; null: each process has its own. */
  readonly layerSync: LayerSync | null;
}

/**
 * Where a run computes and how its processes work together. The loops and the Trainer know nothing of devices and processes
 * but this.
 */
export interface Strategy {
  readonly name: string;
  /** The device of this process. */
  readonly rootDevice: Device;
  readonly worldSize: number;
  readonly globalRank: number;
  readonly localRank: number;
  readonly nodeRank: number;
  /** Whether this process is the one that writes files and speaks. */
  readonly isGlobalZero: boolean;
  /** The module that was connected last. */
  readonly module: LightningModule | null;

  /** Takes the module that the next run is about. Enough to save it, without any run. */
  connect(module: LightningModule): void;
  /** Starts or joins the other processes. */
  setupEnvironment(): Promise<void>;
  /** Moves the module to the device and wraps it as the stage needs. */
  setup(isTraining: boolean): Promise<void>;
  /** Moves a batch to the device. */
  batchToDevice<Batch>(batch: Batch): Batch;
  /** Computes gradients; all processes agree on them afterwards, except inside `withoutGradSync`. */
  backward(module: LightningModule, loss: Tensor, options?: BackwardOptions): void;
  /** Runs a step whose gradients are only accumulated, so that processes need not agree on them yet. */
  withoutGradSync<T>(step: () => T): T;
  /** One value from those of all processes. */
  reduce(value: Tensor, op?: ReduceOp, group?: ProcessGroup): Tensor;
  /** A decision all processes share: whether all (or any) of them say yes. */
  reduceBooleanDecision(decision: boolean, all?: boolean): boolean;
  /**
   * The values of all processes, `[worldSize, ...]`; with one process the value itself. Gradients flow back only with
   * `syncGrads`.
   */
  allGather(value: Tensor, options?: { readonly syncGrads?: boolean; readonly group?: ProcessGroup }): Tensor;
  /** The value of one process, by default of the first. */
  broadcast<T>(value: T, src?: number): T;
  /** Waits until every process is here. */
  barrier(name?: string): Promise<void>;
  /** Ends what `setup` and `setupEnvironment` began; the module is on the CPU afterwards. */
  teardown(): Promise<void>;

  // ---- what only some strategies need

  /** Told what the Trainer's options say, once. Without it a strategy brings its own device, and those options are refused. */
  useResources?(resources: StrategyResources): void;
  /** Called when the module is where it computes, and in its precision. */
  wrapModel?(isTraining: boolean): Promise<void>;
  /** Runs a training step, so that the backward of what it returns exchanges gradients. */
  runTrainingStep?<T>(step: () => T): T;
  /** Begins to exchange small whole numbers; the returned function waits for the largest of each over all processes. */
  exchangeFlags?(flags: readonly number[]): () => number[];
  /** Plain data of every process, by rank, on all of them; `gatherObject`: on process 0, null on the others. */
  allGatherObject?<T>(value: T): T[];
  gatherObject?<T>(value: T): T[] | null;
  /** Passes a signal on to the processes that this one has started. */
  forwardSignal?(signal: NodeJS.Signals): void;
  /** Tells the other processes that this one failed. Gives the error to end with: the first cause, where it is another's. */
  failWith?(error: unknown): Promise<unknown>;
}
