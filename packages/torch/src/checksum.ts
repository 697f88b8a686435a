import { crc32 as zlibCrc32 } from 'node:zlib';
import { native } from './native.js';

/** Below this Node's own is as good, and needs no engine. */
const worthwhile = 64 << 10;

/**
 * The CRC-32 of the zip format: of `bytes`, continued from the checksum of what came before them. Several times as fast as
 * Node's own where the processor has AVX-512 with carry-less multiplication.
 */
export const crc32 = (bytes: Uint8Array, crc = 0): number =>
  bytes.length < worthwhile ? zlibCrc32(bytes, crc) : native.crc32(bytes, crc);
