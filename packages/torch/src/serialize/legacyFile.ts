import { elementSizes } from '../creation.js';
import { type ByteSource, readRange } from './byteSource.js';
import { SerializeError } from './errors.js';
import { StorageReader } from './storageReader.js';
import type { DeserializeOptions, LoadPlan } from './torchFile.js';
import { loadGlobals } from './torchGlobals.js';
import { unpickle } from './unpickle.js';
import { describeSource } from './zipReader.js';

const magicNumber = 0x1950a86a20f9469cfc6cn;
const protocolVersion = 1001;
const firstGuess = 1 << 20;

/** Whether a file begins like one of the format before PyTorch 1.6: a pickle of its magic number. */
export function isLegacyFile(head: Uint8Array): boolean {
  try {
    return unpickle(head).value === magicNumber;
  } catch {
    return false;
  }
}

/**
 * Reads the structure of a file of the format before PyTorch 1.6: pickles of a magic number, a version, the writer's
 * machine, the value and the storages' keys, then each storage as its length and its bytes.
 */
export function planLegacyFile(source: ByteSource, options: DeserializeOptions): LoadPlan {
  // Where the pickles end is known only when they were read, and what follows may be large.
  for (let length = Math.min(firstGuess, source.size); ; length = Math.min(4 * length, source.size)) {
    try {
      return planFrom(source, readRange(source, 0, length), options);
    } catch (error) {
      const mayBeCut = error instanceof SerializeError && error.code === 'PICKLE_CORRUPT' && length < source.size;
      if (!mayBeCut) throw error;
    }
  }
}

function planFrom(source: ByteSource, bytes: Uint8Array, options: DeserializeOptions): LoadPlan {
  let start = unpickle(bytes).end;
  const next = (): unknown => {
    const result = unpickle(bytes, { start });
    start = result.end;
    return result.value;
  };
  const version = next();
  if (version !== protocolVersion) {
    throw new SerializeError(
      'FILE_UNSUPPORTED',
      `${describeSource(source)} has ${typeof version === 'number' ? `the format version ${version}` : 'no format version'}; ${protocolVersion} is known`,
      {
        path: source.path,
      },
    );
  }
  const machine = next() as { little_endian?: unknown } | null;
  const storages = new StorageReader({
    mapLocation: options.mapLocation,
    limit: source.size,
    isBigEndian: machine?.little_endian === false,
    path: source.path,
  });
  const { value, end } = unpickle(bytes, {
    start,
    globals: loadGlobals,
    defer: (check) => storages.defer(check),
    persistentLoad: (id, context) => {
      const parts = Array.isArray(id) ? (id as unknown[]) : [];
      if (parts[0] === 'module') return parts[1]; // a class with its source code, which is not needed
      if (parts[0] !== 'storage') throw context.corrupt('a persistent id is no storage');
      const [, type, key, location, length, view] = parts;
      const root = storages.storage(key, type, location, length, () => null);
      if (!Array.isArray(view)) return root;
      const [viewKey, offset, viewLength] = view as unknown[];
      return storages.view(root, viewKey, offset, viewLength);
    },
  });
  start = end;
  const keys = next();
  if (!Array.isArray(keys)) throw storages.corrupt('the list of storages is missing');
  placeStorages(
    source,
    storages,
    keys.map((key) => storages.keyOf(key)),
    start,
  );
  return { value, storages };
}

/** Each storage is its length in elements, 8 bytes, and its elements. */
function placeStorages(source: ByteSource, storages: StorageReader, keys: string[], start: number): void {
  let position = start;
  for (const key of keys) {
    const length = storages.lengthOf(key);
    const dtype = storages.dtypeOf(key);
    if (length === undefined || dtype === undefined) throw storages.corrupt(`nothing refers to storage ${key}`);
    const byteLength = length * elementSizes[dtype];
    if (position + 8 + byteLength > source.size)
      throw storages.corrupt(`the file is cut before the end of storage ${key}`);
    const header = readRange(source, position, 8);
    const stored = new DataView(header.buffer).getBigInt64(0, true);
    if (stored !== BigInt(length)) throw storages.corrupt(`storage ${key} has ${stored} elements, not ${length}`);
    storages.place(key, { position: position + 8, byteLength, crc: null });
    position += 8 + byteLength;
  }
}
