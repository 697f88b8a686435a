import { writeFileAtomic, writeFileAtomicSync } from './atomicWrite.js';
import { BufferSource, type ByteSource, FileSource, readRange, type TensorSource } from './byteSource.js';
import { SerializeError } from './errors.js';
import { isLegacyFile, planLegacyFile } from './legacyFile.js';
import { MappedFile } from './mappedFile.js';
import { looksLikeSafetensors } from './safetensorsHeader.js';
import { serializeParts } from './serializeTensors.js';
import { type MapLocation, type StoragePlace, StorageReader } from './storageReader.js';
import { loadGlobals } from './torchGlobals.js';
import { unpickle } from './unpickle.js';
import { describeSource, ZipReader, zipCorrupt } from './zipReader.js';

export interface DeserializeOptions {
  /** Puts tensors on other devices than those they were saved from; default: where they were. */
  mapLocation?: MapLocation;
  /** Whether every record must have the checksum the file gives for it; default true, false with `mmap`. */
  verifyChecksums?: boolean;
  /**
   * Bytes that compressed records may unpack to in all; default 256 MiB, or 20 × the file where that is more. torch's
   * save never compresses, so a file that needs more was packed by hand or to do harm.
   */
  maxUnpackedBytes?: number;
}

export interface LoadOptions extends DeserializeOptions {
  /**
   * Makes CPU tensors views of the file, whose pages are read when they are used; default false. What is written to such
   * a tensor stays in this process. The file may be deleted or replaced by a rename meanwhile; one that is made shorter
   * in place ends the process when a missing page is used, so copy what you keep (`clone()`) from files you do not own.
   * Checksums are not verified unless asked, for that would read all of the file.
   */
  mmap?: boolean;
}

/** What is known of a file once its structure was read: the value, and what is to be read into its tensors. */
export interface LoadPlan {
  value: unknown;
  storages: StorageReader;
}

/**
 * Saves nested data with tensors to a file that Python's `torch.load` reads. The path holds the old file until the new
 * one is complete and on the disk; on any error the old one stays. Do not change the tensors before the promise settles.
 *
 * @throws SerializeError `VALUE_UNSUPPORTED`, `VALUE_CYCLE`, `DISK_FULL`, `WRITE_FAILED`
 */
export async function save(value: unknown, path: string): Promise<void> {
  await writeFileAtomic(path, serializeParts(value));
}

/** {@link save}, returning when the file is on the disk. */
export function saveSync(value: unknown, path: string): void {
  writeFileAtomicSync(path, serializeParts(value));
}

/**
 * Reads a file written by {@link save} or by Python's `torch.save`, of today's format or the one before PyTorch 1.6.
 * Nothing in the file is run: what is no plain data or tensor comes as an inert PickledObject.
 *
 * @throws SerializeError `READ_FAILED`, `FILE_UNRECOGNIZED`, `FILE_UNSUPPORTED`, `DEVICE_UNAVAILABLE`, and `ZIP_CORRUPT`,
 *   `PICKLE_CORRUPT`, `TENSOR_CORRUPT`, `RECORD_MISSING` for damaged files.
 */
export async function load(path: string, options: LoadOptions = {}): Promise<unknown> {
  const source = new FileSource(path);
  try {
    const { value, storages } = planFile(source, options);
    await storages.fillLater(source);
    return value;
  } finally {
    source.close();
  }
}

/** {@link load}, without yielding. */
export function loadSync(path: string, options: LoadOptions = {}): unknown {
  const source = new FileSource(path);
  try {
    return loadFrom(source, options);
  } finally {
    source.close();
  }
}

/** {@link load} from bytes in memory. */
export function deserialize(bytes: Uint8Array, options: DeserializeOptions = {}): unknown {
  return loadFrom(new BufferSource(bytes), options);
}

function loadFrom(source: TensorSource, options: LoadOptions): unknown {
  const { value, storages } = planFile(source, options);
  storages.fill(source);
  return value;
}

