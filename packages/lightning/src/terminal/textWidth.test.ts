import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createStyle } from './style.js';
import { padText, stripEscapes, textWidth, truncateText } from './textWidth.js';

const style = createStyle(true);

describe('text width', () => {
  it('counts columns: colours and combining marks take none, wide characters two', () => {
    expect(textWidth(style.red('abc'))).toBe(3);
    expect(textWidth('e\u0301')).toBe(1);
    expect(textWidth('学習')).toBe(4);
    expect(textWidth('━╸•')).toBe(3);
  });

  it('cuts text to the width it is given, colours included', () => {
    expect(truncateText('abcdef', 6)).toBe('abcdef');
    expect(truncateText('abcdefg', 6)).toBe('abcde…');
    expect(stripEscapes(truncateText(`${style.red('abc')}def`, 5))).toBe('abcd…');
  });

  it('never gives more columns than asked for', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 0, max: 30 }), (text, width) => {
        expect(textWidth(truncateText(text, width))).toBeLessThanOrEqual(width);
        expect(textWidth(padText(text, width))).toBe(Math.max(width, textWidth(text)));
      }),
    );
  });
});
