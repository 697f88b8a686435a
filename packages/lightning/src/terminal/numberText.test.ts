import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatClock, formatExact, formatMetric, formatRate } from './numberText.js';

describe('numbers in the terminal', () => {
  it('shows metrics with three decimals, and with an exponent where those would say nothing', () => {
    const values = [
      0.68,
      1,
      0,
      -0.1234,
      250,
      3.2e-5,
      1234567.8,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
    ];
    expect(values.map(formatMetric)).toEqual([
      '0.680',
      '1.000',
      '0.000',
      '-0.123',
      '250',
      '3.20e-5',
      '1.23e+6',
      'nan',
      'inf',
      '-inf',
    ]);
  });

  it('names a float32 by the shortest decimal that means it', () => {
    expect(formatExact(Math.fround(0.9156))).toBe('0.9156');
    expect(formatExact(0.1)).toBe('0.1');
    expect(formatExact(3)).toBe('3.0');
    expect(formatExact(Number.NaN)).toBe('nan');
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Math.fround(Number(formatExact(value)))).toBe(value + 0);
      }),
    );
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = formatExact(value);
        expect(Math.fround(value) === value ? Math.fround(Number(text)) : Number(text)).toBe(value + 0);
      }),
    );
  });

  it('shows times and rates', () => {
    expect([0, 59.9, 61, 3600 * 25, Number.POSITIVE_INFINITY].map(formatClock)).toEqual([
      '0:00:00',
      '0:00:59',
      '0:01:01',
      '25:00:00',
      '-:--:--',
    ]);
    expect([0, 0.082, 5.454, 19.54, 1250.4].map(formatRate)).toEqual([
      '--it/s',
      '0.08it/s',
      '5.45it/s',
      '19.5it/s',
      '1250it/s',
    ]);
  });
});
