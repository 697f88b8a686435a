import { SerializeError } from './errors.js';
import { decodeUtf8 } from './utf8.js';

const maxDecimalDigits = 10_000;
const maxIntegerBytes = 1 << 16;

/** Reads the bytes of a pickle; anything past the end or malformed is a {@link SerializeError}. */
export class PickleStream {
  /** Position of the next byte. */
  position: number;
  private readonly view: DataView;
  /** How much constructors may still build; bounds what a short stream can blow up to. */
  private budget: number;

  constructor(
    readonly bytes: Uint8Array,
    start = 0,
  ) {
    this.position = start;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.budget = 16 * bytes.byteLength + (1 << 20);
  }

  corrupt(message: string, offset = this.position): SerializeError {
    return new SerializeError('PICKLE_CORRUPT', `${message} (at byte ${offset} of ${this.bytes.length})`, { offset });
  }

  /** Counts what a constructor is about to build, in elements or bytes. */
  charge(amount: number): void {
    this.budget -= amount;
    if (this.budget < 0) {
      throw this.corrupt(`the data would grow far beyond its ${this.bytes.length} bytes`);
    }
  }

  /** Moves past `count` bytes and returns where they began. */
  skip(count: number): number {
    const start = this.position;
    const left = this.bytes.length - start;
    if (count > left) throw this.corrupt(`the stream is cut: ${count} bytes are needed and ${left} are left`);
    this.position = start + count;
    return start;
  }

  take(count: number): Uint8Array {
    const start = this.skip(count);
    return this.bytes.subarray(start, start + count);
  }

  uint8(): number {
    return this.view.getUint8(this.skip(1));
  }

  uint16(): number {
    return this.view.getUint16(this.skip(2), true);
  }

  uint32(): number {
    return this.view.getUint32(this.skip(4), true);
  }

  int32(): number {
    return this.view.getInt32(this.skip(4), true);
  }

  float64(): number {
    return this.view.getFloat64(this.skip(8), false);
  }

  /** An 8-byte length; one that no stream can hold is corrupt. */
  length64(): number {
    const length = this.view.getBigUint64(this.skip(8), true);
    if (length > BigInt(this.bytes.length)) throw this.corrupt(`a length of ${length} bytes is longer than the stream`);
    return Number(length);
  }

  text(length: number): string {
    const start = this.position;
    const text = decodeUtf8(this.take(length));
    if (text === null) throw this.corrupt('a string is not UTF-8', start);
    return text;
  }

  /** The bytes up to the next newline, which is dropped. */
  line(): Uint8Array {
    const end = this.bytes.indexOf(10, this.position);
    if (end < 0) throw this.corrupt('the stream is cut inside a line of text');
    const line = this.bytes.subarray(this.position, end);
    this.position = end + 1;
    return line;
  }

  textLine(): string {
    const start = this.position;
    const text = decodeUtf8(this.line());
    if (text === null) throw this.corrupt('a line is not UTF-8', start);
    return text;
  }

  /** A decimal integer on a line of its own, with or without Python 2's trailing `L`. */
  integerLine(): number | bigint {
    const start = this.position;
    const digits = this.textLine().replace(/L$/, '').trim();
    if (!/^[+-]?\d+$/.test(digits) || digits.length > maxDecimalDigits) {
      throw this.corrupt(`"${digits.slice(0, 40)}" is not an integer`, start);
    }
    return narrow(BigInt(digits.replace(/^\+/, '')));
  }

  /** An integer on a line, or a boolean: `00` and `01` are what protocol 0 writes for those. */
  intLine(): number | bigint | boolean {
    const [first, second, third] = this.bytes.subarray(this.position, this.position + 3);
    const isBoolean = first === 0x30 && (second === 0x30 || second === 0x31) && third === 0x0a;
    const value = this.integerLine();
    return isBoolean ? value === 1 : value;
  }

  /** A memo index on a line of its own. */
  indexLine(): number {
    const start = this.position;
    const index = this.integerLine();
    if (typeof index !== 'number' || index < 0) throw this.corrupt(`${index} is not a memo index`, start);
    return index;
  }

  floatLine(): number {
    const start = this.position;
    const text = this.textLine().trim();
    const special = pythonFloats.get(text.toLowerCase().replace(/^\+/, ''));
    const value = special ?? (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined);
    if (value === undefined) throw this.corrupt(`"${text.slice(0, 40)}" is not a float`, start);
    return value;
  }

  quotedLine(): string | Uint8Array {
    const line = Buffer.from(this.line()).toString('latin1').trim();
    const quote = line[0];
    if (line.length < 2 || (quote !== "'" && quote !== '"') || line.at(-1) !== quote) {
      throw this.corrupt('a string has no quotes');
    }
    return latin1OrBytes(Buffer.from(unescapeString(line.slice(1, -1)), 'latin1'));
  }

  rawUnicodeLine(): string {
    const line = Buffer.from(this.line()).toString('latin1');
    return line.replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (whole, short?: string, long?: string) => {
      const code = Number.parseInt(short ?? (long as string), 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    });
  }

  /** A two's-complement little-endian integer of `length` bytes; no bytes are zero. */
  integer(length: number): number | bigint {
    if (length > maxIntegerBytes) throw this.corrupt(`an integer of ${length} bytes is too long`);
    const bytes = this.take(length);
    if (length === 0) return 0;
    const hex = Buffer.from(bytes).reverse().toString('hex');
    return narrow(BigInt.asIntN(length * 8, BigInt(`0x${hex}`)));
  }
}

const pythonFloats = new Map([
  ['inf', Infinity],
  ['-inf', -Infinity],
  ['infinity', Infinity],
  ['-infinity', -Infinity],
  ['nan', NaN],
  ['-nan', NaN],
]);

/** A number when it is exact, else the bigint itself. */
export function narrow(value: bigint): number | bigint {
  const asNumber = Number(value);
  return Number.isSafeInteger(asNumber) ? asNumber : value;
}

/** Strings of Python 2 carry no encoding: text where they are ASCII, bytes elsewhere. */
export function latin1OrBytes(bytes: Uint8Array): string | Uint8Array {
  for (const byte of bytes) if (byte > 0x7f) return bytes.slice();
  return Buffer.from(bytes).toString('latin1');
}

const escapes: Record<string, string> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
};

function unescapeString(text: string): string {
  return text.replace(
    /\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))/g,
    (whole, hex?: string, octal?: string, letter?: string) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
      return escapes[letter as string] ?? whole;
    },
  );
}
