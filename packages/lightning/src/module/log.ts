import type { Metric } from '@lightning-ts/metrics';
import type { amax, amin, max, mean, min, sum, Tensor } from '@lightning-ts/torch';
import type { ProcessGroup } from '@lightning-ts/torch/distributed';

/** What `log` accepts: a number, a boolean, a tensor with one element, or a metric that is an attribute of the module. */
export type LoggedValue = number | boolean | Tensor | Metric;

/** How the values of an epoch become one: by name, or as the function of torch or of `Math` that does it. */
export type ReduceFx =
  | 'mean'
  | 'avg'
  | 'sum'
  | 'min'
  | 'max'
  | typeof mean
  | typeof sum
  | typeof min
  | typeof max
  | typeof amin
  | typeof amax
  | typeof Math.min;

/**
 * What the loggers show a value over. `'step'`: the loggers' own count, batches after which an optimizer stepped; `'globalStep'`:
 * optimizer steps; `'batches'`: training batches; `'epoch'`; `'seconds'` since the run began; `{ metric }`: another logged value,
 * such as the tokens seen.
 */
export type XAxis = 'step' | 'globalStep' | 'batches' | 'epoch' | 'seconds' | { readonly metric: string };

/** Where a logged value goes and how it is reduced. */
export interface LogOptions {
  /** Show it in the progress bar. Default false. */
  readonly progBar?: boolean;
  /** Send it to the loggers. Default true. */
  readonly logger?: boolean;
  /** What the loggers show it over. Values with one axis share a row. Default `'step'`. */
  readonly xAxis?: XAxis;
  /** Record the value of each step. Default: true in the hooks of a training batch, false elsewhere. */
  readonly onStep?: boolean;
  /** Record the reduction over the epoch. Default: false in the hooks of a training batch, true elsewhere. */
  readonly onEpoch?: boolean;
  /** Reduction over the epoch; a mean is weighted by the batch sizes. Default `'mean'`. Metrics reduce themselves. */
  readonly reduceFx?: ReduceFx;
  /** Keep the value's autograd graph instead of detaching it. Default false. */
  readonly enableGraph?: boolean;
  /**
   * Reduce the value over all processes; a mean over an epoch is weighted by their sample counts. The value of a step is reduced
   * when it is logged, in training only: in evaluation, processes may have different numbers of batches. All processes must log
   * it. Metric objects do this by themselves. Default false.
   */
  readonly syncDist?: boolean;
  /** The processes over which `syncDist` reduces steps' values. Default: all. */
  readonly syncDistGroup?: ProcessGroup;
  /** Add `/dataloader_idx_<i>` to the name when there are several evaluation loaders. Default true. */
  readonly addDataloaderIdx?: boolean;
  /** Samples in this batch: the weight of the epoch mean. Default: found in the batch. */
  readonly batchSize?: number;
  /** The attribute that holds the metric, as a dotted path. Default: found in the module. */
  readonly metricAttribute?: string;
  /** Log on process 0 only, without reduction over processes. Default false. */
  readonly rankZeroOnly?: boolean;
}

/** Options of `logDict`: those of `log` that can be the same for several names. */
export type LogDictOptions = Omit<LogOptions, 'metricAttribute'>;
