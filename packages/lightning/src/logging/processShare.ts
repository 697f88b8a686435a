import { type Tensor, tensor } from '@lightning-ts/torch';
import type { AnyLightningModule } from '../module/lightningModule.js';
import { type Entry, type EntryOptions, optionsOf } from './logEntry.js';
import { LoggedMetric, metricPath } from './loggedMetric.js';
import type { LoggedScalar, Reduction } from './loggedScalar.js';

/** What a process tells the others of one logged name at the end of an epoch. */
export interface Share {
  readonly hook: string;
  readonly name: string;
  readonly dataloaderIdx: number | null;
  readonly options: EntryOptions;
  readonly metricPath: string | null;
  readonly total: number;
  readonly weight: number;
  readonly isDouble: boolean;
}

/** What this process has to tell of an entry. */
export function shareOf(entry: Entry, module: AnyLightningModule): Share {
  const { dataloaderIdx, hook, name, value } = entry;
  return {
    hook,
    name,
    dataloaderIdx,
    options: optionsOf(entry),
    metricPath: value instanceof LoggedMetric ? metricPath(module, value.metric, name, undefined) : null,
    ...(value instanceof LoggedMetric ? { total: 0, weight: 0, isDouble: false } : value.partial()),
  };
}

/** The value over all processes, from what each has gathered. */
export function joined(shares: readonly ReturnType<LoggedScalar['partial']>[], reduction: Reduction): Tensor {
  const totals = tensor(
    shares.map(({ total }) => total),
    { dtype: 'float64' },
  );
  const dtype = shares.some(({ isDouble }) => isDouble) ? 'float64' : 'float32';
  if (reduction === 'min' || reduction === 'max') return (reduction === 'min' ? totals.min() : totals.max()).to(dtype);
  const sum = totals.sum();
  if (reduction === 'sum') return sum.to(dtype);
  return sum.div(shares.reduce((weights, { weight }) => weights + weight, 0)).to(dtype);
}
