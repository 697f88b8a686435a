import { encodeUtf8 } from './utf8.js';

/** A growing byte buffer with the small encodings a pickle is made of. */
export class PickleBuffer {
  private bytes = new Uint8Array(1024);
  private view = new DataView(this.bytes.buffer);
  private length = 0;

  /** What was written so far; valid until the next write. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  /** Overwrites one byte. */
  patch(position: number, value: number): void {
    this.bytes[position] = value;
  }

  byte(value: number): void {
    const start = this.reserve(1);
    this.bytes[start] = value;
  }

  /** An opcode with a one-byte argument. */
  opcode1(opcode: number, argument: number): void {
    const start = this.reserve(2);
    this.bytes[start] = opcode;
    this.bytes[start + 1] = argument;
  }

  uint16(value: number): void {
    const start = this.reserve(2);
    this.view.setUint16(start, value, true);
  }

  int32(value: number): void {
    const start = this.reserve(4);
    this.view.setInt32(start, value, true);
  }

  uint32(value: number): void {
    const start = this.reserve(4);
    this.view.setUint32(start, value, true);
  }

  float64(value: number): void {
    const start = this.reserve(8);
    this.view.setFloat64(start, value, false);
  }

  raw(bytes: Uint8Array): void {
    const start = this.reserve(bytes.length);
    this.bytes.set(bytes, start);
  }

  text(text: string): Uint8Array {
    const bytes = encodeUtf8(text);
    this.uint32(bytes.length);
    this.raw(bytes);
    return bytes;
  }

  private reserve(count: number): number {
    const start = this.length;
    this.length += count;
    if (this.length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(this.length, 2 * this.bytes.length));
      grown.set(this.bytes.subarray(0, start));
      this.bytes = grown;
      this.view = new DataView(grown.buffer);
    }
    return start;
  }
}

/** The shortest little-endian two's-complement bytes of an integer, as Python's LONG opcodes want them. */
export function longBytes(value: bigint): Uint8Array {
  if (value === 0n) return new Uint8Array(0);
  const magnitude = value < 0n ? -value - 1n : value;
  const bits = magnitude === 0n ? 0 : magnitude.toString(16).length * 4;
  const count = Math.floor(bits / 8) + 1;
  const hex = BigInt.asUintN(count * 8, value)
    .toString(16)
    .padStart(count * 2, '0');
  let bytes = Buffer.from(hex, 'hex').reverse();
  // The count above may be one too many: the last byte is then nothing but the sign.
  const last = bytes.at(-1);
  const before = bytes.at(-2);
  if (before !== undefined && ((last === 0 && before < 0x80) || (last === 0xff && before >= 0x80))) {
    bytes = bytes.subarray(0, -1);
  }
  return bytes;
}
