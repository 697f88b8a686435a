import { Metric } from '@lightning-ts/metrics';
import { Tensor } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';
import type { HookScope } from '../hooks/hookTable.js';
import { describe } from '../module/hparams.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import type { LoggedValue, LogOptions } from '../module/log.js';
import { batchSizeOf } from './batchSize.js';
import { LoggedMetric, metricAt, metricPath } from './loggedMetric.js';
import { LoggedScalar, type Reduction, type ScalarState } from './loggedScalar.js';
import { logCadence } from './logPermissions.js';

/** Where the values of one moment go. */
export interface CollectedMetrics {
  readonly callback: Map<string, Tensor>;
  readonly logger: Map<string, Tensor>;
  readonly progressBar: Map<string, Tensor>;
}

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
}

interface Entry {
  readonly hook: string;
  readonly name: string;
  readonly onStep: boolean;
  readonly onEpoch: boolean;
  readonly progBar: boolean;
  readonly logger: boolean;
  readonly reduceFx: Reduction;
  readonly enableGraph: boolean;
  readonly syncDist: boolean;
  readonly rankZeroOnly: boolean;
  readonly addDataloaderIdx: boolean;
  readonly dataloaderIdx: number | null;
  readonly value: LoggedScalar | LoggedMetric;
  /** Whether something was logged since the epoch began. */
  isFresh: boolean;
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

const reductions: Readonly<Record<string, Reduction>> = {
  mean: 'mean',
  avg: 'mean',
  sum: 'sum',
  min: 'min',
  max: 'max',
};

/** Reduces a value over all processes. */
export type SyncValue = (value: Tensor, reduction: Reduction) => Tensor;

/**
 * What `log` collects in one loop, and how it becomes one value for each step and epoch.
 *
 * Values stay tensors until a logger or the progress bar asks. Names are told apart by the hook they were logged in, and by the
 * loader when there are several.
 */
export class ResultStore {
  /** The loader that evaluation is at, when there are several. */
  dataloaderIdx: number | null = null;
  /** Whether the epoch's values are asked for, rather than the last step's. */
  epochHasEnded = false;
  private readonly byHook = new Map<string, Map<string, Entry>>();
  private readonly entries: Entry[] = [];
  private batch: unknown = null;
  private batchSize: number | null = null;

  constructor(
    private readonly scope: HookScope,
    private readonly isTraining: boolean,
    private readonly sync: SyncValue | null = null,
  ) {}

  /** Names the batch whose size weights the means logged from now on; null outside of batches. */
  setBatch(batch: unknown): void {
    this.batch = batch;
    this.batchSize = null;
  }

  /** Opens an epoch: what was gathered before is over. */
  startEpoch(): void {
    this.epochHasEnded = false;
    this.dataloaderIdx = null;
    this.reset();
  }

  /** Ends an epoch whose values have been sent: metrics start anew, and nothing keeps a graph. */
  reset(): void {
    for (const entry of this.entries) {
      if (entry.isFresh) entry.value.reset();
      entry.isFresh = false;
      entry.step = null;
      entry.epoch = null;
    }
  }

  /** Takes in one logged value. */
  log(module: AnyLightningModule, name: string, value: LoggedValue, options: LogOptions): void {
    const { hook } = this.scope;
    const entry =
      (hook === null ? undefined : this.byHook.get(hook)?.get(this.keyOf(name, options))) ??
      this.add(module, name, value, options);
    this.checkSameOptions(entry, options);
    entry.step = null;
    entry.epoch = null;
    if (entry.value instanceof LoggedMetric) {
      if (entry.value.metric !== value) throw this.changedKind(entry, value);
      entry.isFresh = true;
      return;
    }
    if (value instanceof Metric) throw this.changedKind(entry, value);
    if (!entry.isFresh) {
      // A new epoch: what the last one gathered under this name is over.
      entry.value.reset();
      entry.isFresh = true;
    }
    const scalar = typeof value === 'boolean' ? Number(value) : value;
    if (typeof scalar !== 'number' && !(scalar instanceof Tensor)) throw wrongValue(name, value);
    entry.value.update(scalar, this.weightOf(entry, options));
  }

  /** The values as of now: of the last step, or of the epoch once it has ended. */
  collect(): CollectedMetrics {
    const collected: CollectedMetrics = { callback: new Map(), logger: new Map(), progressBar: new Map() };
    for (const entry of this.entries) {
      if (!entry.isFresh || entry.dataloaderIdx !== this.dataloaderIdx) continue;
      if (this.epochHasEnded ? !entry.onEpoch : !entry.onStep) continue;
      const value = this.epochHasEnded ? this.epochValue(entry) : this.stepValue(entry);
      if (value === null) continue;
      const forked = nameOf(entry, this.epochHasEnded ? 'epoch' : 'step');
      if (entry.logger) collected.logger.set(forked, value);
      if (entry.progBar) collected.progressBar.set(forked, value);
      // The steps of an evaluation are no values to decide by.
      if (this.isTraining || this.epochHasEnded) {
        collected.callback.set(entry.name + suffixOf(entry), value);
        collected.callback.set(forked, value);
      }
    }
    return collected;
  }

