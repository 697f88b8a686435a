/** A value as Python's `repr` prints it; used for names that files share with Python. */
export type PythonValue = string | number | boolean | null | PythonDelta;

/** A time span, printed as Python's `datetime.timedelta`. */
export interface PythonDelta {
  readonly milliseconds: number;
}

/** Python's `repr` of a value: `None`, `True`, `'text'`, `datetime.timedelta(seconds=30)`. */
export function pythonRepr(value: PythonValue): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : pythonFloat(value);
  if (typeof value === 'string') return stringRepr(value);
  return deltaRepr(value.milliseconds);
}

/** `ClassName{'key': value, ...}`: the key under which a callback with options keeps its state in a checkpoint. */
export function stateKeyWith(className: string, options: Readonly<Record<string, PythonValue>>): string {
  const entries = Object.entries(options).map(([key, value]) => `${stringRepr(key)}: ${pythonRepr(value)}`);
  return `${className}{${entries.join(', ')}}`;
}

function stringRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let body = '';
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (character === '\\' || character === quote) body += `\\${character}`;
    else if (character === '\n') body += '\\n';
    else if (character === '\r') body += '\\r';
    else if (character === '\t') body += '\\t';
    else if (code < 0x20 || code === 0x7f) body += `\\x${code.toString(16).padStart(2, '0')}`;
    else body += character;
  }
  return quote + body + quote;
}

function deltaRepr(milliseconds: number): string {
  const microseconds = Math.round(milliseconds * 1000);
  const days = Math.floor(microseconds / 86_400e6);
  const rest = microseconds - days * 86_400e6;
  const seconds = Math.floor(rest / 1e6);
  const parts: string[] = [];
  if (days !== 0) parts.push(`days=${days}`);
  if (seconds !== 0) parts.push(`seconds=${seconds}`);
  if (rest % 1e6 !== 0) parts.push(`microseconds=${rest % 1e6}`);
  return `datetime.timedelta(${parts.length === 0 ? '0' : parts.join(', ')})`;
}

/** A float as Python prints it: always with a point or an exponent, exponents of at least two digits. */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0.0';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) return twoDigitExponent(value.toExponential());
  const text = size >= 1e21 ? BigInt(value).toString() : String(value);
  return text.includes('.') ? text : `${text}.0`;
}

function twoDigitExponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}

interface FormatSpec {
  readonly fill: string;
  readonly align: string;
  readonly sign: string;
  readonly width: number;
  readonly grouping: string;
  readonly precision: number | null;
  readonly type: string;
}

const specPattern = /^(?:(.)?([<>=^]))?([+\- ])?(0)?(\d+)?([,_])?(?:\.(\d+))?([dfFeEgG%n])?$/su;

function parseSpec(spec: string): FormatSpec | null {
  const match = specPattern.exec(spec);
  if (match === null) return null;
  const [, fill, align, sign, zero, width, grouping, precision, type] = match;
  return {
    fill: fill ?? (zero ? '0' : ' '),
    align: align ?? (zero ? '=' : '>'),
    sign: sign ?? '-',
    width: width === undefined ? 0 : Number(width),
    grouping: grouping ?? '',
    precision: precision === undefined ? null : Number(precision),
    type: type ?? '',
  };
}

/** Whether `spec` is a number format this module can write (`02d`, `.3f`, `.2e`, `>8.3g`, `.1%` ...). */
export function isFormatSpec(spec: string): boolean {
  const parsed = parseSpec(spec);
  return parsed !== null && !(parsed.type === 'd' && parsed.precision !== null);
}

/**
 * Formats a number as Python's `format(value, spec)` does.
 *
 * @param isInteger whether Python would hold the value as an int: an empty spec then prints `3`, not `3.0`
 * @throws RangeError for a spec that {@link isFormatSpec} refuses, and for `d` with a number that is not whole
 */
