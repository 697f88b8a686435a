import { crc32 } from '../checksum.js';
import type { StoragePart } from '../storage.js';
import { bytesOf } from './fileParts.js';

/** One file inside an archive. */
export interface ZipRecord {
  name: string;
  /** Bytes in all. */
  size: number;
  /** The bytes, in pieces; asked for once. */
  chunks(): Iterable<Uint8Array>;
  /** The bytes as they lie in memory, for records that are a storage; asked for once, and not together with `chunks`. */
  part?(): StoragePart;
  /** Called when the part is written. */
  release?(): void;
}

const alignment = 64;
const limit32 = 0xffff_ffff;
const limit16 = 0xffff;
const descriptorFollows = 0x0008;
const namesAreUtf8 = 0x0800;

interface Written {
  name: Uint8Array;
  size: number;
  crc: number;
  offset: number;
}

/**
 * Writes an archive of stored records in pieces, laid out as torch does: every record's bytes begin at a multiple of
 * 64, filled up by an extra field, and checksums follow the bytes. Sizes and counts past the 32-bit limits take zip64.
 *
 * A yielded piece may be a view of the record's own memory, and its checksum is taken just before it is yielded, so use
 * or copy it before letting anything else run.
 */
export const zipChunks = (records: Iterable<ZipRecord>): Generator<Uint8Array, void, void> =>
  bytesOf(zipParts(records));

/** {@link zipChunks}, with storages as parts for the caller to write. */
export function* zipParts(records: Iterable<ZipRecord>): Generator<Uint8Array | StoragePart, void, number> {
  const directory: Written[] = [];
  let position = 0;
  for (const record of records) {
    const name = Buffer.from(record.name, 'utf8');
    const offset = position;
    const header = localHeader(name, record.size, position);
    yield header;
    const { crc, size } = yield* contentsOf(record);
    if (size !== record.size) throw new RangeError(`the record ${record.name} has ${size} bytes, not ${record.size}`);
    const descriptor = dataDescriptor(crc, size);
    yield descriptor;
    position += header.length + size + descriptor.length;
    directory.push({ name, size, crc, offset });
  }
  const start = position;
  for (const entry of directory) {
    const header = directoryEntry(entry);
    position += header.length;
    yield header;
  }
  yield archiveEnd(directory.length, start, position - start);
}

function* contentsOf(record: ZipRecord): Generator<Uint8Array | StoragePart, { crc: number; size: number }, number> {
  if (record.part !== undefined && record.size > 0) {
    const part = record.part();
    const crc = yield part;
    record.release?.();
    return { crc, size: part.length };
  }
  let crc = 0;
  let size = 0;
  for (const chunk of record.chunks()) {
    crc = crc32(chunk, crc);
    size += chunk.length;
    yield chunk;
  }
  return { crc, size };
}

/** An empty record has no descriptor. */
const flagsFor = (size: number): number => (size === 0 ? namesAreUtf8 : namesAreUtf8 | descriptorFollows);

function localHeader(name: Uint8Array, size: number, position: number): Uint8Array {
  const isLarge = size >= limit32;
  const zip64Length = isLarge ? 20 : 0;
  const unpadded = position + 30 + name.length + zip64Length + 4;
  // An aligned start still gets a full field, as in torch's own files.
  const padding = alignment - (unpadded % alignment);
  const header = Buffer.alloc(30 + name.length + zip64Length + 4 + padding, 'Z');
  header.fill(0, 0, 30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(isLarge ? 45 : 0, 4);
  header.writeUInt16LE(flagsFor(size), 6);
  if (isLarge) {
    header.writeUInt32LE(limit32, 18);
    header.writeUInt32LE(limit32, 22);
  }
  header.writeUInt16LE(name.length, 26);
  header.writeUInt16LE(zip64Length + 4 + padding, 28);
  header.set(name, 30);
  let at = 30 + name.length;
  if (isLarge) {
    header.writeUInt16LE(0x0001, at);
    header.writeUInt16LE(16, at + 2);
    header.writeBigUInt64LE(BigInt(size), at + 4);
    header.writeBigUInt64LE(BigInt(size), at + 12);
    at += zip64Length;
  }
  header.write('FB', at, 'latin1');
  header.writeUInt16LE(padding, at + 2);
  return header;
}

/** Checksum and sizes, after the bytes. */
function dataDescriptor(crc: number, size: number): Uint8Array {
  if (size === 0) return new Uint8Array(0);
  const isLarge = size >= limit32;
  const descriptor = Buffer.alloc(isLarge ? 24 : 16);
  descriptor.writeUInt32LE(0x08074b50, 0);
  descriptor.writeUInt32LE(crc, 4);
  if (isLarge) {
    descriptor.writeBigUInt64LE(BigInt(size), 8);
    descriptor.writeBigUInt64LE(BigInt(size), 16);
  } else {
    descriptor.writeUInt32LE(size, 8);
    descriptor.writeUInt32LE(size, 12);
  }
  return descriptor;
}

function directoryEntry({ name, size, crc, offset }: Written): Uint8Array {
  const wide: number[] = [];
  if (size >= limit32) wide.push(size, size);
  if (offset >= limit32) wide.push(offset);
  const extraLength = wide.length > 0 ? 4 + 8 * wide.length : 0;
  const entry = Buffer.alloc(46 + name.length + extraLength);
  entry.writeUInt32LE(0x02014b50, 0);
  entry.writeUInt16LE(wide.length > 0 ? 45 : 0, 6);
  entry.writeUInt16LE(flagsFor(size), 8);
  entry.writeUInt32LE(crc, 16);
  entry.writeUInt32LE(Math.min(size, limit32), 20);
  entry.writeUInt32LE(Math.min(size, limit32), 24);
  entry.writeUInt16LE(name.length, 28);
  entry.writeUInt16LE(extraLength, 30);
  entry.writeUInt32LE(Math.min(offset, limit32), 42);
  entry.set(name, 46);
  if (extraLength > 0) {
    const at = 46 + name.length;
    entry.writeUInt16LE(0x0001, at);
    entry.writeUInt16LE(8 * wide.length, at + 2);
    wide.forEach((value, i) => {
      entry.writeBigUInt64LE(BigInt(value), at + 4 + 8 * i);
    });
  }
  return entry;
}

/** The three closing records; torch always writes the zip64 ones. */
function archiveEnd(count: number, start: number, size: number): Uint8Array {
  const end = Buffer.alloc(56 + 20 + 22);
  end.writeUInt32LE(0x06064b50, 0);
  end.writeBigUInt64LE(44n, 4);
  end.writeUInt16LE(0x031e, 12);
  end.writeUInt16LE(45, 14);
  end.writeBigUInt64LE(BigInt(count), 24);
  end.writeBigUInt64LE(BigInt(count), 32);
  end.writeBigUInt64LE(BigInt(size), 40);
  end.writeBigUInt64LE(BigInt(start), 48);
  end.writeUInt32LE(0x07064b50, 56);
  end.writeBigUInt64LE(BigInt(start + size), 64);
  end.writeUInt32LE(1, 72);
  end.writeUInt32LE(0x06054b50, 76);
  end.writeUInt16LE(Math.min(count, limit16), 84);
  end.writeUInt16LE(Math.min(count, limit16), 86);
  end.writeUInt32LE(Math.min(size, limit32), 88);
  end.writeUInt32LE(Math.min(start, limit32), 92);
  return end;
}
