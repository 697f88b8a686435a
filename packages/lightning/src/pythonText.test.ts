import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isFormatSpec, type PythonValue, pythonFormat, pythonRepr, stateKeyWith } from './pythonText.js';

interface Fixture {
  format: [spec: string, value: number | 'nan' | 'inf', isInteger: boolean, text: string][];
  repr: [value: PythonValue, text: string][];
  timedelta: [milliseconds: number, text: string][];
}

const fixture = JSON.parse(
  readFileSync(new URL('../test/fixtures/pythonText.json', import.meta.url), 'utf8'),
) as Fixture;

describe('pythonText', () => {
  it('formats numbers as Python does', () => {
    const numberOf = (value: number | 'nan' | 'inf'): number =>
      value === 'nan' ? Number.NaN : value === 'inf' ? Number.POSITIVE_INFINITY : value;
    const ours = fixture.format.map(([spec, value, isInteger]) => pythonFormat(numberOf(value), spec, isInteger));
    expect(fixture.format.length).toBeGreaterThan(400);
    expect(ours).toEqual(fixture.format.map(([, , , text]) => text));
  });

  it('prints values and time spans as Python does', () => {
    expect(fixture.repr.map(([value]) => pythonRepr(value))).toEqual(fixture.repr.map(([, text]) => text));
    expect(fixture.timedelta.map(([milliseconds]) => pythonRepr({ milliseconds }))).toEqual(
      fixture.timedelta.map(([, text]) => text),
    );
  });

  it('tells number formats from other text', () => {
    expect(['', '.3f', '02d', ',.2f'].map(isFormatSpec)).toEqual([true, true, true, true]);
    expect(['x', '.f', '.2d', 's', '!r'].map(isFormatSpec)).toEqual([false, false, false, false, false]);
  });

  it('builds the state key that Python looks for', () => {
    const key = stateKeyWith('ModelCheckpoint', {
      monitor: 'val_loss',
      mode: 'min',
      every_n_train_steps: 0,
      every_n_epochs: 1,
      train_time_interval: null,
    });
    expect(key).toBe(
      "ModelCheckpoint{'monitor': 'val_loss', 'mode': 'min', 'every_n_train_steps': 0, 'every_n_epochs': 1, 'train_time_interval': None}",
    );
  });
});
