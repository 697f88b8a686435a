import { Metric } from '@lightning-ts/metrics';
import { Tensor, warn } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';
import type { HookScope } from '../hooks/hookTable.js';
import { describe } from '../module/hparams.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import type { LoggedValue, LogOptions, XAxis } from '../module/log.js';
import { batchSizeOf } from './batchSize.js';
import {
  checkSameOptions,
  type Entry,
  type EntryState,
  fresh,
  type LoggedName,
  nameOf,
  optionsOf,
  suffixOf,
} from './logEntry.js';
import { changedKind, wrongValue } from './logErrors.js';
import { LoggedMetric, metricAt, metricPath } from './loggedMetric.js';
import { LoggedScalar } from './loggedScalar.js';
import { logCadence } from './logPermissions.js';
import { joined, type Share, shareOf } from './processShare.js';
import type { ProcessSync } from './processSync.js';
import { reductionOf } from './reduction.js';
import { readXAxis } from './xAxis.js';

/** Where the values of one moment go. */
export interface CollectedMetrics {
  readonly callback: Map<string, Tensor>;
  readonly logger: Map<string, Tensor>;
  readonly progressBar: Map<string, Tensor>;
}

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
  /** The x-axes of what is shown over another than steps, by the names the loggers get. */
  readonly axes = new Map<string, XAxis>();
  private readonly byHook = new Map<string, Map<string, Entry>>();
  private readonly entries: Entry[] = [];
  private batch: unknown = null;
  private batchSize: number | null = null;

  constructor(
    private readonly scope: HookScope,
    private readonly isTraining: boolean,
    /** Null for one process. */
    private readonly sync: ProcessSync | null = null,
  ) {}

  /** Names the batch whose size weights the means logged from now on; null outside of batches. */
  setBatch(batch: unknown): void {
    this.batch = batch;
    this.batchSize = null;
  }

  /**
   * Opens an epoch: what was gathered before is over.
   *
   * @param keepsLogged keeps what was logged since the last epoch ended, in `onTrainStart` say: it belongs to this one
   */
  startEpoch(keepsLogged = false): void {
    this.epochHasEnded = false;
    this.dataloaderIdx = null;
    if (!keepsLogged) this.reset();
  }

  /** Ends an epoch whose values have been sent: metrics start anew, and nothing keeps a graph. */
  reset(): void {
    for (const entry of this.entries) {
      if (entry.isFresh) entry.value.reset();
      entry.isFresh = false;
      entry.isJoint = false;
      entry.known = null;
      entry.step = null;
      entry.epoch = null;
    }
  }

  /** Takes in one logged value. */
  log(module: AnyLightningModule, name: string, value: LoggedValue, options: LogOptions): void {
    // Nobody looks at what the others have.
    if (options.rankZeroOnly === true && this.sync?.isGlobalZero === false) return;
    const { hook } = this.scope;
    const entry =
      (hook === null ? undefined : this.byHook.get(hook)?.get(this.keyOf(name, options))) ??
      this.add(module, name, value, options);
    checkSameOptions(entry, options);
    entry.step = null;
    entry.epoch = null;
    entry.isJoint = false;
    if (entry.value instanceof LoggedMetric) {
      if (entry.value.metric !== value) throw changedKind(entry, value);
      entry.isFresh = true;
      return;
    }
    if (value instanceof Metric) throw changedKind(entry, value);
    if (!entry.isFresh) {
      // A new epoch: what the last one gathered under this name is over.
      entry.value.reset();
      entry.isFresh = true;
    }
    const scalar = typeof value === 'boolean' ? Number(value) : value;
    if (typeof scalar !== 'number' && !(scalar instanceof Tensor)) throw wrongValue(name, value);
    entry.value.update(scalar, this.weightOf(entry, options));
    if (this.sync !== null && entry.syncDist) this.syncNow(entry, entry.value, this.sync);
  }

  /** A value is reduced where it is logged, which all processes do in the same order, and not where somebody looks at it. */
  private syncNow(entry: Entry, value: LoggedScalar, sync: ProcessSync): void {
    const { reduceFx } = entry;
    if (this.epochHasEnded && entry.onEpoch) {
      const shares = sync.gather(value.partial());
      entry.epoch = joined(shares, reduceFx);
      entry.isJoint = true;
    } else if (this.isTraining && entry.onStep && !this.epochHasEnded)
      entry.step = sync.reduce(value.stepValue(), reduceFx, entry.syncDistGroup);
  }

  /**
   * Makes the epoch's values those of all processes. Every process calls it at the same point, also one that had no batch, and
   * has all names afterwards. Does nothing with one process.
   */
  syncEpoch(module: AnyLightningModule): void {
    const { sync } = this;
    if (sync === null) return;
    const own = this.entries.filter(
      (entry) =>
        entry.isFresh &&
        !entry.isJoint &&
        entry.onEpoch &&
        entry.dataloaderIdx === this.dataloaderIdx &&
        !entry.rankZeroOnly &&
        (entry.syncDist || entry.value instanceof LoggedMetric),
    );
    const shares = sync.gather(own.map((entry) => shareOf(entry, module)));
    const byKey = new Map<string, Share[]>();
    for (const share of shares.flat()) {
      const key = JSON.stringify([share.hook, share.name, share.dataloaderIdx]);
      byKey.set(key, [...(byKey.get(key) ?? []), share]);
    }
    for (const list of byKey.values()) {
      const entry = this.entryFor(list[0]!, module);
      const value = entry.value instanceof LoggedMetric ? entry.value.jointValue() : joined(list, entry.reduceFx);
      entry.epoch = sameAs(value, entry.known ?? undefined);
      entry.isFresh = true;
      entry.isJoint = true;
    }
  }

  /** The entry that another process tells of, which this one may not have. */
  private entryFor({ dataloaderIdx, hook, metricPath: path, name, options }: Share, module: AnyLightningModule): Entry {
    const found = this.entries.find(
      (entry) => entry.hook === hook && entry.name === name && entry.dataloaderIdx === dataloaderIdx,
    );
    if (found !== undefined) return found;
    const { enableGraph, onStep, reduceFx } = options;
    const entry: Entry = {
      ...options,
      hook,
      name,
      dataloaderIdx,
      value:
        path === null
          ? new LoggedScalar(name, onStep, reduceFx, enableGraph)
          : new LoggedMetric(name, metricAt(module, path)),
      ...fresh(),
    };
    this.insert(entry);
    return entry;
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
      const { hook, logger, name, onEpoch, onStep, progBar, reduceFx, xAxis } = entry;
      const suffix = entry.dataloaderIdx === null ? '' : `/dataloader_idx_${entry.dataloaderIdx}`;
      const keys = onStep && onEpoch ? [`${name}_step${suffix}`, `${name}_epoch${suffix}`] : [`${name}${suffix}`];
      const isMetric = entry.value instanceof LoggedMetric;
      return { name, hook, keys, onStep, onEpoch, reduceFx: isMetric ? 'metric' : reduceFx, progBar, logger, xAxis };
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
      options: { ...optionsOf(entry) },
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
    this.axes.clear();
    this.entries.length = 0;
    for (const state of states) {
      const options = state.options as Omit<
        Entry,
        'hook' | 'name' | 'dataloaderIdx' | 'value' | keyof ReturnType<typeof fresh>
      >;
      const value =
        state.metric_attribute === null
          ? new LoggedScalar(state.name, options.onStep, options.onEpoch ? options.reduceFx : null, options.enableGraph)
          : new LoggedMetric(state.name, metricAt(module, state.metric_attribute));
      value.loadState({ step: state.step, total: state.total, weight: Number(state.weight) });
      const entry: Entry = {
        ...options,
        // Files of before there were axes have none.
        xAxis: options.xAxis ?? 'step',
        hook: state.hook,
        name: state.name,
        dataloaderIdx: state.dataloader_idx,
        value,
        ...fresh(),
        isFresh: state.is_fresh,
      };
      this.insert(entry);
      if (!entry.isFresh) continue;
      if (this.sync !== null && (entry.syncDist || value instanceof LoggedMetric)) {
        // Its values are those of all processes, which only its callbacks' view has kept.
        if (state.is_handed_out?.step) entry.step = known[nameOf(entry, 'step')] ?? null;
        if (state.is_handed_out?.epoch) entry.known = known[nameOf(entry, 'epoch')] ?? null;
        continue;
      }
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
    if (entry.xAxis === 'step') return;
    for (const kind of ['step', 'epoch'] as const) this.axes.set(nameOf(entry, kind), entry.xAxis);
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
    const reduceFx = reductionOf(options);
    if (reduceFx === undefined) {
      throw new LightningError(
        'LOG_OPTIONS',
        `'${name}' was logged with reduceFx ${describe(options.reduceFx)}. Use 'mean', 'sum', 'min' or 'max'; for anything else ` +
          'log a metric object, which gathers values as it likes.',
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
      xAxis: readXAxis(name, options),
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
      ...fresh(),
      syncDistGroup: options.syncDistGroup,
    };
    this.insert(entry);
    this.warnUnsynced(entry);
    return entry;
  }

  /** What is decided by a value is decided by each process's own, unless it is reduced. */
  private warnUnsynced({ name, onEpoch, rankZeroOnly, syncDist, value }: Entry): void {
    if (this.sync === null || this.isTraining || !onEpoch || syncDist || rankZeroOnly || value instanceof LoggedMetric)
      return;
    warn(
      'LOG_SYNC_DIST',
      `'${name}' was logged without syncDist, so it is the value of each process's own part of the data. Log it with syncDist: true ` +
        'for the value over all of it.',
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
      entry.step = value;
    }
    return entry.step;
  }

  private epochValue(entry: Entry): Tensor | null {
    if (entry.epoch === null) {
      const value = entry.value.epochValue();
      entry.epoch = value;
    }
    return entry.epoch;
  }
}

/** The tensor that is known already, if it still has the value. */
function sameAs(value: Tensor | null, known: Tensor | undefined): Tensor | null {
  if (value === null || known === undefined) return value;
  return Object.is(value.item(), known.item()) ? known : value;
}
