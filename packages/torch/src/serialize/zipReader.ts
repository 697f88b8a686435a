import { inflateRawSync } from 'node:zlib';
import { crc32 } from '../checksum.js';
import { type ByteSource, readRange } from './byteSource.js';
import { SerializeError } from './errors.js';

/** A record as the archive's directory lists it. */
export interface ZipEntry {
  name: string;
  /** Bytes after unpacking. */
  size: number;
  packedSize: number;
  crc: number;
  isDeflated: boolean;
  /** Position of its local header. */
  offset: number;
  /** First byte that belongs to the next record or the directory. */
  limit: number;
}

const limit32 = 0xffff_ffff;
const endLength = 22;
const longestComment = 0xffff;
/** Deflate never packs better than this, so a larger claim is a lie. */
const bestDeflateRatio = 1032;
const usualUnpackedBytes = 256 * 2 ** 20;
const usualUnpackedRatio = 20;

export interface ZipReaderOptions {
  /** Default true. */
  verifyChecksums?: boolean | undefined;
  /** Bytes that deflated records may have in all; default 256 MiB, or 20 × the archive where that is more. */
  maxUnpackedBytes?: number | undefined;
}

/**
 * Reads a zip archive: stored and deflated records, zip64. The directory is checked when opened (every record inside
 * the file, none over another); a record's checksum when it is read, unless `verifyChecksums` is false.
 *
 * @throws SerializeError `ZIP_CORRUPT`, `UNPACKED_TOO_LARGE`
 */
export class ZipReader {
  readonly entries: ReadonlyMap<string, ZipEntry>;

  constructor(
    private readonly source: ByteSource,
    private readonly options: ZipReaderOptions = {},
  ) {
    this.entries = readDirectory(source);
    const most = options.maxUnpackedBytes ?? Math.max(usualUnpackedBytes, usualUnpackedRatio * source.size);
    let unpacked = 0;
    for (const { isDeflated, size } of this.entries.values()) if (isDeflated) unpacked += size;
    if (unpacked > most) {
      throw new SerializeError(
        'UNPACKED_TOO_LARGE',
        `${describeSource(source)}: its compressed records would unpack to ${unpacked} bytes, and ${most} are allowed. If you trust the file, raise maxUnpackedBytes.`,
        { path: source.path },
      );
    }
  }

  /** The unpacked bytes of a record, checked against its checksum. */
  read(name: string): Uint8Array {
    const entry = this.entry(name);
    const packed = readRange(this.source, this.locate(entry), entry.packedSize);
    const bytes = entry.isDeflated ? this.inflate(entry, packed) : packed;
    this.verify(entry, bytes);
    return bytes;
  }

  entry(name: string): ZipEntry {
    const entry = this.entries.get(name);
    if (entry === undefined) {
      throw new SerializeError('RECORD_MISSING', `${describeSource(this.source)} has no record ${name}`, {
        path: this.source.path,
      });
    }
    return entry;
  }

  /** Where a record's packed bytes begin, after its local header. */
  locate(entry: ZipEntry): number {
    const header = viewOf(readRange(this.source, entry.offset, 30));
    if (header.getUint32(0, true) !== 0x04034b50)
      throw zipCorrupt(this.source, `${entry.name} has no header`, entry.offset);
    const start = entry.offset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
    if (start + entry.packedSize > entry.limit) {
      throw zipCorrupt(this.source, `${entry.name} reaches into what follows it`, entry.offset);
    }
    return start;
  }

  /** @throws SerializeError when the unpacked bytes of the record are not those that were written. */
  verify(entry: ZipEntry, bytes: Uint8Array): void {
    if (bytes.length !== entry.size) {
      throw zipCorrupt(this.source, `${entry.name} has ${bytes.length} bytes, not ${entry.size}`, entry.offset);
    }
    if (this.options.verifyChecksums === false) return;
    const crc = crc32(bytes);
    if (crc === entry.crc) return;
    throw zipCorrupt(this.source, `${entry.name} is damaged: its checksum is ${crc}, not ${entry.crc}`, entry.offset);
  }

  private inflate(entry: ZipEntry, packed: Uint8Array): Uint8Array {
    try {
      return new Uint8Array(inflateRawSync(packed, { maxOutputLength: Math.max(entry.size, 1) }));
    } catch (cause) {
      throw zipCorrupt(this.source, `${entry.name} cannot be unpacked`, entry.offset, cause);
    }
  }
}

export function zipCorrupt(source: ByteSource, message: string, offset: number, cause?: unknown): SerializeError {
  return new SerializeError('ZIP_CORRUPT', `${describeSource(source)}: ${message} (at byte ${offset})`, {
    offset,
    path: source.path,
    cause,
  });
}

