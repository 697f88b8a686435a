import type { Device, Tensor } from '@lightning-ts/torch';
import type { LightningModule } from '../module/lightningModule.js';
import type { BackwardOptions } from '../module/moduleContext.js';

/** How values of several processes become one. */
export type ReduceOp = 'mean' | 'sum' | 'min' | 'max';

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
  reduce(value: Tensor, op?: ReduceOp): Tensor;
  /** A decision all processes share: whether all (or any) of them say yes. */
  reduceBooleanDecision(decision: boolean, all?: boolean): boolean;
  /** The values of all processes, `[worldSize, ...]`; with one process the value itself. */
  allGather(value: Tensor): Tensor;
  /** The value of process 0. */
  broadcast<T>(value: T): T;
  /** Waits until every process is here. */
  barrier(name?: string): Promise<void>;
  /** Ends what `setup` and `setupEnvironment` began; the module is on the CPU afterwards. */
  teardown(): Promise<void>;
}
