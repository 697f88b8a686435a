import type { Tensor } from '@lightning-ts/torch';
import { isPromise } from '../hooks/hookTable.js';
import type { Logger, RowMoment } from '../loggers/logger.js';
import type { XAxis } from '../module/log.js';
import type { ResultStore } from './resultStore.js';
import { axisKey, positionOn } from './xAxis.js';

/** The latest values of a Trainer's run, for callbacks, loggers and the progress bar. */
export class RunMetrics {
  /** The loop that is running, whose current values count; null between loops. */
  active: ResultStore | null = null;
  private readonly callback = new Map<string, Tensor>();
  private readonly logged = new Map<string, Tensor>();
  private readonly progressBar = new Map<string, Tensor>();
  private readonly numbers = new WeakMap<Tensor, number>();

  /** The last position on each axis that is a logged value. */
  private readonly reached = new Map<string, number>();
  private began = performance.now();

  /** @param counters how far the run is, for the rows */
  constructor(
    private readonly loggers: () => readonly Logger[],
    private readonly counters: () => Pick<RowMoment, 'epoch' | 'batches' | 'globalStep'>,
  ) {}

  /** What callbacks decide by. The same value is the same tensor until it is logged again. */
  get callbackMetrics(): Record<string, Tensor> {
    this.absorb();
    return Object.fromEntries(this.callback);
  }

  /** What the loggers were sent, or will be with the next row. */
  get loggedMetrics(): Record<string, Tensor> {
    this.absorb();
    return Object.fromEntries(this.logged);
  }

  /** What the progress bar shows. Reads the values from the engine. */
  get progressBarMetrics(): Record<string, number> {
    this.absorb();
    return Object.fromEntries([...this.progressBar].map(([name, value]) => [name, this.numberOf(value)]));
  }

  /** Keeps the current values of the active loop. Returns those that are for the loggers. */
  absorb(): Map<string, Tensor> {
    if (this.active === null) return new Map();
    const collected = this.active.collect();
    for (const [name, value] of collected.callback) this.callback.set(name, value);
    for (const [name, value] of collected.logger) this.logged.set(name, value);
    for (const [name, value] of collected.progressBar) this.progressBar.set(name, value);
    return collected.logger;
  }

  /** Keeps values that did not come through `log`. */
  keep(values: ReadonlyMap<string, Tensor>): void {
    for (const [name, value] of values) {
      this.callback.set(name, value);
      this.logged.set(name, value);
    }
  }

  /** A new run begins. An evaluation still knows where the training before it was on the x-axes. */
  clear(isTraining: boolean): void {
    this.began = performance.now();
    if (isTraining) this.reached.clear();
    this.callback.clear();
    this.logged.clear();
    this.progressBar.clear();
  }

  /** Forgets everything logged since `remember`, as after a sanity check. */
  remember(): () => void {
    const kept = [this.callback, this.logged, this.progressBar].map((map) => [map, new Map(map)] as const);
    return () => {
      for (const [map, copy] of kept) {
        map.clear();
        for (const [name, value] of copy) map.set(name, value);
      }
    };
  }

  /**
   * Sends the values to every logger: in one row, and in one more for each x-axis that some of them have. A value logged as
   * `step` replaces the row's position; otherwise the epoch joins the row.
   *
   * @param step the row's position
   * @param epoch the epoch to add, or null for none
   */
  sendRow(values: ReadonlyMap<string, Tensor>, step: number, epoch: number | null): Promise<void> | undefined {
    const loggers = this.loggers();
    if (loggers.length === 0 || values.size === 0) return undefined;
    const moment = { ...this.counters(), seconds: (performance.now() - this.began) / 1000, step };
    const onAxes = new Map<string, AxisRow>();
    const row: Record<string, number> = {};
    let position = step;
    let hasOwnStep = false;
    let count = 0;
    for (const [name, value] of values) {
      const number = this.numberOf(value);
      const axis = this.active?.axes.get(name);
      if (axis !== undefined) {
        addTo(onAxes, axis, name, number);
        continue;
      }
      count += 1;
      if (name === 'step') {
        position = Math.trunc(number);
        hasOwnStep = true;
      } else row[name] = number;
    }
    if (!hasOwnStep && epoch !== null) row.epoch ??= epoch;
    const rows: Row[] = count === 0 ? [] : [[row, position, { ...moment, xAxis: 'step' }]];
    for (const { axis, values: onAxis } of onAxes.values()) {
      const { axis: xAxis, x } = positionOn(
        axis,
        moment,
        (name) => this.latest(name, values),
        () => [...new Set([...this.logged.keys(), ...this.callback.keys()])],
      );
      rows.push([onAxis, x, { ...moment, xAxis }]);
    }
    return sendToAll(loggers, rows);
  }

  /** The callbacks' view as a checkpoint keeps it. */
  stateDict(): Record<string, Record<string, Tensor>> {
    this.absorb();
    const copy = (map: ReadonlyMap<string, Tensor>) =>
      Object.fromEntries([...map].map(([name, value]) => [name, value.detach()]));
    return { callback: copy(this.callback), logged: copy(this.logged), progress_bar: copy(this.progressBar) };
  }

  loadStateDict(state: Readonly<Record<string, Readonly<Record<string, Tensor>>>>): void {
    const fill = (map: Map<string, Tensor>, values: Readonly<Record<string, Tensor>> = {}): void => {
      for (const [name, value] of Object.entries(values)) map.set(name, value);
    };
    fill(this.callback, state.callback);
    fill(this.logged, state.logged);
    fill(this.progressBar, state.progress_bar);
  }

  /** The last number of a name: of the row in the making, else as loggers or callbacks know it. */
  private latest(name: string, values: ReadonlyMap<string, Tensor>): number | undefined {
    const value = values.get(name) ?? this.logged.get(name) ?? this.callback.get(name);
    if (value === undefined) return this.reached.get(name);
    const number = this.numberOf(value);
    this.reached.set(name, number);
    return number;
  }

  private numberOf(value: Tensor): number {
    let number = this.numbers.get(value);
    if (number === undefined) {
      number = value.item();
      this.numbers.set(value, number);
    }
    return number;
  }
}

type Row = [values: Readonly<Record<string, number>>, step: number, moment: RowMoment];

/** The values of a row that stands on another axis than steps. */
interface AxisRow {
  readonly axis: XAxis;
  readonly values: Record<string, number>;
}

function addTo(rows: Map<string, AxisRow>, axis: XAxis, name: string, number: number): void {
  const key = axisKey(axis);
  let row = rows.get(key);
  if (row === undefined) {
    row = { axis, values: {} };
    rows.set(key, row);
  }
  row.values[name] = number;
}

function sendToAll(loggers: readonly Logger[], rows: readonly Row[]): Promise<void> | undefined {
  const jobs = rows.flatMap((row) => loggers.map((logger) => [logger, row] as const));
  for (let index = 0; index < jobs.length; index += 1) {
    const [logger, row] = jobs[index]!;
    const pending = logger.logMetrics(...row) ?? logger.save();
    if (isPromise(pending)) return finishSending(pending, jobs, index);
  }
  return undefined;
}

async function finishSending(
  pending: Promise<unknown>,
  jobs: readonly (readonly [Logger, Row])[],
  index: number,
): Promise<void> {
  await pending;
  await jobs[index]![0].save();
  for (const [logger, row] of jobs.slice(index + 1)) {
    await logger.logMetrics(...row);
    await logger.save();
  }
}