export function describeSource(source: ByteSource): string {
  return source.path ?? `a buffer of ${source.size} bytes`;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function readDirectory(source: ByteSource): Map<string, ZipEntry> {
  const { start, size, count } = findDirectory(source);
  const bytes = readRange(source, start, size);
  const entries: ZipEntry[] = [];
  let at = 0;
  while (at < size) {
    const { entry, length } = readEntry(source, bytes, at, start + at);
    entries.push(entry);
    at += length;
  }
  if (entries.length !== count) {
    throw zipCorrupt(source, `the directory lists ${entries.length} records and announces ${count}`, start);
  }
  boundEntries(source, entries, start);
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  if (byName.size !== entries.length) throw zipCorrupt(source, 'two records have one name', start);
  return byName;
}

interface Directory {
  start: number;
  size: number;
  count: number;
}

function findDirectory(source: ByteSource): Directory {
  const tailLength = Math.min(source.size, endLength + longestComment);
  const tailStart = source.size - tailLength;
  const tail = viewOf(readRange(source, tailStart, tailLength));
  for (let at = tailLength - endLength; at >= 0; at--) {
    if (tail.getUint32(at, true) !== 0x06054b50) continue;
    if (at + endLength + tail.getUint16(at + 20, true) !== tailLength) continue;
    const end = tailStart + at;
    const directory = readZip64End(source, end) ?? {
      start: tail.getUint32(at + 16, true),
      size: tail.getUint32(at + 12, true),
      count: tail.getUint16(at + 10, true),
    };
    if (directory.start + directory.size > end) throw zipCorrupt(source, 'the directory lies outside the file', end);
    return directory;
  }
  throw zipCorrupt(source, 'the end of the archive is missing; the file is cut or no zip archive', source.size);
}

function readZip64End(source: ByteSource, end: number): Directory | null {
  if (end < 20) return null;
  const locator = viewOf(readRange(source, end - 20, 20));
  if (locator.getUint32(0, true) !== 0x07064b50) return null;
  const at = safeNumber(source, locator.getBigUint64(8, true), end - 20);
  if (at + 56 > end - 20) throw zipCorrupt(source, 'the zip64 end lies outside the file', end - 20);
  const record = viewOf(readRange(source, at, 56));
  if (record.getUint32(0, true) !== 0x06064b50) throw zipCorrupt(source, 'the zip64 end is missing', at);
  return {
    start: safeNumber(source, record.getBigUint64(48, true), at),
    size: safeNumber(source, record.getBigUint64(40, true), at),
    count: safeNumber(source, record.getBigUint64(32, true), at),
  };
}

/** A 64-bit position or size; one beyond the file cannot be right. */
function safeNumber(source: ByteSource, value: bigint, at: number): number {
  if (value > BigInt(source.size)) throw zipCorrupt(source, `${value} is beyond the file's ${source.size} bytes`, at);
  return Number(value);
}

function readEntry(
  source: ByteSource,
  bytes: Uint8Array,
  at: number,
  position: number,
): { entry: ZipEntry; length: number } {
  const corrupt = (message: string) => zipCorrupt(source, message, position);
  if (at + 46 > bytes.length) throw corrupt('the directory is cut');
  const view = viewOf(bytes);
  if (view.getUint32(at, true) !== 0x02014b50) throw corrupt('the directory is damaged');
  const flags = view.getUint16(at + 8, true);
  const method = view.getUint16(at + 10, true);
  const nameLength = view.getUint16(at + 28, true);
  const extraLength = view.getUint16(at + 30, true);
  const length = 46 + nameLength + extraLength + view.getUint16(at + 32, true);
  if (at + length > bytes.length) throw corrupt('the directory is cut');
  const name = Buffer.from(bytes.subarray(at + 46, at + 46 + nameLength)).toString('utf8');
  if ((flags & 0x0001) !== 0) throw corrupt(`${name} is encrypted`);
  if (method !== 0 && method !== 8)
    throw corrupt(`${name} is packed by method ${method}; 0 (stored) and 8 (deflate) are known`);
  const extra = bytes.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength);
  const narrowValues = [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)];
  const [size, packedSize, offset] = widen(source, narrowValues, extra, position) as [number, number, number];
  const isDeflated = method === 8;
  if (isDeflated ? size > bestDeflateRatio * packedSize + 64 : size !== packedSize) {
    throw corrupt(`${name} cannot have ${size} bytes when it takes ${packedSize}`);
  }
  const crc = view.getUint32(at + 16, true);
  return { entry: { name, size, packedSize, crc, isDeflated, offset, limit: 0 }, length };
}

/** Takes values that fill their 32 bits from the zip64 extra field, in its fixed order. */
function widen(source: ByteSource, values: number[], extra: Uint8Array, position: number): number[] {
  if (!values.includes(limit32)) return values;
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.length; ) {
    const length = view.getUint16(at + 2, true);
    const end = at + 4 + length;
    if (end > extra.length) break;
    if (view.getUint16(at, true) === 0x0001) {
      let next = at + 4;
      return values.map((value) => {
        if (value !== limit32) return value;
        if (next + 8 > end) throw zipCorrupt(source, 'a zip64 size is missing', position);
        next += 8;
        return wideNumber(source, view.getBigUint64(next - 8, true), position);
      });
    }
    at = end;
  }
  throw zipCorrupt(source, 'a zip64 size is missing', position);
}

function wideNumber(source: ByteSource, value: bigint, position: number): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw zipCorrupt(source, `${value} is no possible size`, position);
  return Number(value);
}

/** Gives each record the room up to the next, and refuses records that do not fit theirs. */
function boundEntries(source: ByteSource, entries: readonly ZipEntry[], directoryStart: number): void {
  const inOrder = [...entries].sort((a, b) => b.offset - a.offset);
  let limit = directoryStart;
  for (const entry of inOrder) {
    entry.limit = limit;
    if (entry.offset + 30 + entry.packedSize > limit) {
      throw zipCorrupt(source, `${entry.name} does not fit between its place and what follows`, entry.offset);
    }
    limit = entry.offset;
  }
}
