import { readFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { DeviceLike } from '../device.js';
import { TorchError } from '../errors.js';
import { native, type ScriptHandle } from '../native.js';
import { writeFileAtomic, writeFileAtomicSync } from '../serialize/atomicWrite.js';
import { BufferSource, type ByteSource, FileSource, readFailed, readRange } from '../serialize/byteSource.js';
import { SerializeError } from '../serialize/errors.js';
import { type ZipEntry, ZipReader } from '../serialize/zipReader.js';
import { ScriptModule } from './scriptModule.js';
import type { ScriptValue } from './scriptValues.js';

export interface ScriptSaveOptions {
  /** Further content by name: text or bytes that travel in the file. */
  extraFiles?: Readonly<Record<string, string | Uint8Array>> | ReadonlyMap<string, string | Uint8Array>;
}

export interface ScriptLoadOptions {
  /** Where parameters and buffers go; default: where they were saved from. */
  mapLocation?: DeviceLike;
  /** Receives the further content of the file, all of it, by name. */
  extraFiles?: Map<string, Uint8Array>;
  /** Whether every record must have the checksum the file gives for it; default true. */
  verifyChecksums?: boolean;
}

/** A module's TorchScript file as bytes. */
export function saveToBytes(module: ScriptModule<never[], unknown>, options: ScriptSaveOptions = {}): Uint8Array {
  const extra = options.extraFiles ?? {};
  const entries: [string, string | Uint8Array][] = extra instanceof Map ? [...extra] : Object.entries(extra);
  return new Uint8Array(
    native.scriptSave(
      module.script,
      entries.map(([name, content]) => [name, typeof content === 'string' ? Buffer.from(content) : content]),
    ),
  );
}

/**
 * Saves a module to a TorchScript file that Python's `torch.jit.load` and C++ read. The path holds the old file until
 * the new one is complete and on the disk.
 *
 * @throws SerializeError `DISK_FULL`, `WRITE_FAILED`
 */
export async function save(
  module: ScriptModule<never[], unknown>,
  path: string,
  options: ScriptSaveOptions = {},
): Promise<void> {
  await writeFileAtomic(path, [saveToBytes(module, options)]);
}

/** {@link save}, returning when the file is on the disk. */
export function saveSync(module: ScriptModule<never[], unknown>, path: string, options: ScriptSaveOptions = {}): void {
  writeFileAtomicSync(path, [saveToBytes(module, options)]);
}

/**
 * Loads a TorchScript file, traced or scripted, of Python's or of ours. The type arguments say what its `forward` takes
 * and gives.
 *
 * A TorchScript file is a program. Checksums tell a damaged file, but no check tells a harmful one: load only what you
 * trust.
 *
 * @throws SerializeError `READ_FAILED`, `FILE_UNRECOGNIZED`, `FILE_UNSUPPORTED`, `ZIP_CORRUPT`, `RECORD_MISSING`;
 *   TorchError `DEVICE_UNAVAILABLE`
 */
export async function load<Inputs extends unknown[] = ScriptValue[], Output = unknown>(
  file: string | Uint8Array,
  options: ScriptLoadOptions = {},
): Promise<ScriptModule<Inputs, Output>> {
  if (typeof file !== 'string') return loadSync(file, options);
  const bytes = await readFile(file).catch((cause) => {
    throw readFailed(file, cause);
  });
  return loadFrom(new BufferSource(bytes), bytes, file, options);
}

/** {@link load}, without yielding. */
export function loadSync<Inputs extends unknown[] = ScriptValue[], Output = unknown>(
  file: string | Uint8Array,
  options: ScriptLoadOptions = {},
): ScriptModule<Inputs, Output> {
  if (typeof file !== 'string') return loadFrom(new BufferSource(file), file, undefined, options);
  const source = new FileSource(file);
  try {
    return loadFrom(source, file, file, options);
  } finally {
    source.close();
  }
}

function loadFrom<Inputs extends unknown[], Output>(
  source: ByteSource,
  file: string | Uint8Array,
  path: string | undefined,
  options: ScriptLoadOptions,
): ScriptModule<Inputs, Output> {
  const what = path ?? 'the data';
  const archive = openArchive(source, what, path, options.verifyChecksums ?? true);
  let script: ScriptHandle;
  try {
    script = native.scriptLoad(file, options.mapLocation === undefined ? null : String(options.mapLocation));
  } catch (cause) {
    if (cause instanceof TorchError && cause.code === 'DEVICE_UNAVAILABLE') throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SerializeError(
      'FILE_UNSUPPORTED',
      `${what} is a TorchScript file that this libtorch cannot load: ${reason}`,
      {
        path,
        cause,
      },
    );
  }
  for (const name of archive.entries.keys()) {
    const found = /^[^/]+\/extra\/(.+)$/.exec(name);
    if (found !== null) options.extraFiles?.set(found[1]!, archive.read(name));
  }
  return new ScriptModule<Inputs, Output>(script);
}

/** Says what kind of file it is and whether it is whole, before the engine reads it. */
function openArchive(source: ByteSource, what: string, path: string | undefined, verify: boolean): ZipReader {
  const head = readRange(source, 0, Math.min(source.size, 8));
  if (head[0] !== 0x50 || head[1] !== 0x4b) {
    const isMobile = Buffer.from(head.subarray(4)).toString('latin1') === 'PTMF';
    throw new SerializeError(
      isMobile ? 'FILE_UNSUPPORTED' : 'FILE_UNRECOGNIZED',
      isMobile
        ? `${what} is a program for the mobile interpreter. Save it with torch.jit.save instead.`
        : `${what} ${source.size === 0 ? 'is empty' : 'is no zip archive'}; TorchScript files are`,
      { path },
    );
  }
  const archive = new ZipReader(source, { verifyChecksums: verify });
  const names = [...archive.entries.keys()];
  if (!names.some((name) => /^[^/]+\/constants\.pkl$/.test(name))) {
    const isData = names.some((name) => /^([^/]+\/)?data\.pkl$/.test(name));
    throw new SerializeError(
      isData ? 'FILE_UNSUPPORTED' : 'FILE_UNRECOGNIZED',
      isData
        ? `${what} was written by torch.save: it holds data, and no program. Read it with load of @lightning-ts/torch/serialize; a whole Python module becomes a program by torch.jit.trace or torch.jit.script in Python.`
        : `${what} is a zip archive without a TorchScript program`,
      { path },
    );
  }
  if (verify) for (const entry of archive.entries.values()) verifyRecord(archive, source, entry, what);
  return archive;
}

const pieceSize = 8 << 20;

/** In pieces, because a record may be as large as the largest parameter. */
function verifyRecord(archive: ZipReader, source: ByteSource, entry: ZipEntry, what: string): void {
  if (entry.isDeflated) {
    archive.read(entry.name);
    return;
  }
  const start = archive.locate(entry);
  let crc = 0;
  for (let done = 0; done < entry.size; done += pieceSize)
    crc = crc32(readRange(source, start + done, Math.min(pieceSize, entry.size - done)), crc);
  if (crc === entry.crc) return;
  throw new SerializeError(
    'ZIP_CORRUPT',
    `${what}: ${entry.name} is damaged: its checksum is ${crc}, not ${entry.crc}`,
    {
      path: source.path,
      offset: entry.offset,
    },
  );
}
