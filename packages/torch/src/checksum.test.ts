import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from './checksum.js';
import { native } from './native.js';

const noise = new Uint8Array(200_000);
let state = 1;
for (let i = 0; i < noise.length; i++) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  noise[i] = state >>> 24;
}

describe('crc32', () => {
  it('is the checksum that zlib gives, for every length and beginning', () => {
    const length = fc.oneof(fc.nat(600), fc.integer({ min: 0, max: 190_000 }));
    fc.assert(
      fc.property(fc.nat(9000), length, fc.nat(0xffff_ffff), (start, count, crc) => {
        const bytes = noise.subarray(start, start + count);
        expect(native.crc32(bytes, crc)).toBe(zlibCrc32(bytes, crc));
        expect(crc32(bytes, crc)).toBe(zlibCrc32(bytes, crc));
      }),
      { numRuns: 500 },
    );
    for (let count = 0; count < 600; count++)
      expect(native.crc32(noise.subarray(3, 3 + count), 0)).toBe(zlibCrc32(noise.subarray(3, 3 + count)));
  });

  it('continues from piece to piece', () => {
    const pieces = crc32(noise.subarray(90_001), crc32(noise.subarray(0, 90_001)));
    expect(pieces).toBe(zlibCrc32(noise));
    expect(crc32(new Uint8Array(0), 5)).toBe(5);
  });
});
