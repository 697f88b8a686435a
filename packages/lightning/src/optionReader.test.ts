import { describe, expect, it } from 'vitest';
import { OptionReader } from './optionReader.js';

interface Options {
  readonly name?: string | null;
  readonly count?: number;
  readonly share?: number;
  readonly flag?: boolean;
  readonly mode?: 'min' | 'max';
}

const read = (given: object): unknown[] => {
  const options = new OptionReader<Options>('Thing', given);
  const values = [
    options.text('name', null),
    options.integer('count', 3, 1),
    options.number('share', 0.5, { least: 0, most: 1 }),
    options.boolean('flag', false),
    options.choice('mode', ['min', 'max'], 'min'),
  ];
  options.done();
  return values;
};

describe('OptionReader', () => {
  it('fills in the defaults, and takes what fits', () => {
    expect(read({})).toEqual([null, 3, 0.5, false, 'min']);
    expect(read({ name: null, count: 1, share: 1, flag: true, mode: 'max' })).toEqual([null, 1, 1, true, 'max']);
  });

  it.each([
    [{ name: 5 }, 'OPTION_INVALID: Thing: name is 5. Use a string.'],
    [{ count: 0 }, 'OPTION_INVALID: Thing: count is 0. Use a whole number from 1 up.'],
    [{ count: null }, 'OPTION_INVALID: Thing: count is null. Use a whole number from 1 up.'],
    [{ share: 1.5 }, 'OPTION_INVALID: Thing: share is 1.5. Use a number from 0 up to 1.'],
    [{ flag: 'yes' }, "OPTION_INVALID: Thing: flag is 'yes'. Use true or false."],
    [{ mode: 'best' }, "OPTION_INVALID: Thing: mode is 'best'. Use 'min' or 'max'."],
    [{ cuont: 1 }, "OPTION_UNKNOWN: Thing has no option 'cuont'. Did you mean 'count'?"],
    [[], 'OPTION_INVALID: Thing takes an object of options, not an array of 0.'],
  ])('says what is wrong with %j', (given, message) => {
    expect(() => read(given)).toThrow(message);
  });
});
