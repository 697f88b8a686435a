import { type RichProgressBarTheme, richLayout } from '../terminal/richLayout.js';
import { ProgressBar, type ProgressBarOptions } from './progressBar.js';

export interface RichProgressBarOptions extends ProgressBarOptions {
  /** Whether every finished epoch stays on the screen. Default false: the last one only. */
  readonly leave?: boolean;
  /** Colours and formats. Default: violet bars, times dim, metrics in italics with three decimals. */
  readonly theme?: RichProgressBarTheme;
}

/**
 * The progress bar with colours of one's own.
 *
 * ```ts
 * new RichProgressBar({ theme: { progressBar: 'green_yellow', progressBarFinished: 'green1', metricsFormat: '.2e' } });
 * ```
 */
export class RichProgressBar extends ProgressBar {
  protected override readonly layout;

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN */
  constructor(options: RichProgressBarOptions = {}) {
    const { theme = {}, ...others } = options;
    super({ leave: false, ...others });
    this.layout = richLayout(theme);
  }
}
