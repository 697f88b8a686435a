import type { Style } from './style.js';

/** What a bar shows at one moment. */
export interface BarView {
  readonly label: string;
  readonly done: number;
  /** Infinity when not known. */
  readonly total: number;
  /** Seconds. */
  readonly elapsed: number;
  /** Seconds, Infinity when not known. */
  readonly remaining: number;
  /** Batches a second, 0 when not known. */
  readonly rate: number;
  /** Names and values, in the order of the screen. */
  readonly metrics: readonly (readonly [name: string, value: number | string])[];
}

/** How bars look. The progress-bar callback counts and decides when to draw; a layout turns what it counted into lines. */
export interface ProgressLayout {
  /** Lines of a live region. The first bar is the main one, a second one is nested in it. */
  live(bars: readonly BarView[], width: number, style: Style): string[];
  /** The lines a finished bar leaves on a terminal. */
  finished(bar: BarView, width: number, style: Style): string[];
  /** One line for output that is recorded: no bar that moves, no colours. */
  plain(bar: BarView): string;
}
