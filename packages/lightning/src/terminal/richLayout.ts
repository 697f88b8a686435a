import { describe } from '../describe.js';
import { LightningError } from '../errors.js';
import { OptionReader } from '../optionReader.js';
import { isFormatSpec, pythonFormat } from '../pythonText.js';
import { formatClock, formatMetric, formatRate } from './numberText.js';
import type { BarView, ProgressLayout } from './progressLayout.js';
import type { Style } from './style.js';
import { type Paint, parseStyle } from './styleText.js';
import { padText, textWidth } from './textWidth.js';

/** The colours of a bar, each a style in words: `bold`, `#6206E0`, `grey82`, `dim underline`. `''` is the terminal's own. */
export interface RichProgressBarTheme {
  /** What runs. Default `''`. */
  readonly description?: string;
  /** The done part of a bar. Default `#6206E0`. */
  readonly progressBar?: string;
  /** A bar that is full. Default `#6206E0`. */
  readonly progressBarFinished?: string;
  /** A bar of unknown length. Default `#6206E0`. */
  readonly progressBarPulse?: string;
  /** The count of batches. Default `''`. */
  readonly batchProgress?: string;
  /** Elapsed and remaining time. Default `dim`. */
  readonly time?: string;
  /** Batches a second. Default `dim underline`. */
  readonly processingSpeed?: string;
  /** Default `italic`. */
  readonly metrics?: string;
  /** What stands between two metrics; a line break gives each a line of its own. Default a space. */
  readonly metricsTextDelimiter?: string;
  /** A Python number format. Default `.3f`. */
  readonly metricsFormat?: string;
}

/** What a theme comes to once it was read. */
interface LayoutTheme {
  readonly description: (enabled: boolean) => Paint;
  readonly bar: (enabled: boolean) => Paint;
  readonly finishedBar: (enabled: boolean) => Paint;
  readonly pulse: (enabled: boolean) => Paint;
  readonly batches: (enabled: boolean) => Paint;
  readonly time: (enabled: boolean) => Paint;
  readonly speed: (enabled: boolean) => Paint;
  readonly metrics: (enabled: boolean) => Paint;
  readonly delimiter: string;
  readonly formatMetric: (value: number) => string;
}

const widestBar = 36;
const narrowestBar = 8;
/** As wide as the nested bar's label, so that nothing moves when validation begins. */
const narrowestLabel = 'Validation'.length;
/** Parts of a line stay this far apart. */
const gap = 1;

/**
 * Label, bar, batches, times, rate and metrics in one line; the metrics get lines of their own when they do not fit.
 *
 * @throws LightningError OPTION_INVALID, OPTION_UNKNOWN
 */
export function richLayout(theme: RichProgressBarTheme = {}): ProgressLayout {
  return layoutOf(readTheme(theme));
}

/** The look of the bar that a Trainer adds by itself: in the terminal's own colours, violet while it runs and green when done. */
export function defaultLayout(): ProgressLayout {
  return layoutOf({
    ...readTheme({ progressBar: 'color(99)', progressBarFinished: 'green', processingSpeed: 'dim' }),
    delimiter: '  ',
    formatMetric,
  });
}

function readTheme(theme: RichProgressBarTheme): LayoutTheme {
  const reader = new OptionReader<RichProgressBarTheme>('RichProgressBarTheme', theme);
  const style = (name: keyof RichProgressBarTheme, fallback: string) =>
    parseStyle(reader.value(name) ?? fallback, `RichProgressBarTheme: ${name}`);
  const format = reader.text('metricsFormat', '.3f');
  if (!isFormatSpec(format) || format.endsWith('d')) {
    throw new LightningError(
      'OPTION_INVALID',
      `RichProgressBarTheme: metricsFormat is ${describe(format)}. Use a number format of Python such as '.3f' or '.2e'.`,
    );
  }
  const read = {
    description: style('description', ''),
    bar: style('progressBar', '#6206E0'),
    finishedBar: style('progressBarFinished', '#6206E0'),
    pulse: style('progressBarPulse', '#6206E0'),
    batches: style('batchProgress', ''),
    time: style('time', 'dim'),
    speed: style('processingSpeed', 'dim underline'),
    metrics: style('metrics', 'italic'),
    delimiter: reader.text('metricsTextDelimiter', ' '),
    formatMetric: (value: number) => pythonFormat(value, format, false),
  };
  reader.done();
  return read;
}

