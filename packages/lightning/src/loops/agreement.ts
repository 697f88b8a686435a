import { constants } from 'node:os';
import type { Strategy } from '../strategies/strategy.js';
import type { RunControl } from './run.js';

/**
 * What the processes of a training run tell each other after each batch: whether one of them was asked to stop, or got a
 * signal. All follow it after the same batch.
 *
 * The exchange goes on beside the next batch, which costs no waiting: what is wished during one batch is followed after the
 * next. At the end of an epoch it is waited for.
 */
export class RunAgreement {
  /** Whether one of the processes wishes to stop, as all of them know. */
  wantsStop = false;
  signal: NodeJS.Signals | null = null;
  private pending: (() => number[]) | null = null;

  /** Null for one process, which agrees with itself. */
  static of(strategy: Strategy): RunAgreement | null {
    return strategy.worldSize > 1 && strategy.exchangeFlags !== undefined
      ? new RunAgreement((flags) => strategy.exchangeFlags!(flags))
      : null;
  }

  private constructor(private readonly exchange: (flags: readonly number[]) => () => number[]) {}

  /** A batch is done: takes in what was wished before it, and begins to tell what is wished now. */
  afterBatch(control: RunControl): void {
    this.receive(control);
    this.pending = this.exchange(flagsOf(control));
  }

  /** Waits until all processes are here and know the same. */
  settle(control: RunControl): void {
    this.receive(control);
    this.pending = this.exchange(flagsOf(control));
    this.receive(control);
  }

  private receive(control: RunControl): void {
    if (this.pending === null) return;
    const [stop, signal] = this.pending() as [number, number];
    this.pending = null;
    this.wantsStop = stop === 1;
    if (signal === 0) return;
    this.signal = signalNames.get(signal) ?? null;
    // The others end by it, too.
    control.signal ??= this.signal;
  }
}

const flagsOf = ({ shouldStop, signal }: RunControl): number[] => [
  shouldStop ? 1 : 0,
  signal === null ? 0 : constants.signals[signal],
];

const signalNames = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number, name as NodeJS.Signals] as const),
);

/** Where all processes are: the signal that any of them got. Null with one process, which looks after each batch. */
export function agreedSignal(strategy: Strategy, control: RunControl): NodeJS.Signals | null {
  if (strategy.worldSize === 1 || strategy.exchangeFlags === undefined) return null;
  const [number = 0] = strategy.exchangeFlags([control.signal === null ? 0 : constants.signals[control.signal]])();
  if (number === 0) return null;
  control.signal ??= signalNames.get(number) ?? null;
  return control.signal;
}