export function pythonFormat(value: number, spec: string, isInteger: boolean): string {
  const parsed = parseSpec(spec);
  if (parsed === null || !isFormatSpec(spec)) throw new RangeError(`'${spec}' is not a number format`);
  if (parsed.type === 'd' && !Number.isInteger(value)) {
    throw new RangeError(`the format '${spec}' needs a whole number, but the value is ${value}`);
  }
  const isNegative = value < 0 || Object.is(value, -0);
  const digits = group(magnitudeText(Math.abs(value), parsed, isInteger), parsed.grouping);
  const sign = isNegative ? '-' : parsed.sign === '-' ? '' : parsed.sign;
  const missing = Math.max(0, parsed.width - sign.length - digits.length);
  const pad = parsed.fill.repeat(missing);
  if (parsed.align === '=') return sign + pad + digits;
  if (parsed.align === '<') return sign + digits + pad;
  if (parsed.align === '^') {
    const left = missing >> 1;
    return parsed.fill.repeat(left) + sign + digits + parsed.fill.repeat(missing - left);
  }
  return pad + sign + digits;
}

function magnitudeText(value: number, spec: FormatSpec, isInteger: boolean): string {
  if (!Number.isFinite(value)) {
    const name = Number.isNaN(value) ? 'nan' : 'inf';
    return /[FEG]/.test(spec.type) ? name.toUpperCase() : spec.type === '%' ? `${name}%` : name;
  }
  const precision = spec.precision ?? 6;
  switch (spec.type) {
    case 'd':
      return value.toFixed(0);
    case 'f':
    case 'F':
      return fixed(value, precision);
    case '%':
      return `${fixed(value * 100, precision)}%`;
    case 'e':
      return twoDigitExponent(value.toExponential(Math.min(100, precision)));
    case 'E':
      return twoDigitExponent(value.toExponential(Math.min(100, precision))).toUpperCase();
    case 'g':
    case 'n':
      return general(value, precision);
    case 'G':
      return general(value, precision).toUpperCase();
    default:
      if (spec.precision !== null) return general(value, spec.precision, true);
      return isInteger ? String(value) : pythonFloat(value);
  }
}

/** `toFixed` for a number of any size, with exact ties rounded to the even digit as Python does (0.125 -> 0.12). */
function fixed(value: number, precision: number): string {
  const digits = Math.min(99, precision);
  if (value >= 1e21) return BigInt(value).toString() + (digits > 0 ? `.${'0'.repeat(digits)}` : '');
  const exact = value.toFixed(100);
  const cut = exact.length - 100 + digits;
  const roundedDown = digits === 0 ? exact.slice(0, cut - 1) : exact.slice(0, cut);
  const isTie = /^50*$/.test(exact.slice(cut));
  return isTie && Number(roundedDown.at(-1)) % 2 === 0 ? roundedDown : value.toFixed(digits);
}

/** Python's `g`: `precision` significant digits, trailing zeros dropped, an exponent below 1e-4 or from 10^precision up. */
function general(value: number, precision: number, keepsPoint = false): string {
  const digits = Math.max(1, Math.min(100, precision));
  if (value === 0) return keepsPoint ? '0.0' : '0';
  const exponent = Number(value.toExponential(digits - 1).split('e')[1]);
  const limit = keepsPoint ? digits - 1 : digits;
  if (exponent < -4 || exponent >= limit) {
    const [mantissa, power] = value.toExponential(digits - 1).split('e') as [string, string];
    return twoDigitExponent(`${dropZeros(mantissa)}e${power}`);
  }
  const text = dropZeros(value.toFixed(Math.max(0, Math.min(100, digits - 1 - exponent))));
  return keepsPoint && !text.includes('.') ? `${text}.0` : text;
}

function dropZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function group(text: string, separator: string): string {
  if (separator === '') return text;
  const match = /^(\d+)(.*)$/s.exec(text);
  if (match === null) return text;
  return match[1]!.replace(/\B(?=(\d{3})+$)/g, separator) + match[2]!;
}
