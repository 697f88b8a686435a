import type { Tensor } from '@lightning-ts/torch';
import { isPromise } from '../hooks/hookTable.js';
import type { Logger, RowMoment } from '../loggers/logger.js';
import type { ResultStore } from './resultStore.js';

/** The latest values of a Trainer's run, for callbacks, loggers and the progress bar. */
export class RunMetrics {
  /** The loop that is running, whose current values count; null between loops. */
  active: ResultStore | null = null;
  private readonly callback = new Map<string, Tensor>();
  private readonly logged = new Map<string, Tensor>();
  private readonly progressBar = new Map<string, Tensor>();
  private readonly numbers = new WeakMap<Tensor, number>();

  private began = performance.now();

  /** @param counters how far the run is, for the rows */
  constructor(
    private readonly loggers: () => readonly Logger[],
    private readonly counters: () => Omit<RowMoment, 'seconds'>,
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

  /** A new run begins. */
  clear(): void {
    this.began = performance.now();
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
   * Sends one row to every logger. A value logged as `step` replaces the row's position; otherwise the epoch joins the row.
   *
   * @param step the row's position
   * @param epoch the epoch to add, or null for none
   */
  sendRow(values: ReadonlyMap<string, Tensor>, step: number, epoch: number | null): Promise<void> | undefined {
    const loggers = this.loggers();
    if (loggers.length === 0 || values.size === 0) return undefined;
    const row: Record<string, number> = {};
    let position = step;
    let hasOwnStep = false;
    for (const [name, value] of values) {
      const number = this.numberOf(value);
      if (name === 'step') {
        position = Math.trunc(number);
        hasOwnStep = true;
      } else row[name] = number;
    }
    if (!hasOwnStep && epoch !== null) row.epoch ??= epoch;
    return sendToAll(loggers, [
      row,
      position,
      { ...this.counters(), seconds: (performance.now() - this.began) / 1000 },
    ]);
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

function sendToAll(loggers: readonly Logger[], row: Row): Promise<void> | undefined {
  for (let index = 0; index < loggers.length; index += 1) {
    const logger = loggers[index]!;
    const pending = logger.logMetrics(...row) ?? logger.save();
    if (isPromise(pending)) return finishSending(pending, loggers, index, row);
  }
  return undefined;
}

async function finishSending(
  pending: Promise<unknown>,
  loggers: readonly Logger[],
  index: number,
  row: Row,
): Promise<void> {
  await pending;
  await loggers[index]!.save();
  for (const logger of loggers.slice(index + 1)) {
    await logger.logMetrics(...row);
    await logger.save();
  }
}
