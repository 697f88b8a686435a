import { crc32 as zlibCrc32 } from 'node:zlib';
import { native } from './native.js';

/** Below this the way into the addon costs more than it saves. */
const worthwhile = 4096;

/**
 * The CRC-32 of the zip format: of `bytes`, continued from the checksum of what came before them. The addon's is several
 * times as fast as Node's where the processor has AVX-512 with carry-less multiplication; a thread that has not opened the
 * addon does not open it for this.
 */
export const crc32 = (bytes: Uint8Array, crc = 0): number =>
  bytes.length >= worthwhile && Object.hasOwn(native, 'crc32') ? native.crc32(bytes, crc) : zlibCrc32(bytes, crc);