function planFile(source: ByteSource, options: LoadOptions): LoadPlan {
  const head = readRange(source, 0, Math.min(source.size, 264));
  if (head[0] === 0x50 && head[1] === 0x4b) return planZipFile(source, options);
  if (isLegacyFile(head)) {
    if (options.mmap) throw notMappable(source, 'has the format before PyTorch 1.6');
    return planLegacyFile(source, options);
  }
  const isTar = Buffer.from(head.subarray(257, 262)).toString('latin1') === 'ustar';
  if (isTar) {
    throw new SerializeError(
      'FILE_UNSUPPORTED',
      `${describeSource(source)} is a tar archive of PyTorch 0.1. Load it in Python and save it again.`,
      { path: source.path },
    );
  }
  if (looksLikeSafetensors(head)) {
    throw new SerializeError(
      'FILE_UNRECOGNIZED',
      `${describeSource(source)} is a safetensors file; read it with loadSafetensors`,
      { path: source.path },
    );
  }
  const what = source.size === 0 ? 'is empty' : 'is neither a zip archive nor a pickle';
  throw new SerializeError(
    'FILE_UNRECOGNIZED',
    `${describeSource(source)} ${what}; torch's save writes files that are`,
    {
      path: source.path,
    },
  );
}

function planZipFile(source: ByteSource, options: LoadOptions): LoadPlan {
  const verify = options.verifyChecksums ?? options.mmap !== true;
  const archive = new ZipReader(source, { verifyChecksums: verify, maxUnpackedBytes: options.maxUnpackedBytes });
  const folder = topFolderOf(archive, source);
  if (archive.entries.has(`${folder}constants.pkl`)) {
    throw new SerializeError(
      'FILE_UNSUPPORTED',
      `${describeSource(source)} is a TorchScript program, not a file of data. It has no values to load.`,
      { path: source.path },
    );
  }
  const mapping = options.mmap && source instanceof FileSource ? new MappedFile(source) : undefined;
  const storages = new StorageReader({
    mapLocation: options.mapLocation,
    mapping,
    limit: [...archive.entries.values()].reduce((sum, entry) => sum + entry.size, 0),
    isBigEndian: isBigEndian(archive, folder),
    path: source.path,
  });
  const placeOf = (key: string): StoragePlace => {
    const name = `${folder}data/${key}`;
    const entry = archive.entry(name);
    if (mapping !== undefined && entry.isDeflated) throw notMappable(source, `has the compressed record ${name}`);
    return {
      position: entry.isDeflated ? 0 : archive.locate(entry),
      byteLength: entry.size,
      crc: verify ? entry.crc : null,
      ...(entry.isDeflated ? { unpacked: () => archive.read(name) } : {}),
      damaged: () => zipCorrupt(source, `${name} is damaged: its checksum is wrong`, entry.offset),
    };
  };
  try {
    const { value } = unpickle(archive.read(`${folder}data.pkl`), {
      globals: loadGlobals,
      defer: (check) => storages.defer(check),
      persistentLoad: (id, context) => {
        const [kind, type, key, location, length] = Array.isArray(id) ? (id as unknown[]) : [];
        if (kind !== 'storage') throw context.corrupt('a persistent id is no storage');
        return storages.storage(key, type, location, length, placeOf);
      },
    });
    return { value, storages };
  } finally {
    mapping?.close(); // the tensors hold it from now on
  }
}

function notMappable(source: ByteSource, what: string): SerializeError {
  return new SerializeError(
    'FILE_UNSUPPORTED',
    `${describeSource(source)} ${what}, which cannot be mapped into memory. Load it without mmap, or load it once and save it again.`,
    { path: source.path },
  );
}

/** The folder all records are in, with its slash; torch names it after the file. */
function topFolderOf(archive: ZipReader, source: ByteSource): string {
  for (const name of archive.entries.keys()) {
    const match = /^([^/]+\/)?data\.pkl$/.exec(name);
    if (match !== null) return match[1] ?? '';
  }
  throw new SerializeError(
    'FILE_UNRECOGNIZED',
    `${describeSource(source)} is a zip archive without data.pkl, so torch's save did not write it`,
    { path: source.path },
  );
}

function isBigEndian(archive: ZipReader, folder: string): boolean {
  const name = `${folder}byteorder`;
  return archive.entries.has(name) && Buffer.from(archive.read(name)).toString('latin1').trim() === 'big';
}
