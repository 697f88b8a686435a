// Numbers and flags as Python writes them, for `extraRepr`.

export const boolText = (value: boolean): string => (value ? 'True' : 'False');

/** A float: `1.0`, `0.01`, `1e-05`. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16))
    return value.toExponential().replace(/e([+-])(\d)$/, (_, sign: string, digit: string) => `e${sign}0${digit}`);
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** A number that Python keeps as it was given: a fraction as a float, a whole number as an int. */
export const numberText = (value: number): string => (Number.isInteger(value) ? String(value) : floatText(value));

/** An int, or several as a tuple: `3`, `(3, 3)`, `(3,)`. */
export function sizeText(
  value: number | null | readonly (number | null)[],
  text: (entry: number) => string = numberText,
): string {
  const one = (entry: number | null) => (entry === null ? 'None' : text(entry));
  if (typeof value === 'number' || value === null) return one(value);
  return `(${value.map(one).join(', ')}${value.length === 1 ? ',' : ''})`;
}

/** One number for each dimension. */
export const spread = (value: number | readonly number[], dimensions: number): number[] =>
  typeof value === 'number' ? new Array<number>(dimensions).fill(value) : [...value];