  /** Every name logged so far, in the order of the first time. */
  catalog(): LoggedName[] {
    return this.entries.map((entry) => {
      const { hook, logger, name, onEpoch, onStep, progBar, reduceFx } = entry;
      const suffix = entry.dataloaderIdx === null ? '' : `/dataloader_idx_${entry.dataloaderIdx}`;
      const keys = onStep && onEpoch ? [`${name}_step${suffix}`, `${name}_epoch${suffix}`] : [`${name}${suffix}`];
      const isMetric = entry.value instanceof LoggedMetric;
      return { name, hook, keys, onStep, onEpoch, reduceFx: isMetric ? 'metric' : reduceFx, progBar, logger };
    });
  }

  /** Whether anything that loggers want was logged for the current step. */
  get hasStepValues(): boolean {
    return this.entries.some((entry) => entry.isFresh && entry.onStep && entry.logger);
  }

  /** What has been gathered of the epoch so far, as a checkpoint keeps it. Metric objects keep their own state elsewhere. */
  stateDict(module: AnyLightningModule): EntryState[] {
    return this.entries.map((entry) => ({
      hook: entry.hook,
      name: entry.name,
      dataloader_idx: entry.dataloaderIdx,
      options: {
        onStep: entry.onStep,
        onEpoch: entry.onEpoch,
        progBar: entry.progBar,
        logger: entry.logger,
        reduceFx: entry.reduceFx,
        enableGraph: entry.enableGraph,
        syncDist: entry.syncDist,
        rankZeroOnly: entry.rankZeroOnly,
        addDataloaderIdx: entry.addDataloaderIdx,
      },
      is_fresh: entry.isFresh,
      is_handed_out: { step: entry.step !== null, epoch: entry.epoch !== null },
      metric_attribute:
        entry.value instanceof LoggedMetric ? metricPath(module, entry.value.metric, entry.name, undefined) : null,
      ...entry.value.state(),
    }));
  }

  /**
   * Puts back what `stateDict` gave. Metrics must have their own states back already.
   *
   * @param known what callbacks see: a value among them stays the same tensor, so that they know it again
   */
  loadStateDict(
    states: readonly EntryState[],
    module: AnyLightningModule,
    known: Readonly<Record<string, Tensor>> = {},
  ): void {
    this.byHook.clear();
    this.entries.length = 0;
    for (const state of states) {
      const options = state.options as Omit<
        Entry,
        'hook' | 'name' | 'dataloaderIdx' | 'value' | 'isFresh' | 'step' | 'epoch'
      >;
      const value =
        state.metric_attribute === null
          ? new LoggedScalar(state.name, options.onStep, options.onEpoch ? options.reduceFx : null, options.enableGraph)
          : new LoggedMetric(state.name, metricAt(module, state.metric_attribute));
      value.loadState({ step: state.step, total: state.total, weight: Number(state.weight) });
      const entry: Entry = {
        ...options,
        hook: state.hook,
        name: state.name,
        dataloaderIdx: state.dataloader_idx,
        value,
        isFresh: state.is_fresh,
        step: null,
        epoch: null,
      };
      this.insert(entry);
      if (!entry.isFresh) continue;
      if (state.is_handed_out?.step) entry.step = sameAs(value.stepValue(), known[nameOf(entry, 'step')]);
      if (state.is_handed_out?.epoch) entry.epoch = sameAs(value.epochValue(), known[nameOf(entry, 'epoch')]);
    }
  }

  private keyOf(name: string, options: LogOptions): string {
    return this.dataloaderIdx === null || options.addDataloaderIdx === false ? name : `${name}.${this.dataloaderIdx}`;
  }

  private insert(entry: Entry): void {
    let names = this.byHook.get(entry.hook);
    if (names === undefined) {
      names = new Map();
      this.byHook.set(entry.hook, names);
    }
    names.set(entry.dataloaderIdx === null ? entry.name : `${entry.name}.${entry.dataloaderIdx}`, entry);
    this.entries.push(entry);
  }

