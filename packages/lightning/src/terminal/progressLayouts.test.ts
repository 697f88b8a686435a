import { afterEach, describe, expect, it, vi } from 'vitest';
import type { BarView } from './progressLayout.js';
import { defaultLayout, richLayout } from './richLayout.js';
import { createStyle } from './style.js';
import { parseStyle } from './styleText.js';
import { textWidth } from './textWidth.js';
import { tqdmLayout } from './tqdmLayout.js';

const bar = (given: Partial<BarView> = {}): BarView => ({
  label: 'Epoch 0/9',
  done: 3,
  total: 10,
  elapsed: 4,
  remaining: 9.5,
  rate: 12.34,
  metrics: [
    ['v_num', '0'],
    ['loss', 0.68],
  ],
  ...given,
});

const plain = createStyle(false);
const colored = createStyle(true);

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('the rich layout', () => {
  it('has label, bar, count, times, rate and metrics in one line', () => {
    expect(richLayout().live([bar()], 120, plain)).toEqual([
      `Epoch 0/9  ${'━'.repeat(10)}╸${' '.repeat(25)}  3/10 0:00:04 • 0:00:09 12.3it/s  v_num: 0 loss: 0.680`,
    ]);
    expect(richLayout().finished(bar({ done: 10 }), 120, plain)[0]).toMatch(
      /^Epoch 0\/9 {2}━{36} 10\/10 0:00:04 12\.3it\/s/,
    );
    expect(richLayout().plain(bar())).toBe(
      'Epoch 0/9   3/10 (30%)  0:00:04 • 0:00:09 left  12.3it/s  v_num: 0  loss: 0.680',
    );
  });

  it('takes colours, delimiter and number format from its theme', () => {
    vi.stubEnv('COLORTERM', 'truecolor');
    const layout = richLayout({
      description: 'green_yellow',
      progressBar: 'bold #010203',
      time: 'grey82',
      metrics: 'red on blue',
      metricsTextDelimiter: '\n',
      metricsFormat: '.2e',
    });
    const [line, ...metrics] = layout.live([bar()], 120, colored);
    expect(line).toContain('\u001b[38;5;154mEpoch 0/9 ');
    expect(line).toContain('\u001b[1;38;2;1;2;3m━');
    expect(line).toContain('\u001b[38;5;252m0:00:04');
    expect(metrics).toEqual([
      '  \u001b[38;5;1;48;5;4mv_num: 0\u001b[0m',
      '  \u001b[38;5;1;48;5;4mloss: 6.80e-01\u001b[0m',
    ]);
    expect(layout.live([bar()], 120, plain)[0]).not.toContain('\u001b');
  });

  it('breaks metrics between, never inside, and leaves the bar out where there is no room', () => {
    const many = bar({ metrics: Array.from({ length: 6 }, (_, index) => [`metric_${index}`, index] as const) });
    for (const width of [100, 60, 40, 25]) {
      const lines = richLayout().live([many], width, plain);
      for (const line of lines.slice(1)) {
        expect(textWidth(line)).toBeLessThanOrEqual(width);
        expect(line).toMatch(/^ {2}(metric_\d: \d\.000 ?)+$/);
      }
    }
    expect(richLayout().live([bar()], 40, plain)[0]).not.toContain('━');
  });

  it('shows a bar that moves where the length is not known, and wide characters in their width', () => {
    const unknown = (done: number) =>
      defaultLayout().live(
        [bar({ label: '訓練', done, total: Number.POSITIVE_INFINITY, remaining: Number.POSITIVE_INFINITY })],
        120,
        plain,
      )[0]!;
    expect(unknown(0)).not.toBe(unknown(1).replace('1/--', '0/--'));
    expect(unknown(0)).toMatch(/^訓練 {6} ━+╌+ 0\/-- 0:00:04 • -:--:-- /);
  });

  it.each([
    [{ progressBar: 'viloet' }, /OPTION_INVALID: RichProgressBarTheme: progressBar.*Did you mean 'violet'/],
    [{ time: 5 }, /OPTION_INVALID/],
    [{ metricsFormat: 'zz' }, /OPTION_INVALID/],
    [{ metricsFormat: 'd' }, /OPTION_INVALID/],
    [{ progresBar: 'red' }, /OPTION_UNKNOWN.*progressBar/],
  ])('refuses the theme %j', (theme, message) => {
    expect(() => richLayout(theme as never)).toThrow(message);
  });
});

describe('styles in words', () => {
  it('know attributes, names, numbers and colours behind the text', () => {
    vi.stubEnv('COLORTERM', '');
    const painted = (text: string) => parseStyle(text, 'x')(true)('a');
    expect(painted('bold italic underline red')).toBe('\u001b[1;3;4;38;5;1ma\u001b[0m');
    expect(painted('color(99) on white')).toBe('\u001b[38;5;99;48;5;7ma\u001b[0m');
    // Without 24-bit colours the nearest of the palette.
    expect(painted('#ff0000')).toBe('\u001b[38;5;196ma\u001b[0m');
    expect(painted('rgb(0, 95, 255)')).toBe('\u001b[38;5;27ma\u001b[0m');
    expect(painted('')).toBe('a');
    for (const wrong of ['rgb(1,2,300)', '#12', 'color(256)', 'on bold']) {
      expect(() => parseStyle(wrong, 'x')).toThrow(/OPTION_INVALID/);
    }
  });
});

describe('the tqdm layout', () => {
  it('is the one that users know', () => {
    const view = bar({
      label: 'Epoch 0',
      done: 5,
      total: 5,
      elapsed: 0.9,
      remaining: 0,
      rate: 5.45,
      metrics: [
        ['v_num', '0'],
        ['train_loss', 0.68],
        ['val_loss', 1.03],
      ],
    });
    const [line] = tqdmLayout(0).live([view], 100, plain);
    expect(line).toMatch(
      /^Epoch 0: 100%\|█+\| 5\/5 \[00:00<00:00, {2}5\.45it\/s, v_num=0, train_loss=0\.680, val_loss=1\.030\]$/,
    );
    expect(textWidth(line!)).toBe(100);
    expect(tqdmLayout(0).plain(view)).toBe(
      'Epoch 0: 100%|##########| 5/5 [00:00<00:00,  5.45it/s, v_num=0, train_loss=0.680, val_loss=1.030]',
    );
  });

  it('has parts of a block, question marks for what is not known, and lines above when asked for', () => {
    const unknown = bar({ total: Number.POSITIVE_INFINITY, remaining: Number.POSITIVE_INFINITY, rate: 0, metrics: [] });
    expect(tqdmLayout(2).live([unknown], 50, plain)).toEqual([
      '',
      '',
      'Epoch 0/9: |                | 3/? [00:04<?, ?it/s]',
    ]);
    expect(tqdmLayout(0).live([bar({ done: 1, total: 3, metrics: [] })], 60, plain)[0]).toContain('|███');
  });

  it('writes numbers in five characters or as they are', () => {
    const texts = [0, 1.5, 20, 0.12345, 1234.5, 1e-7, 123456, Number.NaN, -0.5].map((value) =>
      tqdmLayout(0)
        .plain(bar({ metrics: [['x', value]] }))
        .split('x=')[1]!
        .slice(0, -1),
    );
    expect(texts).toEqual(['0.000', '1.500', '20.00', '0.123', '1234.5', '1e-7', '1.23e+5', 'nan', '-0.50']);
  });
});
