import { crc32 } from 'node:zlib';
import { elementSizes, empty, fromTypedArray } from '../creation.js';
import { devices } from '../device.js';
import type { DType } from '../dtype.js';
import { storageBytes } from '../storage.js';
import { SerializeError } from './errors.js';
import { Storage, StorageType } from './torchGlobals.js';

/** Says where tensors go: a device for all, a device for each the file names, or a function from one to the other. */
export type MapLocation = string | Readonly<Record<string, string>> | ((location: string) => string);

/** Where a storage's bytes lie in the file. */
export interface StoragePlace {
  position: number;
  /** How many there are. */
  byteLength: number;
  /** Checksum of the bytes; null where the format has none. */
  crc: number | null;
  /** The bytes themselves where they had to be unpacked. */
  unpacked?: () => Uint8Array;
  /** Called when the bytes were read and their checksum is another. */
  damaged?: () => Error;
}

/** A piece of memory to fill from the file. */
export interface ReadRequest {
  target: Uint8Array;
  position: number;
}

interface PendingStorage {
  storage: Storage;
  target: Uint8Array;
  device: string;
  place: StoragePlace | null;
}

const readSize = 8 << 20;

/**
 * The storages a file's pickle refers to. Their memory is taken while the pickle is read; their bytes are read
 * afterwards straight into that memory, in pieces, so that there is no second copy of them.
 */
export class StorageReader {
  private readonly pending = new Map<string, PendingStorage>();
  /** The storages of each key and dtype, and legacy views. */
  private readonly made = new Map<string, Storage>();
  private bytesTaken = 0;

  constructor(
    private readonly options: {
      mapLocation?: MapLocation | undefined;
      /** Bytes there are to read at most; a file that asks for more is corrupt. */
      limit: number;
      /** Whether numbers in the file have their most significant byte first. */
      isBigEndian: boolean;
      path: string | undefined;
    },
  ) {}

  /** The storage of a key, made when first asked for. `place` is asked once. */
  storage(key: string, type: unknown, location: unknown, length: unknown, place: () => StoragePlace | null): Storage {
    if (!(type instanceof StorageType)) {
      throw this.corrupt(`storage ${key} is of a kind that is not known here: ${String(type)}`);
    }
    if (typeof location !== 'string' || typeof length !== 'number' || !Number.isSafeInteger(length) || length < 0) {
      throw this.corrupt(`storage ${key} has no length or location`);
    }
    const { dtype } = type;
    const name = `${key}\n${dtype}`;
    const known = this.made.get(name);
    if (known !== undefined) return known;
    const byteLength = length * elementSizes[dtype];
    const entry = this.pending.get(key) ?? this.take(key, dtype, byteLength, location, place());
    if (entry.target.length !== byteLength) {
      throw this.corrupt(`storage ${key} has ${entry.target.length} bytes in one place and ${byteLength} in another`);
    }
    const storage = new Storage(entry.storage.owner, dtype, length);
    this.made.set(name, storage);
    return storage;
  }

  /** A part of a storage under a key of its own, as the legacy format writes views. */
  view(root: Storage, key: string, offset: unknown, length: unknown): Storage {
    const known = this.made.get(`${key}\nview`);
    if (known !== undefined) return known;
    const isCount = (n: unknown): n is number => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0;
    if (!isCount(offset) || !isCount(length) || offset + length > root.length) {
      throw this.corrupt(`the storage view ${key} does not fit its storage`);
    }
    const storage = new Storage(root.owner, root.dtype, length, root.byteOffset + offset * elementSizes[root.dtype]);
    this.made.set(`${key}\nview`, storage);
    return storage;
  }

  /** Tells where a storage's bytes are, when that comes after the pickle. */
  place(key: string, place: StoragePlace): void {
    const entry = this.pending.get(key);
    if (entry === undefined) throw this.corrupt(`the file holds a storage ${key} that nothing refers to`);
    entry.place = place;
  }

  lengthOf(key: string): number | undefined {
    return this.pending.get(key)?.storage.length;
  }

  dtypeOf(key: string): DType | undefined {
    return this.pending.get(key)?.storage.dtype;
  }

  /** Fills all storages: performs a read for each request before asking for the next. */
  *fill(): Generator<ReadRequest, void, void> {
    for (const [key, { storage, target, device, place }] of this.pending) {
      if (place === null) throw this.corrupt(`the bytes of storage ${key} are missing`);
      if (place.unpacked !== undefined) {
        target.set(place.unpacked());
      } else {
        let crc = 0;
        for (let start = 0; start < target.length; start += readSize) {
          const part = target.subarray(start, start + readSize);
          yield { target: part, position: place.position + start };
          if (place.crc !== null) crc = crc32(part, crc);
        }
        if (place.crc !== null && crc !== place.crc && place.damaged !== undefined) throw place.damaged();
      }
      if (this.options.isBigEndian) swapBytes(target, storage.dtype);
      if (device !== 'cpu' && target.length > 0) storage.owner.copy_(fromTypedArray(target));
    }
  }

  corrupt(message: string): SerializeError {
    const { path } = this.options;
    return new SerializeError('TENSOR_CORRUPT', path === undefined ? message : `${path}: ${message}`, { path });
  }

  private take(
    key: string,
    dtype: DType,
    byteLength: number,
    location: string,
    place: StoragePlace | null,
  ): PendingStorage {
    if (place !== null && place.byteLength !== byteLength) {
      throw this.corrupt(`storage ${key} takes ${byteLength} bytes and its record has ${place.byteLength}`);
    }
    this.bytesTaken += byteLength;
    if (this.bytesTaken > this.options.limit) {
      throw this.corrupt(`storage ${key} would take ${byteLength} bytes, more than the file has`);
    }
    const device = this.deviceOf(location);
    const owner = empty([byteLength], { dtype: 'uint8', device });
    // Views of nothing have no address to write to.
    const isDirect = device === 'cpu' && byteLength > 0;
    const target = isDirect ? storageBytes(owner) : new Uint8Array(byteLength);
    const storage = new Storage(owner, dtype, byteLength / elementSizes[dtype]);
    const entry = { storage, target, device, place };
    this.pending.set(key, entry);
    return entry;
  }

  private deviceOf(location: string): string {
    const { mapLocation, path } = this.options;
    let device = location;
    if (typeof mapLocation === 'string') device = mapLocation;
    else if (typeof mapLocation === 'function') device = mapLocation(location);
    else if (mapLocation !== undefined && Object.hasOwn(mapLocation, location))
      device = mapLocation[location] as string;
    const present = devices();
    if (device === 'cpu' || present.some((name) => name === device || name === `${device}:0`)) return device;
    const asked = device === location ? `a tensor is on the device ${location}` : `mapLocation asks for ${device}`;
    throw new SerializeError(
      'DEVICE_UNAVAILABLE',
      `${path === undefined ? '' : `${path}: `}${asked}, and there are: ${present.join(', ')}. Load with { mapLocation: 'cpu' }.`,
      { path },
    );
  }
}

function swapBytes(bytes: Uint8Array, dtype: DType): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isComplex = dtype === 'complex64' || dtype === 'complex128';
  const width = elementSizes[dtype] / (isComplex ? 2 : 1);
  if (width === 2) buffer.swap16();
  else if (width === 4) buffer.swap32();
  else if (width === 8) buffer.swap64();
}
