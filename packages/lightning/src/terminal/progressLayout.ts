import { formatClock, formatRate } from './numberText.js';
import type { Style } from './style.js';
import { textWidth } from './textWidth.js';

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
  /** Names and formatted values. */
  readonly metrics: readonly (readonly [name: string, value: string])[];
}

/** How bars look. The progress-bar callback counts and decides when to draw; a layout turns what it counted into lines. */
export interface ProgressLayout {
  /** Lines of a live region. The first bar is the main one, a second one is nested in it. */
  live(bars: readonly BarView[], width: number, style: Style): string[];
  /** The lines a finished bar leaves on a terminal. */
  finished(bar: BarView, width: number, style: Style): string[];
  /** One line for output that is recorded: no bar, no colours. */
  plain(bar: BarView): string;
}

const widestBar = 36;
const narrowestBar = 8;
/** As wide as the nested bar's label, so that nothing moves when validation begins. */
const narrowestLabel = 'Validation'.length;

/** Label, bar, batches, times, rate and metrics in one line; the metrics get a second line when they do not fit. */
export const defaultLayout: ProgressLayout = {
  live(bars, width, style) {
    const labelWidth = Math.max(narrowestLabel, ...bars.map((bar) => textWidth(bar.label)));
    return bars.flatMap((bar) => barLines(bar, width, style, labelWidth, false));
  },
  finished(bar, width, style) {
    return barLines(bar, width, style, Math.max(narrowestLabel, textWidth(bar.label)), true);
  },
  plain(bar) {
    const isDone = bar.done >= bar.total;
    const share = isDone || !Number.isFinite(bar.total) ? '' : ` (${Math.floor((100 * bar.done) / bar.total)}%)`;
    const times = isDone
      ? formatClock(bar.elapsed)
      : `${formatClock(bar.elapsed)} • ${formatClock(bar.remaining)} left`;
    const metrics = bar.metrics.map(([name, value]) => `${name}: ${value}`);
    return [bar.label, `${countText(bar)}${share}`, times, formatRate(bar.rate), ...metrics].join('  ');
  },
};

function barLines(bar: BarView, width: number, style: Style, labelWidth: number, isFinished: boolean): string[] {
  const label = bar.label + ' '.repeat(labelWidth - textWidth(bar.label));
  const times = isFinished ? formatClock(bar.elapsed) : `${formatClock(bar.elapsed)} • ${formatClock(bar.remaining)}`;
  const figures = [countText(bar), times, formatRate(bar.rate)];
  const metrics = bar.metrics.map(([name, value]) => `${name}: ${value}`).join('  ');
  const fixed = labelWidth + figures.reduce((sum, figure) => sum + textWidth(figure) + 1, 0) + 1;
  const fitsBeside = metrics !== '' && fixed + narrowestBar * 2 + textWidth(metrics) + 2 <= width;
  const room = width - fixed - (fitsBeside ? textWidth(metrics) + 2 : 0);
  const track = drawTrack(bar, Math.max(narrowestBar, Math.min(widestBar, room)), style);
  const [count, time, rate] = figures as [string, string, string];
  const line = `${label} ${track} ${count} ${style.dim(time)} ${style.dim(rate)}`;
  if (metrics === '') return [line];
  return fitsBeside ? [`${line}  ${style.italic(metrics)}`] : [line, `  ${style.italic(metrics)}`];
}

function countText(bar: BarView): string {
  if (!Number.isFinite(bar.total)) return `${bar.done}/--`;
  return `${String(bar.done).padStart(String(bar.total).length)}/${bar.total}`;
}

function drawTrack(bar: BarView, width: number, style: Style): string {
  if (!Number.isFinite(bar.total)) return style.dim('╌'.repeat(width));
  const share = bar.total === 0 ? 1 : Math.min(1, bar.done / bar.total);
  const halves = Math.floor(share * width * 2);
  const full = '━'.repeat(halves >> 1) + (halves % 2 === 1 ? '╸' : '');
  const rest = '━'.repeat(width - full.length);
  // Without colours the part that is left has to look different.
  const empty = style.enabled ? style.dim(rest) : ' '.repeat(rest.length);
  return (share === 1 ? style.green(full) : style.violet(full)) + empty;
}
