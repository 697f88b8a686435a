import { describe, expect, it } from 'vitest';
import type { LightningError } from '../errors.js';
import { type Duration, parseDuration } from './duration.js';

describe('durations', () => {
  it('reads DD:HH:MM:SS and amounts by unit', () => {
    expect(parseDuration('00:00:00:05', 'duration')).toBe(5000);
    expect(parseDuration('1:02:03:04', 'duration')).toBe(93_784_000);
    expect(parseDuration({ hours: 1, minutes: 30 }, 'duration')).toBe(5_400_000);
    expect(parseDuration({ milliseconds: 1.5 }, 'duration')).toBe(1.5);
  });

  it.each(['5', '00:00:05', '00:00:00:5', 'soon', {}, { hour: 1 }, { hours: -1 }, { hours: Number.NaN }, 5])(
    'refuses %j',
    (value) => {
      expect(() => parseDuration(value as Duration, 'Timer: duration')).toThrowError(
        expect.objectContaining({ code: 'OPTION_INVALID' } satisfies Partial<LightningError>),
      );
    },
  );
});