function layoutOf(theme: LayoutTheme): ProgressLayout {
  return {
    live(bars, width, style) {
      const labelWidth = Math.max(narrowestLabel, ...bars.map((bar) => textWidth(bar.label)));
      return bars.flatMap((bar) => barLines(bar, width, style, theme, labelWidth, false));
    },
    finished(bar, width, style) {
      return barLines(bar, width, style, theme, Math.max(narrowestLabel, textWidth(bar.label)), true);
    },
    plain(bar) {
      const isDone = bar.done >= bar.total;
      const share = isDone || !Number.isFinite(bar.total) ? '' : ` (${Math.floor((100 * bar.done) / bar.total)}%)`;
      const times = isDone
        ? formatClock(bar.elapsed)
        : `${formatClock(bar.elapsed)} • ${formatClock(bar.remaining)} left`;
      return [bar.label, `${countText(bar)}${share}`, times, formatRate(bar.rate), ...metricTexts(bar, theme)].join(
        '  ',
      );
    },
  };
}

function metricTexts(bar: BarView, theme: LayoutTheme): string[] {
  return bar.metrics.map(
    ([name, value]) => `${name}: ${typeof value === 'string' ? value : theme.formatMetric(value)}`,
  );
}

function barLines(
  bar: BarView,
  width: number,
  style: Style,
  theme: LayoutTheme,
  labelWidth: number,
  isFinished: boolean,
): string[] {
  const count = countText(bar);
  const time = isFinished ? formatClock(bar.elapsed) : `${formatClock(bar.elapsed)} • ${formatClock(bar.remaining)}`;
  const rate = formatRate(bar.rate);
  const texts = metricTexts(bar, theme);
  const metrics = texts.join(theme.delimiter);
  const fixed = labelWidth + [count, time, rate].reduce((sum, part) => sum + textWidth(part) + gap, 0) + gap;
  const fitsBeside =
    metrics !== '' && !metrics.includes('\n') && fixed + narrowestBar * 2 + textWidth(metrics) + 2 <= width;
  const room = width - fixed - (fitsBeside ? textWidth(metrics) + 2 : 0);
  const track = drawTrack(bar, Math.max(narrowestBar, Math.min(widestBar, room)), style, theme);
  const { enabled } = style;
  const label = theme.description(enabled)(padText(bar.label, labelWidth));
  // Where even the shortest bar does not fit, it goes before the figures do.
  const middle = room >= narrowestBar ? [label, track] : [label];
  const line = [...middle, theme.batches(enabled)(count), theme.time(enabled)(time), theme.speed(enabled)(rate)].join(
    ' ',
  );
  if (metrics === '') return [line];
  const paint = theme.metrics(enabled);
  if (fitsBeside) return [`${line}  ${paint(metrics)}`];
  return [line, ...wrapped(texts, theme.delimiter, width - 2).map((part) => `  ${paint(part)}`)];
}

/** Metrics on as many lines as they need: a name never stands apart from its value. */
function wrapped(metrics: readonly string[], delimiter: string, width: number): string[] {
  const lines: string[] = [];
  for (const metric of metrics) {
    const longer = lines.length === 0 ? metric : `${lines.at(-1)}${delimiter}${metric}`;
    if (lines.length === 0 || delimiter.includes('\n') || textWidth(longer) > width) lines.push(metric);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

function countText(bar: BarView): string {
  if (!Number.isFinite(bar.total)) return `${bar.done}/--`;
  return `${String(bar.done).padStart(String(bar.total).length)}/${bar.total}`;
}

function drawTrack(bar: BarView, width: number, style: Style, theme: LayoutTheme): string {
  const { enabled } = style;
  if (!Number.isFinite(bar.total)) return pulse(bar, width, style, theme);
  const share = bar.total === 0 ? 1 : Math.min(1, bar.done / bar.total);
  const halves = Math.floor(share * width * 2);
  const full = '━'.repeat(halves >> 1) + (halves % 2 === 1 ? '╸' : '');
  const rest = '━'.repeat(width - full.length);
  // Without colours the part that is left has to look different.
  const empty = enabled ? style.dim(rest) : ' '.repeat(rest.length);
  return (share === 1 ? theme.finishedBar(enabled)(full) : theme.bar(enabled)(full)) + empty;
}

/** A part that moves along with the batches, where nobody knows how many there are. */
function pulse(bar: BarView, width: number, style: Style, theme: LayoutTheme): string {
  const length = Math.max(2, width >> 2);
  const at = bar.done % (width - length + 1);
  const rest = (count: number): string => (style.enabled ? style.dim('━'.repeat(count)) : '╌'.repeat(count));
  return rest(at) + theme.pulse(style.enabled)('━'.repeat(length)) + rest(width - length - at);
}
