import type { LRScheduler, Optimizer, ReduceLROnPlateau } from '@lightning-ts/torch/optim';

/** Anything that can stand as a learning-rate scheduler. */
export type AnyScheduler = LRScheduler | ReduceLROnPlateau;

/** A scheduler and when to step it. */
export interface SchedulerOptions {
  readonly scheduler: AnyScheduler;
  /**
   * `'epoch'`: at the end of each training epoch; `'step'`: after optimizer steps, counted over the whole run. Default
   * `'epoch'`.
   */
  readonly interval?: 'epoch' | 'step';
  /** Step at every n-th epoch or optimizer step. Default 1. */
  readonly frequency?: number;
  /** The logged metric that a plateau scheduler watches. */
  readonly monitor?: string | null;
  /** Whether a missing metric is an error; otherwise a warning, and the scheduler is not stepped. Default true. */
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
