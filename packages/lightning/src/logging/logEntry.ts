import type { Tensor } from '@lightning-ts/torch';
import type { ProcessGroup } from '@lightning-ts/torch/distributed';
import { LightningError } from '../errors.js';
import type { LogOptions, XAxis } from '../module/log.js';
import type { LoggedMetric } from './loggedMetric.js';
import type { LoggedScalar, Reduction, ScalarState } from './loggedScalar.js';
import { reductionOf } from './reduction.js';
import { sameAxis } from './xAxis.js';

/** One name that was logged, and what becomes of it. */
export interface LoggedName {
  readonly name: string;
  /** The hook it was logged in. */
  readonly hook: string;
  /** The names its values have in the loggers, the progress bar and for callbacks. */
  readonly keys: readonly string[];
  readonly onStep: boolean;
  readonly onEpoch: boolean;
  /** How an epoch's values become one; `'metric'` for metric objects, which know themselves. */
  readonly reduceFx: Reduction | 'metric';
  readonly progBar: boolean;
  readonly logger: boolean;
  /** What the loggers show it over. */
  readonly xAxis: XAxis;
}

/** One logged name of one hook. */
export interface Entry {
  readonly hook: string;
  readonly name: string;
  readonly onStep: boolean;
  readonly onEpoch: boolean;
  readonly progBar: boolean;
  readonly logger: boolean;
  readonly xAxis: XAxis;
  readonly reduceFx: Reduction;
  readonly enableGraph: boolean;
  readonly syncDist: boolean;
  readonly rankZeroOnly: boolean;
  readonly addDataloaderIdx: boolean;
  readonly dataloaderIdx: number | null;
  readonly value: LoggedScalar | LoggedMetric;
  readonly syncDistGroup: ProcessGroup | undefined;
  /** Whether something was logged since the epoch began. */
  isFresh: boolean;
  /** Whether the epoch's value is that of all processes. */
  isJoint: boolean;
  /** The epoch's value as callbacks knew it before a resume. */
  known: Tensor | null;
  /** The values handed out, kept so that the same value is the same tensor until it is logged again. */
  step: Tensor | null;
  epoch: Tensor | null;
}

/** What a checkpoint keeps of one logged name. */
export interface EntryState extends ScalarState {
  hook: string;
  name: string;
  dataloader_idx: number | null;
  options: Record<string, unknown>;
  is_fresh: boolean;
  /** Whether the value of the last step and that of the epoch have been handed out: callbacks may know them. */
  is_handed_out?: { step: boolean; epoch: boolean };
  /** The path of a logged metric object, null for plain values. */
  metric_attribute: string | null;
}

/** How a name is logged: what must not change from one time to the next. */
export type EntryOptions = Pick<
  Entry,
  | 'onStep'
  | 'onEpoch'
  | 'progBar'
  | 'logger'
  | 'xAxis'
  | 'reduceFx'
  | 'enableGraph'
  | 'syncDist'
  | 'rankZeroOnly'
  | 'addDataloaderIdx'
>;

/** What an entry that was just made has gathered. */
export const fresh = () => ({
  syncDistGroup: undefined as ProcessGroup | undefined,
  isFresh: false,
  isJoint: false,
  known: null as Tensor | null,
  step: null as Tensor | null,
  epoch: null as Tensor | null,
});

/** The name of a value of the last step or of the epoch: they differ where there are both. */
export function nameOf(entry: Entry, kind: 'step' | 'epoch'): string {
  return entry.name + (entry.onStep && entry.onEpoch ? `_${kind}` : '') + suffixOf(entry);
}

export function suffixOf({ dataloaderIdx }: Entry): string {
  return dataloaderIdx === null ? '' : `/dataloader_idx_${dataloaderIdx}`;
}

/** The options of an entry, as plain data. */
export const optionsOf = (entry: Entry): EntryOptions => ({
  onStep: entry.onStep,
  onEpoch: entry.onEpoch,
  progBar: entry.progBar,
  logger: entry.logger,
  xAxis: entry.xAxis,
  reduceFx: entry.reduceFx,
  enableGraph: entry.enableGraph,
  syncDist: entry.syncDist,
  rankZeroOnly: entry.rankZeroOnly,
  addDataloaderIdx: entry.addDataloaderIdx,
});

/**
 * Checks that a name is logged as it was the time before.
 *
 * @throws LightningError LOG_OPTIONS
 */
export function checkSameOptions(entry: Entry, options: LogOptions): void {
  if (
    (options.onStep ?? entry.onStep) === entry.onStep &&
    (options.onEpoch ?? entry.onEpoch) === entry.onEpoch &&
    (options.progBar ?? false) === entry.progBar &&
    (options.logger ?? true) === entry.logger &&
    sameAxis(options.xAxis ?? 'step', entry.xAxis) &&
    (options.enableGraph ?? false) === entry.enableGraph &&
    (options.syncDist ?? false) === entry.syncDist &&
    (options.rankZeroOnly ?? false) === entry.rankZeroOnly &&
    (options.addDataloaderIdx ?? true) === entry.addDataloaderIdx &&
    reductionOf(options) === entry.reduceFx
  ) {
    return;
  }
  throw new LightningError(
    'LOG_OPTIONS',
    `'${entry.name}' was logged twice inside ${entry.hook} with different options. Use the same options, or another name.`,
  );
}
