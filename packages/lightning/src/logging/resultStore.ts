import { Metric } from '@lightning-ts/metrics';
import { Tensor, tensor, warn } from '@lightning-ts/torch';
import type { ProcessGroup } from '@lightning-ts/torch/distributed';
import { LightningError } from '../errors.js';
import type { HookScope } from '../hooks/hookTable.js';
import { describe } from '../module/hparams.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import type { LoggedValue, LogOptions } from '../module/log.js';
import { batchSizeOf } from './batchSize.js';
import { LoggedMetric, metricAt, metricPath } from './loggedMetric.js';
import { LoggedScalar, type Reduction, type ScalarState } from './loggedScalar.js';
import { logCadence } from './logPermissions.js';
import type { ProcessSync } from './processSync.js';

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

const reductions: Readonly<Record<string, Reduction>> = {
  mean: 'mean',
  avg: 'mean',
  sum: 'sum',
  min: 'min',
  max: 'max',
};

/** What a process tells the others of one logged name at the end of an epoch. */
interface Share {
  readonly hook: string;
  readonly name: string;
  readonly dataloaderIdx: number | null;
  readonly options: EntryOptions;
  readonly metricPath: string | null;
  readonly total: number;
  readonly weight: number;
  readonly isDouble: boolean;
}

type EntryOptions = Pick<
  Entry,
  | 'onStep'
  | 'onEpoch'
  | 'progBar'
  | 'logger'
  | 'reduceFx'
  | 'enableGraph'
  | 'syncDist'
  | 'rankZeroOnly'
  | 'addDataloaderIdx'
>;

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
    this.checkSameOptions(entry, options);
    entry.step = null;
    entry.epoch = null;
    entry.isJoint = false;
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
        'hook' | 'name' | 'dataloaderIdx' | 'value' | keyof ReturnType<typeof fresh>
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

/** What an entry that was just made has gathered. */
const fresh = () => ({
  syncDistGroup: undefined as ProcessGroup | undefined,
  isFresh: false,
  isJoint: false,
  known: null as Tensor | null,
  step: null as Tensor | null,
  epoch: null as Tensor | null,
});

function shareOf(entry: Entry, module: AnyLightningModule): Share {
  const { addDataloaderIdx, dataloaderIdx, enableGraph, hook, logger, name, onEpoch, onStep, progBar, rankZeroOnly } =
    entry;
  const { reduceFx, syncDist, value } = entry;
  return {
    hook,
    name,
    dataloaderIdx,
    options: { addDataloaderIdx, enableGraph, logger, onEpoch, onStep, progBar, rankZeroOnly, reduceFx, syncDist },
    metricPath: value instanceof LoggedMetric ? metricPath(module, value.metric, name, undefined) : null,
    ...(value instanceof LoggedMetric ? { total: 0, weight: 0, isDouble: false } : value.partial()),
  };
}

/** The value over all processes, from what each has gathered. */
function joined(shares: readonly ReturnType<LoggedScalar['partial']>[], reduction: Reduction): Tensor {
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
