import type { BarView, ProgressLayout } from './progressLayout.js';
import { textWidth } from './textWidth.js';

/** Cells of a bar in recorded output, which has no width. */
const plainBar = 10;
/** Numbers are made at least this long, so that what follows them does not jump. */
const numberWidth = 5;
const eighths = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/**
 * `Epoch 0: 100%|██████████| 5/5 [00:00<00:00,  5.45it/s, v_num=0, loss=0.680]`
 *
 * @param linesAbove empty lines above the bars, to share the screen with something else
 */
export function tqdmLayout(linesAbove: number): ProgressLayout {
  return {
    live(bars, width) {
      return [...Array.from({ length: linesAbove }, () => ''), ...bars.map((bar) => barLine(bar, width))];
    },
    finished(bar, width) {
      return [barLine(bar, width)];
    },
    plain(bar) {
      return joined(bar, '#'.repeat(Math.floor(shareOf(bar) * plainBar)).padEnd(plainBar));
    },
  };
}

function barLine(bar: BarView, width: number): string {
  const room = width - textWidth(joined(bar, ''));
  return joined(bar, room < 1 ? '' : drawBar(shareOf(bar), room));
}

function joined(bar: BarView, track: string): string {
  const percent = Number.isFinite(bar.total) ? `${String(Math.round(shareOf(bar) * 100)).padStart(3)}%` : '';
  const total = Number.isFinite(bar.total) ? String(bar.total) : '?';
  const rate = bar.rate > 0 ? `${bar.rate.toFixed(2).padStart(5)}it/s` : '?it/s';
  const postfix = bar.metrics.map(
    ([name, value]) => `, ${name}=${typeof value === 'string' ? value : numberText(value)}`,
  );
  const times = `${clockText(bar.elapsed)}<${clockText(bar.remaining)}`;
  return `${bar.label}: ${percent}|${track}| ${bar.done}/${total} [${times}, ${rate}${postfix.join('')}]`;
}

function shareOf(bar: BarView): number {
  if (!Number.isFinite(bar.total)) return 0;
  return bar.total === 0 ? 1 : Math.min(1, bar.done / bar.total);
}

function drawBar(share: number, width: number): string {
  const filled = Math.floor(share * width * 8);
  const full = filled >> 3;
  return full === width ? '█'.repeat(width) : `${'█'.repeat(full)}${eighths[filled % 8]}`.padEnd(width);
}

/** Three significant digits, or the number itself where that is shorter; padded with zeros (`0.680`, `1.500`, `20.00`). */
function numberText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  const exact = Number.isInteger(value) ? value.toFixed(1) : String(value);
  const rounded = general(value);
  const text = rounded.length < exact.length ? rounded : exact;
  if (text.includes('e')) return text;
  const withPoint = text.includes('.') || text.length >= numberWidth ? text : `${text}.`;
  return withPoint.padEnd(numberWidth, '0');
}

/** Three significant digits as C prints them: an exponent for very small and very large numbers, no zeros at the end. */
function general(value: number): string {
  if (value === 0) return '0';
  const [mantissa, power] = value.toExponential(2).split('e') as [string, string];
  const exponent = Number(power);
  const withoutZeros = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
  if (exponent < -4 || exponent >= 3)
    return `${withoutZeros(mantissa)}e${exponent < 0 ? '-' : '+'}${Math.abs(exponent)}`;
  return withoutZeros(value.toFixed(Math.max(0, 2 - exponent)));
}

/** `MM:SS`, with hours where there are any; `?` when it is not known. */
function clockText(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '?';
  const whole = Math.floor(seconds);
  const two = (part: number): string => String(part).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const rest = `${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}
