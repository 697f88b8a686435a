/**
 * A small zip reader for libtorch's archives: stored and deflated entries, folders, links and permission bits.
 * No zip64 (these archives stay under 4 GB) and no encryption; both are refused by name.
 */
import {
  chmodSync,
  closeSync,
  createReadStream,
  createWriteStream,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflateRaw } from 'node:zlib';

const endSignature = 0x06054b50;
const centralSignature = 0x02014b50;
const localSignature = 0x04034b50;
const linkType = 0o120000;

/** @typedef {{ name: string, method: number, crc: number, packed: number, size: number, offset: number, mode: number }} Entry */

/**
 * Unpacks `archive` into the folder `target`, which must not hold anything of value yet.
 * @param {string} archive
 * @param {string} target
 */
export async function unzip(archive, target) {
  const descriptor = openSync(archive, 'r');
  try {
    const entries = readDirectory(descriptor, archive);
    const links = [];
    for (const entry of entries) {
      const file = inside(target, entry.name);
      if (entry.name.endsWith('/')) {
        mkdirSync(file, { recursive: true });
        continue;
      }
      mkdirSync(path.dirname(file), { recursive: true });
      if ((entry.mode & 0o170000) === linkType) {
        links.push({ entry, file });
        continue;
      }
      await pipeline(
        await entryStream(descriptor, archive, entry),
        checkedBy(entry),
        createWriteStream(file, { mode: 0o644 }),
      );
      if ((entry.mode & 0o111) !== 0) chmodSync(file, 0o755);
    }
    // Links last: no entry can be written through one of them.
    for (const { entry, file } of links) {
      const pieces = [];
      for await (const piece of await entryStream(descriptor, archive, entry)) pieces.push(piece);
      const destination = Buffer.concat(pieces).toString('utf8');
      inside(target, path.relative(target, path.resolve(path.dirname(file), destination)));
      symlinkSync(destination, file);
    }
  } finally {
    closeSync(descriptor);
  }
}

/** `target/name`, refused when it would lie outside `target`. */
function inside(target, name) {
  const file = path.resolve(target, name);
  if (path.isAbsolute(name) || (file !== path.resolve(target) && !file.startsWith(path.resolve(target) + path.sep))) {
    throw new Error(`the archive holds "${name}", which would be written outside its folder`);
  }
  return file;
}

function readAt(descriptor, offset, length) {
  const buffer = Buffer.alloc(length);
  const count = readSync(descriptor, buffer, 0, length, offset);
  if (count < length) throw new Error('the archive is cut short');
  return buffer;
}

/** @returns {Entry[]} */
function readDirectory(descriptor, archive) {
  const { size } = fstatSync(descriptor);
  const tailLength = Math.min(size, 22 + 0xffff);
  const tail = readAt(descriptor, size - tailLength, tailLength);
  let end = tail.length - 22;
  while (end >= 0 && tail.readUInt32LE(end) !== endSignature) end -= 1;
  if (end < 0) throw new Error(`${archive} is no zip archive, or its end is missing`);
  const count = tail.readUInt16LE(end + 10);
  const length = tail.readUInt32LE(end + 12);
  const offset = tail.readUInt32LE(end + 16);
  if (count === 0xffff || offset === 0xffffffff)
    throw new Error(
      `${archive} is a zip64 archive, which this reader does not know; unpack it by hand and set LIBTORCH`,
    );

  const directory = readAt(descriptor, offset, length);
  const entries = [];
  let at = 0;
  for (let index = 0; index < count; index += 1) {
    if (directory.readUInt32LE(at) !== centralSignature)
      throw new Error(`${archive}: entry ${index} of the directory is damaged`);
    const flags = directory.readUInt16LE(at + 8);
    const nameLength = directory.readUInt16LE(at + 28);
    const name = directory.toString('utf8', at + 46, at + 46 + nameLength);
    if (flags & 1) throw new Error(`${archive}: "${name}" is encrypted`);
    entries.push({
      name,
      method: directory.readUInt16LE(at + 10),
      crc: directory.readUInt32LE(at + 16),
      packed: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      offset: directory.readUInt32LE(at + 42),
      mode: directory.readUInt32LE(at + 38) >>> 16,
    });
    at += 46 + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries;
}

/** The unpacked bytes of one entry. @param {Entry} entry */
async function entryStream(descriptor, archive, entry) {
  const header = readAt(descriptor, entry.offset, 30);
  if (header.readUInt32LE(0) !== localSignature)
    throw new Error(`${archive}: the header of "${entry.name}" is damaged`);
  const start = entry.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  if (entry.packed === 0) return (async function* () {})();
  const raw = createReadStream(archive, { start, end: start + entry.packed - 1 });
  if (entry.method === 0) return raw;
  if (entry.method !== 8)
    throw new Error(
      `${archive}: "${entry.name}" is packed with method ${entry.method}; only stored and deflated are known`,
    );
  const inflate = createInflateRaw();
  raw.on('error', (error) => inflate.destroy(error));
  return raw.pipe(inflate);
}

/** Passes the bytes on and compares size and CRC-32 at the end. @param {Entry} entry */
function checkedBy(entry) {
  return async function* check(source) {
    let crc = 0;
    let size = 0;
    for await (const chunk of source) {
      crc = crc32(chunk, crc);
      size += chunk.length;
      yield chunk;
    }
    if (size !== entry.size || crc >>> 0 !== entry.crc)
      throw new Error(`"${entry.name}" in the archive is damaged (size or CRC-32 differs)`);
  };
}
