import type { Device, Tensor } from '@lightning-ts/torch';
import type { ProcessGroup } from '@lightning-ts/torch/distributed';
import type { Optimizer } from '@lightning-ts/torch/optim';
import type { Logger } from '../loggers/logger.js';
import type { LightningOptimizer } from '../loops/lightningOptimizer.js';
import type { SchedulerConfig } from '../loops/schedulers.js';
import type { Trainer } from '../trainer/trainer.js';
import type { AnyLightningModule, GradientClipAlgorithm } from './lightningModule.js';
import type { LoggedValue, LogOptions } from './log.js';

/**
 * What a module reaches of the run it takes part in. The Trainer hands it over; a module used without a Trainer has none, and
 * so loads none of the training code.
 */
export interface ModuleContext {
  readonly trainer: Trainer;
  /** Where the run computes; null when none is going on. */
  readonly device: Device | null;
  readonly currentEpoch: number;
  readonly globalStep: number;
  readonly globalRank: number;
  readonly localRank: number;
  readonly loggers: readonly Logger[];
  readonly optimizers: readonly LightningOptimizer[];
  readonly schedulers: readonly SchedulerConfig[];
  readonly clipping: {
    readonly gradientClipVal: number | null;
    readonly gradientClipAlgorithm: GradientClipAlgorithm;
  };
  allGather(data: unknown, options: GatherOptions): unknown;
  log(module: AnyLightningModule, name: string, value: LoggedValue, options: LogOptions): void;
  manualBackward(loss: Tensor, options?: BackwardOptions): void;
  toggleOptimizer(optimizer: LightningOptimizer | Optimizer): void;
  untoggleOptimizer(optimizer: LightningOptimizer | Optimizer): void;
  print(...values: unknown[]): void;
}

/** Options of `allGather`. */
export interface GatherOptions {
  /** Whether gradients flow back to the process that each part came from. Default false. */
  readonly syncGrads?: boolean;
  /** Default: all processes. */
  readonly group?: ProcessGroup;
}

/** Options of a backward pass. */
export interface BackwardOptions {
  /** The gradient of the loss itself; needed when the loss has more than one element. */
  readonly gradient?: Tensor;
  /** Keep the graph for another backward. Default false. */
  readonly retainGraph?: boolean;
  /** Build a graph of the gradients themselves. Default false. */
  readonly createGraph?: boolean;
}

const contexts = new WeakMap<object, ModuleContext>();

/** Connects a module, or any other object a run serves, with its run; null disconnects. */
export function setContext(owner: object, context: ModuleContext | null): void {
  if (context === null) contexts.delete(owner);
  else contexts.set(owner, context);
}

/** The run that `owner` takes part in, or null. */
export function contextOf(owner: object): ModuleContext | null {
  return contexts.get(owner) ?? null;
}
