import { describe, expect, it } from 'vitest';
import { createStyle, supportsColor, supportsRedraw } from './style.js';

const terminal = { write: () => true, isTTY: true };
const pipe = { write: () => true };

describe('what a terminal can do', () => {
  it('uses colours on a terminal only, unless the environment says otherwise', () => {
    expect(supportsColor(terminal, {})).toBe(true);
    expect(supportsColor(pipe, {})).toBe(false);
    expect(supportsColor(terminal, { TERM: 'dumb' })).toBe(false);
    expect(supportsColor(terminal, { NO_COLOR: '1' })).toBe(false);
    expect(supportsColor(pipe, { FORCE_COLOR: '1' })).toBe(true);
    expect(supportsColor(terminal, { FORCE_COLOR: '0' })).toBe(false);
    expect(supportsColor(terminal, { FORCE_COLOR: '1', NO_COLOR: '1' })).toBe(false);
  });

  it('redraws on a terminal only, and not in CI', () => {
    expect(supportsRedraw(terminal, {})).toBe(true);
    expect(supportsRedraw(pipe, {})).toBe(false);
    expect(supportsRedraw(terminal, { CI: 'true' })).toBe(false);
    expect(supportsRedraw(terminal, { CI: 'false' })).toBe(true);
    expect(supportsRedraw(terminal, { TERM: 'dumb' })).toBe(false);
  });

  it('leaves text alone when colours are off', () => {
    expect(createStyle(false).red('x')).toBe('x');
    expect(createStyle(true).red('x')).toBe('\u001b[31mx\u001b[39m');
    expect(createStyle(true).red('')).toBe('');
  });
});
