import { OptionReader } from '../optionReader.js';
import { tqdmLayout } from '../terminal/tqdmLayout.js';
import { ProgressBar, type ProgressBarOptions } from './progressBar.js';

export interface TQDMProgressBarOptions extends Pick<ProgressBarOptions, 'plainInterval' | 'stream'> {
  /** Redraws after every n batches, at most 10 times a second. Default 1; 0 turns the bar off. `TQDM_MINITERS` raises it. */
  readonly refreshRate?: number;
  /** Leaves two empty lines above for each, where another bar is drawn. Default 0. */
  readonly processPosition?: number;
  /** Whether every finished epoch stays on the screen. Default false: the last one only. */
  readonly leave?: boolean;
}

/** The progress bar in the layout of tqdm: `Epoch 0: 100%|██████████| 5/5 [00:00<00:00,  5.45it/s, v_num=0, loss=0.680]`. */
export class TQDMProgressBar extends ProgressBar {
  protected override readonly layout;
  private readonly everyNBatches: number;

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN */
  constructor(options: TQDMProgressBarOptions = {}) {
    const { processPosition, refreshRate, ...others } = options;
    const own = {
      ...(processPosition === undefined ? {} : { processPosition }),
      ...(refreshRate === undefined ? {} : { refreshRate }),
    };
    const reader = new OptionReader<TQDMProgressBarOptions>('TQDMProgressBar', own);
    const rate = reader.integer('refreshRate', 1, 0);
    const position = reader.integer('processPosition', 0, 0);
    super({ leave: false, refreshRate: rate === 0 ? 0 : 10, ...others });
    this.layout = tqdmLayout(2 * position);
    this.everyNBatches = Math.max(rate, Number.parseInt(process.env.TQDM_MINITERS ?? '', 10) || 0);
  }

  protected override epochLabel(epoch: number): string {
    return `${this.trainDescription} ${epoch}`;
  }

  protected override loaderLabel(description: string, dataloaderIdx: number): string {
    return `${description} DataLoader ${dataloaderIdx}`;
  }

  protected override drawsAt(done: number, total: number): boolean {
    return done % this.everyNBatches === 0 || done === total;
  }
}
