import type { Tensor } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import type { Metric } from '../metric.js';
import { type Average, chooseByTask, type TaskOptions } from './options.js';

/** A constructor that makes the metric for `options.task`. */
export interface TaskMetric<Binary, Multiclass, Multilabel, Options extends TaskOptions = TaskOptions> {
  new (options: Options & { task: 'binary' }): Binary;
  new (options: Options & { task: 'multiclass' }): Multiclass;
  new (options: Options & { task: 'multilabel' }): Multilabel;
  new (options: Options): Binary | Multiclass | Multilabel;
}

/** What the three tasks of one metric take. Options beside those of every task pass through as they are. */
export interface ByTask<Options, Binary, Multiclass, Multilabel> {
  binary: new (options: Options) => Binary;
  multiclass: new (options: Options & { numClasses: number }) => Multiclass;
  /** Left out where the metric has no meaning for it. */
  multilabel?: new (
    options: Options & { numLabels: number },
  ) => Multilabel;
}

/** @throws MetricError OPTION_INVALID */
function noLabels(owner: string): never {
  throw new MetricError(
    'OPTION_INVALID',
    `${owner} has no form for the task 'multilabel'. Use 'binary' or 'multiclass'.`,
  );
}

/**
 * Makes the wrapper that chooses a metric by task: `new Accuracy({ task: 'multiclass', numClasses: 10 })`. The wrapper
 * throws a MetricError TASK_MISSING without a known task, OPTION_INVALID without `numClasses` or `numLabels` where needed.
 */
export function taskMetric<
  Binary extends Metric,
  Multiclass extends Metric,
  Multilabel extends Metric,
  Options extends TaskOptions = TaskOptions,
>(
  owner: string,
  metrics: ByTask<never, Binary, Multiclass, Multilabel>,
  defaultAverage: Average = 'micro',
): TaskMetric<Binary, Multiclass, Multilabel, Options> {
  const { binary, multiclass, multilabel } = metrics as unknown as Partial<
    Record<string, new (options: object) => Metric>
  >;
  function make(options: Options): Metric {
    return chooseByTask<Metric>(
      owner,
      options,
      {
        binary: (given) => new binary!(given),
        multiclass: (given) => new multiclass!(given),
        multilabel: (given) => (multilabel === undefined ? noLabels(owner) : new multilabel(given)),
      },
      defaultAverage,
    );
  }
  return Object.defineProperty(make, 'name', { value: owner }) as unknown as TaskMetric<
    Binary,
    Multiclass,
    Multilabel,
    Options
  >;
}

export type Evaluate<Value> = (preds: Tensor, target: Tensor, options: never) => Value;

/** Makes the functional form that chooses by task. It throws as the constructors of {@link taskMetric} do. */
export function taskFunction<Value, Options extends TaskOptions = TaskOptions>(
  owner: string,
  functions: { binary: Evaluate<Value>; multiclass: Evaluate<Value>; multilabel?: Evaluate<Value> },
  defaultAverage: Average = 'micro',
): (preds: Tensor, target: Tensor, options: Options) => Value {
  const { binary, multiclass, multilabel } = functions as unknown as Partial<
    Record<string, (preds: Tensor, target: Tensor, options: object) => Value>
  >;
  return (preds, target, options) =>
    chooseByTask<Value>(
      owner,
      options,
      {
        binary: (given) => binary!(preds, target, given),
        multiclass: (given) => multiclass!(preds, target, given),
        multilabel: (given) => (multilabel === undefined ? noLabels(owner) : multilabel(preds, target, given)),
      },
      defaultAverage,
    );
}
