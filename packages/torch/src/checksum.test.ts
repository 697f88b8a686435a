import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from './checksum.js';

describe('crc32', () => {
  it('is the checksum that zlib gives, for every length and beginning', () => {
    const noise = new Uint8Array(20_000);
    let state = 1;
    for (let i = 0; i < noise.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      noise[i] = state >>> 24;
    }
    fc.assert(
      fc.property(fc.nat(7000), fc.integer({ min: 0, max: 13_000 }), fc.nat(0xffff_ffff), (start, length, crc) => {
        const bytes = noise.subarray(start, start + length);
        expect(crc32(bytes, crc)).toBe(zlibCrc32(bytes, crc));
      }),
      { numRuns: 500 },
    );
    for (let length = 4090; length < 4360; length++)
      expect(crc32(noise.subarray(0, length))).toBe(zlibCrc32(noise.subarray(0, length)));
  });

  it('continues from piece to piece', () => {
    const bytes = new Uint8Array(100_000).fill(7);
    const pieces = crc32(bytes.subarray(60_001), crc32(bytes.subarray(0, 60_001)));
    expect(pieces).toBe(zlibCrc32(bytes));
    expect(crc32(new Uint8Array(0), 5)).toBe(5);
  });
});