  private add(module: AnyLightningModule, name: string, value: LoggedValue, options: LogOptions): Entry {
    const { hook } = this.scope;
    const { onStep, onEpoch } = logCadence(hook, name, options);
    if (typeof name !== 'string' || name === '') {
      throw new LightningError('LOG_OPTIONS', `log takes a name as its first argument, got ${describe(name)}.`);
    }
    const addDataloaderIdx = options.addDataloaderIdx ?? true;
    if (addDataloaderIdx && name.includes('/dataloader_idx_')) {
      throw new LightningError(
        'LOG_OPTIONS',
        `'${name}' names a loader itself, which log does when there are several. Leave the suffix out, or log with ` +
          'addDataloaderIdx: false.',
      );
    }
    const reduceFx = reductions[String(options.reduceFx ?? 'mean').toLowerCase()];
    if (reduceFx === undefined) {
      throw new LightningError(
        'LOG_OPTIONS',
        `'${name}' was logged with reduceFx ${describe(options.reduceFx)}. Use 'mean', 'sum', 'min' or 'max'.`,
      );
    }
    const enableGraph = options.enableGraph ?? false;
    if (value instanceof Metric) metricPath(module, value, name, options.metricAttribute);
    else if (typeof value !== 'number' && typeof value !== 'boolean' && !(value instanceof Tensor))
      throw wrongValue(name, value);
    const entry: Entry = {
      hook: hook!,
      name,
      onStep,
      onEpoch,
      progBar: options.progBar ?? false,
      logger: options.logger ?? true,
      reduceFx,
      enableGraph,
      syncDist: options.syncDist ?? false,
      rankZeroOnly: options.rankZeroOnly ?? false,
      addDataloaderIdx,
      dataloaderIdx: addDataloaderIdx ? this.dataloaderIdx : null,
      value:
        value instanceof Metric
          ? new LoggedMetric(name, value)
          : new LoggedScalar(name, onStep, onEpoch ? reduceFx : null, enableGraph),
      isFresh: false,
      step: null,
      epoch: null,
    };
    this.insert(entry);
    return entry;
  }

  private checkSameOptions(entry: Entry, options: LogOptions): void {
    if (
      (options.onStep ?? entry.onStep) === entry.onStep &&
      (options.onEpoch ?? entry.onEpoch) === entry.onEpoch &&
      (options.progBar ?? false) === entry.progBar &&
      (options.logger ?? true) === entry.logger &&
      (options.enableGraph ?? false) === entry.enableGraph &&
      (options.syncDist ?? false) === entry.syncDist &&
      (options.rankZeroOnly ?? false) === entry.rankZeroOnly &&
      (options.addDataloaderIdx ?? true) === entry.addDataloaderIdx &&
      (options.reduceFx === undefined ? 'mean' : reductions[String(options.reduceFx).toLowerCase()]) === entry.reduceFx
    ) {
      return;
    }
    throw new LightningError(
      'LOG_OPTIONS',
      `'${entry.name}' was logged twice inside ${entry.hook} with different options. Use the same options, or another name.`,
    );
  }

  private changedKind(entry: Entry, value: unknown): LightningError {
    return new LightningError(
      'LOG_OPTIONS',
      `'${entry.name}' was logged inside ${entry.hook} with ${describe(value)}, but earlier with ` +
        `${entry.value instanceof LoggedMetric ? `another ${entry.value.metric.constructor.name}` : 'a number or tensor'}. Use another name.`,
    );
  }

  private weightOf(entry: Entry, options: LogOptions): number {
    if (!entry.onEpoch || entry.reduceFx !== 'mean') return 1;
    if (options.batchSize !== undefined) {
      if (options.batchSize > 0) return options.batchSize;
      throw new LightningError(
        'LOG_OPTIONS',
        `'${entry.name}' was logged with batchSize ${options.batchSize}. Use a number above 0.`,
      );
    }
    if (this.batch === null) return 1;
    this.batchSize ??= batchSizeOf(this.batch);
    return this.batchSize;
  }

  private stepValue(entry: Entry): Tensor | null {
    if (entry.step === null) {
      const value = entry.value.stepValue();
      entry.step = value === null ? null : this.synced(entry, value);
    }
    return entry.step;
  }

  private epochValue(entry: Entry): Tensor | null {
    if (entry.epoch === null) {
      const value = entry.value.epochValue();
      entry.epoch = value === null ? null : this.synced(entry, value);
    }
    return entry.epoch;
  }

  private synced(entry: Entry, value: Tensor): Tensor {
    if (this.sync === null || !entry.syncDist || entry.rankZeroOnly || entry.value instanceof LoggedMetric)
      return value;
    return this.sync(value, entry.reduceFx);
  }
}

/** The name of a value of the last step or of the epoch: they differ where there are both. */
function nameOf(entry: Entry, kind: 'step' | 'epoch'): string {
  return entry.name + (entry.onStep && entry.onEpoch ? `_${kind}` : '') + suffixOf(entry);
}

function suffixOf({ dataloaderIdx }: Entry): string {
  return dataloaderIdx === null ? '' : `/dataloader_idx_${dataloaderIdx}`;
}

/** The tensor that is known already, if it still has the value. */
function sameAs(value: Tensor | null, known: Tensor | undefined): Tensor | null {
  if (value === null || known === undefined) return value;
  return Object.is(value.item(), known.item()) ? known : value;
}

function wrongValue(name: string, value: unknown): LightningError {
  const advice =
    typeof value === 'object' && value !== null
      ? 'Log its entries one by one, or use logDict.'
      : 'Log a number, a tensor or a metric.';
  return new LightningError(
    'LOG_VALUE',
    `'${name}' was logged with ${describe(value)}, but a logged value is one number. ${advice}`,
  );
}
