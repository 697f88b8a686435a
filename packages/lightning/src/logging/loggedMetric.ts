import { Metric, MetricCollection, type MetricSync } from '@lightning-ts/metrics';
import { Tensor } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';
import { describe } from '../module/hparams.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import type { ScalarState } from './loggedScalar.js';

/** The value that each metric's last `forward` returned: what a step logs. Kept while a run watches the metrics. */
const batchValues = new WeakMap<Metric, unknown>();

/** Notes the batch values of every metric in `module` until the returned function is called. */
export function watchMetrics(module: AnyLightningModule): () => void {
  const handles = metricsOf(module).map(([, metric]) =>
    metric.registerForwardHook((_module: unknown, _inputs: unknown, output: unknown) => {
      batchValues.set(metric, output);
    }),
  );
  // A collection computes its members together, without their forward.
  for (const part of module.modules()) {
    if (!(part instanceof MetricCollection)) continue;
    handles.push(
      part.registerForwardHook((_module: unknown, _inputs: unknown, output: unknown) => {
        for (const [name, metric] of part.items()) batchValues.set(metric, (output as Record<string, unknown>)[name]);
      }),
    );
  }
  return () => {
    for (const handle of handles) handle.remove();
  };
}

/** Has the metrics of `module` gather over all processes until the returned function is called. Those with a group keep theirs. */
export function joinMetrics(module: AnyLightningModule, sync: MetricSync | null): () => void {
  const joined =
    sync === null ? [] : metricsOf(module).flatMap(([, metric]) => (metric.processGroup === null ? [metric] : []));
  for (const metric of joined) metric.processGroup = sync;
  return () => {
    for (const metric of joined) metric.processGroup = null;
  };
}

/** Every metric in a module, with its path. */
export function metricsOf(module: AnyLightningModule): [string, Metric][] {
  return module.namedModules().filter((entry): entry is [string, Metric] => entry[1] instanceof Metric);
}

/** A metric object that was logged: it gathers by itself, so only its values are asked for. */
export class LoggedMetric {
  constructor(
    private readonly name: string,
    readonly metric: Metric,
  ) {}

  /** The value of the last batch, or null when the metric was only updated. */
  stepValue(): Tensor | null {
    const value = batchValues.get(this.metric);
    return value === undefined ? null : this.checked(value);
  }

  /** The value over the epoch so far, or null when nothing was gathered. */
  epochValue(): Tensor | null {
    return this.metric.updateCount === 0 ? null : this.checked(this.metric.compute());
  }

  /** The value over all processes, of which some may have gathered nothing. */
  jointValue(): Tensor {
    return this.checked(this.metric.compute());
  }

  reset(): void {
    this.metric.reset();
    batchValues.delete(this.metric);
  }

  /** What a checkpoint keeps beside the metric's own states. */
  state(): ScalarState {
    return { step: this.stepValue()?.clone() ?? null, total: null, weight: 0 };
  }

  loadState({ step }: ScalarState): void {
    if (step !== null) batchValues.set(this.metric, step);
  }

  private checked(value: unknown): Tensor {
    if (value instanceof Tensor && value.numel() === 1) return value.detach();
    throw new LightningError(
      'LOG_METRIC',
      `'${this.name}' was logged with a ${this.metric.constructor.name} whose value is ` +
        `${value instanceof Tensor ? `a tensor of shape [${value.shape.join(', ')}]` : describe(value)}, but a logged value is ` +
        'one number. Log its parts one by one.',
    );
  }
}

/** The metric at a path that an earlier run found. @throws LightningError CHECKPOINT_INVALID when the module has none there */
export function metricAt(module: AnyLightningModule, path: string): Metric {
  const found = metricsOf(module).find(([candidate]) => candidate === path);
  if (found !== undefined) return found[1];
  throw new LightningError(
    'CHECKPOINT_INVALID',
    `The checkpoint was saved in the middle of an epoch with a metric at '${path}', but ${module.constructor.name} has none there.`,
  );
}

/**
 * Finds the path of a logged metric in the module.
 *
 * @throws LightningError LOG_METRIC when it is not part of the module, so that nothing would move or reset it
 */
export function metricPath(
  module: AnyLightningModule,
  metric: Metric,
  name: string,
  attribute: string | undefined,
): string {
  const found = metricsOf(module).find(([path, candidate]) => candidate === metric && (attribute ?? path) === path);
  if (found !== undefined) return found[0];
  throw new LightningError(
    'LOG_METRIC',
    attribute === undefined
      ? `'${name}' was logged with a ${metric.constructor.name} that is not an attribute of ${module.constructor.name}. Keep it ` +
          'in a field of the module, so that it is reset and moved with it.'
      : `'${name}' was logged with metricAttribute '${attribute}', but ${module.constructor.name} has no such metric there.`,
  );
}
