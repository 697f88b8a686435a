import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize, sep } from 'node:path';
import { finished } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { corrupt } from './idxFile.js';

const block = 512;

/**
 * Unpacks the files of a tar archive into a folder, from a stream, so that an archive of any size takes little memory. Packed by gzip where the
 * name ends in `gz`. Links and devices are left out; a name that leads out of the folder is refused.
 *
 * @throws VisionError `DATASET_CORRUPT` when it is cut, damaged or no archive.
 */
export async function extractTar(path: string, folder: string): Promise<void> {
  const file = createReadStream(path);
  const source = path.endsWith('gz') ? file.pipe(createGunzip()) : file;
  // A pipe does not pass on errors of what it reads.
  if (source !== file) file.on('error', (error) => source.destroy(error));
  const bytes = new ByteReader(source);
  try {
    let longName: string | null = null;
    for (;;) {
      const header = await bytes.take(block);
      if (header === null || header.every((byte) => byte === 0)) return;
      checkHeader(path, header);
      const size = Number.parseInt(text(header, 124, 136).trim() || '0', 8);
      const type = String.fromCharCode(header[156]!);
      const prefix = text(header, 257, 262) === 'ustar' ? text(header, 345, 500) : '';
      const name: string = longName ?? (prefix === '' ? text(header, 0, 100) : `${prefix}/${text(header, 0, 100)}`);
      longName = null;
      if (type === 'L') longName = text((await need(path, bytes, size))!, 0, size);
      else if (type === '0' || type === '\0') await writeEntry(path, bytes, folder, name, size);
      else await skip(path, bytes, size);
      await skip(path, bytes, (block - (size % block)) % block);
    }
  } catch (error) {
    if ((error as { code?: string }).code === 'DATASET_CORRUPT') throw error;
    throw corrupt(path, `it cannot be unpacked (${(error as Error).message})`, error);
  } finally {
    file.destroy();
  }
}

/** Takes exact counts of bytes from a stream of chunks. */
class ByteReader {
  private readonly chunks: AsyncIterator<Buffer>;
  private rest: Buffer = Buffer.alloc(0);

  constructor(stream: AsyncIterable<Buffer>) {
    this.chunks = stream[Symbol.asyncIterator]();
  }

  /** Up to `most` bytes; null at the end. */
  async some(most: number): Promise<Buffer | null> {
    if (this.rest.length === 0) {
      const { done, value } = await this.chunks.next();
      if (done) return null;
      this.rest = value;
    }
    const part = this.rest.subarray(0, most);
    this.rest = this.rest.subarray(part.length);
    return part;
  }

  /** Exactly `count` bytes; null when there are fewer. */
  async take(count: number): Promise<Buffer | null> {
    const parts: Buffer[] = [];
    for (let missing = count; missing > 0; ) {
      const part = await this.some(missing);
      if (part === null) return null;
      parts.push(part);
      missing -= part.length;
    }
    return Buffer.concat(parts);
  }
}

async function need(path: string, bytes: ByteReader, count: number): Promise<Buffer> {
  const taken = await bytes.take(count);
  if (taken === null) throw corrupt(path, 'it is cut');
  return taken;
}

async function skip(path: string, bytes: ByteReader, count: number): Promise<void> {
  for (let missing = count; missing > 0; ) {
    const part = await bytes.some(missing);
    if (part === null) throw corrupt(path, 'it is cut');
    missing -= part.length;
  }
}

async function writeEntry(path: string, bytes: ByteReader, folder: string, name: string, size: number): Promise<void> {
  const inside = normalize(name);
  if (isAbsolute(inside) || inside === '..' || inside.startsWith(`..${sep}`)) {
    throw corrupt(path, `its entry '${name}' leads out of the folder`);
  }
  const target = join(folder, inside);
  await mkdir(dirname(target), { recursive: true });
  const out = createWriteStream(target);
  try {
    for (let missing = size; missing > 0; ) {
      const part = await bytes.some(missing);
      if (part === null) throw corrupt(path, `it is cut inside '${name}'`);
      missing -= part.length;
      if (!out.write(part)) await once(out, 'drain');
    }
    out.end();
    await finished(out);
  } catch (error) {
    out.destroy();
    throw error;
  }
}

function checkHeader(path: string, header: Buffer): void {
  const announced = Number.parseInt(text(header, 148, 156).trim(), 8);
  // The checksum counts its own field as spaces.
  let sum = 8 * 32;
  header.forEach((byte, i) => {
    if (i < 148 || i >= 156) sum += byte;
  });
  if (sum !== announced) throw corrupt(path, 'it is no tar archive, or damaged');
}

const text = (bytes: Buffer, from: number, to: number): string => {
  const field = bytes.subarray(from, to);
  const end = field.indexOf(0);
  return field.subarray(0, end < 0 ? field.length : end).toString('utf8');
};
