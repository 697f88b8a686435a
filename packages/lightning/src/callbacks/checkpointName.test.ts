import { describe, expect, it } from 'vitest';
import type { LightningError } from '../errors.js';
import { fillCheckpointTemplate, parseCheckpointTemplate } from './checkpointName.js';

const values = new Map([
  ['epoch', { value: 2, isInteger: true }],
  ['step', { value: 6, isInteger: true }],
  ['val/acc', { value: 0.5, isInteger: false }],
  ['val_acc', { value: 0.7, isInteger: false }],
  ['one', { value: 1, isInteger: false }],
]);

const name = (text: string, autoInsertMetricName = true): string =>
  fillCheckpointTemplate(parseCheckpointTemplate(text), values, { equalsChar: '=', autoInsertMetricName });

const fault = (text: string): [code: string, message: string] => {
  try {
    name(text);
  } catch (error) {
    return [(error as LightningError).code, (error as LightningError).message];
  }
  return ['none', ''];
};

describe('checkpoint names', () => {
  it('fills in values with Python formats', () => {
    expect(name('{epoch}-{step}')).toBe('epoch=2-step=6');
    expect(name('best-{epoch:02d}-{val_acc:.2f}')).toBe('best-epoch=02-val_acc=0.70');
    expect(name('best-{epoch:02d}-{val_acc:.2f}', false)).toBe('best-02-0.70');
    expect(name('{one}-{epoch}')).toBe('one=1.0-epoch=2');
    expect(name('last')).toBe('last');
  });

  it('makes no directory of a metric name, but keeps one that the pattern writes', () => {
    expect(name('{epoch}-{val/acc:.3f}')).toBe('epoch=2-val_acc=0.500');
    expect(name('runs/{epoch}')).toBe('runs/epoch=2');
  });

  it('refuses a value that is not there, with the nearest names', () => {
    const [code, message] = fault('{epoch}-{val_ac:.2f}');
    expect(code).toBe('CHECKPOINT_NAME_KEY');
    expect(message).toContain("Logged so far: 'val_acc', 'val/acc'");
  });

  it('refuses patterns that cannot be read, when they are given', () => {
    expect(fault('{epoch')[0]).toBe('CHECKPOINT_TEMPLATE');
    expect(fault('epoch}')[0]).toBe('CHECKPOINT_TEMPLATE');
    expect(fault('{}')[0]).toBe('CHECKPOINT_TEMPLATE');
    expect(fault('{epoch:zz}')[0]).toBe('CHECKPOINT_TEMPLATE');
    expect(fault('{val_acc:02d}')[1]).toContain('needs a whole number');
  });
});
