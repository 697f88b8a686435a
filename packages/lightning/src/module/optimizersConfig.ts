import type { LRScheduler, Optimizer, ReduceLROnPlateau } from '@lightning-ts/torch/optim';

/** Anything that can stand as a learning-rate scheduler. */
export type AnyScheduler = LRScheduler | ReduceLROnPlateau;

/** A scheduler and when to step it. */
export interface SchedulerOptions {
  readonly scheduler: AnyScheduler;
  /**
   * `'epoch'`: at the end of each training epoch; `'step'`: after optimizer steps; `'batch'`: after batches, also those whose
   * gradients are only accumulated. Steps and batches are counted over the whole run. Default `'epoch'`.
   */
  readonly interval?: 'epoch' | 'step' | 'batch';
  /** Step at every n-th epoch, optimizer step or batch. Default 1. */
  readonly frequency?: number;
  /** The logged metric that a plateau scheduler watches. */
  readonly monitor?: string | null;
  /**
   * Whether it is an error when the metric never came in the whole run; otherwise a warning. A metric that comes late, with the
   * first validation, is waited for. Default true.
   */
  readonly strict?: boolean;
  /** Whether `step` takes the metric. Default: found out from the scheduler. */
  readonly reduceOnPlateau?: boolean;
  /** Name for the learning-rate monitor. */
  readonly name?: string | null;
}

/** An optimizer with its scheduler. */
export interface OptimizerOptions {
  readonly optimizer: Optimizer;
  readonly lrScheduler?: AnyScheduler | SchedulerOptions;
  /** The metric of a plateau scheduler that is given bare. */
  readonly monitor?: string | null;
}

/**
 * What `configureOptimizers` may return: an optimizer, several, `[optimizers, schedulers]`, `{ optimizer, lrScheduler }`,
 * several of those, or null to train without one.
 */
export type OptimizersConfig =
  | Optimizer
  | readonly Optimizer[]
  | readonly [readonly Optimizer[], AnyScheduler | SchedulerOptions | readonly (AnyScheduler | SchedulerOptions)[]]
  | OptimizerOptions
  | readonly OptimizerOptions[]
  | null;
