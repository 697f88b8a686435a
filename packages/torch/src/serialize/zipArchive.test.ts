import { readFileSync } from 'node:fs';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BufferSource, type ByteSource } from './byteSource.js';
import { SerializeError } from './errors.js';
import { ZipReader } from './zipReader.js';
import { type ZipRecord, zipChunks } from './zipWriter.js';

const fixtures = new URL('../../test/fixtures/serialize/', import.meta.url);
const record = (name: string, bytes: Uint8Array): ZipRecord => ({ name, size: bytes.length, chunks: () => [bytes] });
const archive = (records: Iterable<ZipRecord>) => new Uint8Array(Buffer.concat([...zipChunks(records)]));
const open = (bytes: Uint8Array) => new ZipReader(new BufferSource(bytes));

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof SerializeError) return error.code;
    throw error;
  }
  return 'no error';
}

describe('a zip archive', () => {
  it('gives back every record it was made of', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ minLength: 1 }), fc.uint8Array({ maxLength: 300 })), (contents) => {
        const entries = Object.entries(contents);
        const reader = open(archive(entries.map(([name, bytes]) => record(name, bytes))));
        expect([...reader.entries.keys()]).toEqual(entries.map(([name]) => name));
        for (const [name, bytes] of entries) expect(reader.read(name)).toEqual(bytes);
      }),
    );
  });

  it('begins the bytes of every record at a multiple of 64', () => {
    const sizes = [0, 1, 63, 64, 65, 1000];
    const reader = open(archive(sizes.map((size) => record(`a/data/${size}`, new Uint8Array(size)))));
    for (const entry of reader.entries.values()) expect(reader.locate(entry) % 64).toBe(0);
  });

  it('takes a record in pieces', () => {
    const bytes = archive([
      { name: 'x', size: 5, chunks: () => [Uint8Array.of(1, 2), Uint8Array.of(), Uint8Array.of(3, 4, 5)] },
    ]);
    expect(open(bytes).read('x')).toEqual(Uint8Array.of(1, 2, 3, 4, 5));
  });

  it('holds more records than 16 bits can count', () => {
    const records = Array.from({ length: 70_000 }, (_, i) => record(`${i}`, new Uint8Array(0)));
    expect(open(archive(records)).entries.size).toBe(70_000);
  });

  it('holds records past 4 GiB', () => {
    // The large record is one buffer repeated, and only what lies around it is kept.
    const piece = new Uint8Array(64 << 20).fill(7);
    const size = 65 * piece.length;
    const kept: { position: number; bytes: Uint8Array }[] = [];
    let position = 0;
    const repeat = function* () {
      for (let i = 0; i < 65; i++) yield piece;
    };
    const records = [{ name: 'large', size, chunks: repeat }, record('after', Uint8Array.of(1, 2, 3))];
    for (const bytes of zipChunks(records)) {
      if (bytes !== piece) kept.push({ position, bytes });
      position += bytes.length;
    }
    const source: ByteSource = {
      size: position,
      path: undefined,
      readInto(target, start) {
        for (const { position: at, bytes } of kept) {
          const from = Math.max(start, at);
          const to = Math.min(start + target.length, at + bytes.length);
          if (from < to) target.set(bytes.subarray(from - at, to - at), from - start);
        }
      },
    };
    const reader = new ZipReader(source);
    expect(reader.entries.get('large')?.size).toBe(size);
    expect(reader.locate(reader.entry('large')) % 64).toBe(0);
    expect(reader.entry('after').offset).toBeGreaterThan(2 ** 32);
    expect(reader.read('after')).toEqual(Uint8Array.of(1, 2, 3));
  });

  it('reads packed records, and refuses one that unpacks to more than it claims', () => {
    const stored = open(new Uint8Array(readFileSync(new URL('golden.pt', fixtures))));
    const packed = open(new Uint8Array(readFileSync(new URL('deflated.pt', fixtures))));
    for (const [name, entry] of packed.entries) {
      expect(entry.isDeflated).toBe(true);
      expect(packed.read(name)).toEqual(stored.read(name));
    }
    const bomb = deflateRawSync(new Uint8Array(1 << 20));
    const bytes = archive([record('bomb', bomb)]);
    const directory = bytes.length - 98 - (46 + 4);
    bytes[directory + 10] = 8; // packed, with the size it has now
    expect(codeOf(() => open(bytes).read('bomb'))).toBe('ZIP_CORRUPT');
    new DataView(bytes.buffer).setUint32(directory + 24, 0x7fffffff, true);
    expect(codeOf(() => open(bytes))).toBe('ZIP_CORRUPT');
  });

  it('notices one flipped bit in a record when that record is read', () => {
    const bytes = archive([record('a', new Uint8Array(100)), record('b', new Uint8Array(100))]);
    const at = open(bytes).locate(open(bytes).entry('a'));
    (bytes[at + 50] as number) |= 1;
    expect(open(bytes).read('b')).toHaveLength(100);
    expect(codeOf(() => open(bytes).read('a'))).toBe('ZIP_CORRUPT');
    expect(codeOf(() => new ZipReader(new BufferSource(bytes), { verifyChecksums: false }).read('a'))).toBe('no error');
  });

  it('refuses records that overlap', () => {
    const bytes = archive([record('a', new Uint8Array(100)), record('b', new Uint8Array(100))]);
    const second = bytes.length - 98 - 47;
    new DataView(bytes.buffer).setUint32(second + 42, 10, true);
    expect(codeOf(() => open(bytes))).toBe('ZIP_CORRUPT');
  });

  it('says which record is missing', () => {
    expect(codeOf(() => open(archive([])).read('x'))).toBe('RECORD_MISSING');
  });

  it('gives nothing but bytes or a SerializeError when it is cut or damaged', () => {
    const whole = new Uint8Array(readFileSync(new URL('golden.pt', fixtures)));
    const change = fc.record({ at: fc.nat(1600), to: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 3 }), fc.nat(whole.length), fc.boolean(), (changes, cut, cuts) => {
        const damaged = whole.slice(0, cuts ? cut : whole.length);
        // The directory is at the end, where damage matters most.
        for (const { at, to } of changes) if (at < damaged.length) damaged[damaged.length - 1 - at] = to;
        const code = codeOf(() => {
          const reader = open(damaged);
          for (const name of reader.entries.keys()) reader.read(name);
        });
        expect(code).toMatch(/^(ZIP_CORRUPT|no error)$/);
      }),
      { numRuns: 1000 },
    );
  });
});
