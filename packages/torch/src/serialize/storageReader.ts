import { crc32 } from '../checksum.js';
import { elementSizes, empty } from '../creation.js';
import { Device, type DeviceLike, type DeviceName, devices } from '../device.js';
import type { DType } from '../dtype.js';
import { fillFromBytes, storageBytes } from '../storage.js';
import type { Tensor } from '../tensor.js';
import type { FileSource, TensorSource } from './byteSource.js';
import { SerializeError } from './errors.js';
import type { MappedFile } from './mappedFile.js';
import { PickledObject } from './pythonValues.js';
import { Storage, StorageType } from './torchGlobals.js';

/** Says where tensors go: a device for all, a device for each the file names, or a function from one to the other. */
export type MapLocation = DeviceLike | Readonly<Record<string, DeviceLike>> | ((location: string) => Device | string);

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

interface PendingStorage {
  storage: Storage;
  byteLength: number;
  device: DeviceName;
  place: StoragePlace | null;
  /** Whether the bytes are the file's own, and need no reading. */
  isMapped: boolean;
}

/** A storage less than this is read at once: a turn through another thread would cost more. */
const smallStorage = 64 << 10;
/** Readings under way at one time. */
const mostReadings = 4;
const longestKey = 1024;

/**
 * The storages a file's pickle refers to. Their memory is taken while the pickle is read; their bytes are read
 * afterwards straight into that memory, so that there is no second copy of them.
 */
export class StorageReader {
  private readonly pending = new Map<string, PendingStorage>();
  /** The storages of each key and dtype, and legacy views. */
  private readonly made = new Map<string, Storage>();
  private readonly checks: (() => void)[] = [];
  private bytesTaken = 0;

  constructor(
    private readonly options: {
      mapLocation?: MapLocation | undefined;
      /** Bytes there are to read at most; a file that asks for more is corrupt. */
      limit: number;
      /** Whether numbers in the file have their most significant byte first. */
      isBigEndian: boolean;
      path: string | undefined;
      /** Take CPU storages from here instead of reading them. */
      mapping?: MappedFile | undefined;
    },
  ) {}

  /** The storage of a key, made when first asked for. `place` is asked once, with the key as text. */
  storage(
    id: unknown,
    type: unknown,
    location: unknown,
    length: unknown,
    place: (key: string) => StoragePlace | null,
  ): Storage {
    const key = this.keyOf(id);
    if (!(type instanceof StorageType)) throw this.unknownKind(key, type);
    if (
      typeof location !== 'string' ||
      location.length > longestKey ||
      typeof length !== 'number' ||
      !Number.isSafeInteger(length) ||
      length < 0
    ) {
      throw this.corrupt(`storage ${key} has no length or location`);
    }
    const { dtype } = type;
    const name = `${key}\n${dtype}`;
    const known = this.made.get(name);
    if (known !== undefined) return known;
    const byteLength = length * elementSizes[dtype];
    const entry = this.pending.get(key) ?? this.take(key, dtype, byteLength, location, place(key));
    if (entry.byteLength !== byteLength) {
      throw this.corrupt(`storage ${key} has ${entry.byteLength} bytes in one place and ${byteLength} in another`);
    }
    const storage = new Storage(entry.storage.owner, dtype, length);
    this.made.set(name, storage);
    return storage;
  }

  /** A part of a storage under a key of its own, as the legacy format writes views. */
  view(root: Storage, id: unknown, offset: unknown, length: unknown): Storage {
    const key = this.keyOf(id);
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

  /** Has `check` run when all storages are filled; it throws when what they hold cannot be. */
  defer(check: () => void): void {
    this.checks.push(check);
  }

  /** A storage's key as text. Nothing else is made to text, for a hostile value could grow without end by that. */
  keyOf(id: unknown): string {
    if (typeof id === 'number') return String(id);
    if (typeof id !== 'string' || id.length > longestKey) throw this.corrupt('the key of a storage is no text');
    return id;
  }

  /** Reads the bytes of all storages, and checks what could not be checked without them. */
  fill(source: TensorSource): void {
    for (const [key, entry] of this.pending) {
      const owner = this.prepare(key, entry);
      if (owner === null) continue;
      const { position, crc } = entry.place as StoragePlace;
      this.complete(entry, owner, source.fill(owner, position, entry.byteLength, crc !== null));
    }
    for (const check of this.checks) check();
  }

  /** {@link fill} without blocking the event loop, several storages at a time. */
  async fillLater(source: FileSource): Promise<void> {
    const running = new Set<Promise<void>>();
    try {
      for (const [key, entry] of this.pending) {
        const owner = this.prepare(key, entry);
        if (owner === null) continue;
        const { position } = entry.place as StoragePlace;
        if (entry.byteLength < smallStorage) {
          this.complete(entry, owner, source.fill(owner, position, entry.byteLength));
          continue;
        }
        const reading: Promise<void> = source
          .fillLater(owner, position, entry.byteLength)
          .then((crc) => this.complete(entry, owner, crc))
          .finally(() => running.delete(reading));
        running.add(reading);
        if (running.size === mostReadings) await Promise.race(running);
      }
      await Promise.all(running);
    } catch (error) {
      await Promise.allSettled(running); // nothing may still read when the file is closed
      throw error;
    }
    for (const check of this.checks) check();
  }

  /** The CPU tensor to read a storage into; null when its bytes are there already. */
  private prepare(key: string, entry: PendingStorage): Tensor | null {
    const { storage, device, place, byteLength, isMapped } = entry;
    if (place === null) throw this.corrupt(`the bytes of storage ${key} are missing`);
    if (byteLength === 0) return null;
    if (isMapped) {
      if (place.crc !== null || this.options.isBigEndian) {
        this.complete(entry, storage.owner, place.crc === null ? 0 : crc32(storageBytes(storage.owner)));
      }
      return null;
    }
    const owner = device === 'cpu' ? storage.owner : empty([byteLength], { dtype: 'uint8' });
    if (place.unpacked === undefined) return owner;
    fillFromBytes(owner, place.unpacked());
    this.complete(entry, owner, place.crc ?? 0); // unpacking has verified it
    return null;
  }

  private complete({ storage, place }: PendingStorage, owner: Tensor, crc: number): void {
    if (place !== null && place.crc !== null && crc !== place.crc && place.damaged !== undefined) throw place.damaged();
    if (this.options.isBigEndian) swapBytes(storageBytes(owner), storage.dtype);
    if (owner === storage.owner) return;
    storage.owner.copy_(owner);
    owner.dispose();
  }

  private unknownKind(key: string, type: unknown): SerializeError {
    if (!(type instanceof PickledObject) || type.kind !== 'global')
      return this.corrupt(`storage ${key} has no element type`);
    const { path } = this.options;
    return new SerializeError(
      'FILE_UNSUPPORTED',
      `${path === undefined ? '' : `${path}: `}storage ${key} is a ${`${type.module}.${type.name}`.slice(0, 200)}, which this engine has no elements for. Convert the tensors in Python, for example with dequantize().`,
      { path },
    );
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
    const isMappable = device === 'cpu' && byteLength > 0 && place !== null && place.unpacked === undefined;
    const mapped = isMappable ? (this.options.mapping?.slice(place.position, byteLength, dtype) ?? null) : null;
    const owner = mapped ?? empty([byteLength], { dtype: 'uint8', device });
    const storage = new Storage(owner, dtype, byteLength / elementSizes[dtype]);
    const entry = { storage, byteLength, device, place, isMapped: mapped !== null };
    this.pending.set(key, entry);
    return entry;
  }

  private deviceOf(location: string): DeviceName {
    const { mapLocation, path } = this.options;
    const device = placeOf(location, mapLocation);
    const present = devices();
    if (device === 'cpu' || present.some((name) => name === device || name === `${device}:0`))
      return device as DeviceName;
    const asked = device === location ? `a tensor is on the device ${location}` : `mapLocation asks for ${device}`;
    throw new SerializeError(
      'DEVICE_UNAVAILABLE',
      `${path === undefined ? '' : `${path}: `}${asked}, and there are: ${present.join(', ')}. Load with { mapLocation: 'cpu' }.`,
      { path },
    );
  }
}

/** Where tensors go that were on `location` when they were saved. */
function placeOf(location: string, mapLocation: MapLocation | undefined): string {
  if (mapLocation === undefined) return location;
  if (typeof mapLocation === 'string' || mapLocation instanceof Device) return String(mapLocation);
  if (typeof mapLocation === 'function') return String(mapLocation(location));
  return Object.hasOwn(mapLocation, location) ? String(mapLocation[location]) : location;
}

function swapBytes(bytes: Uint8Array, dtype: DType): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isComplex = dtype === 'complex64' || dtype === 'complex128';
  const width = elementSizes[dtype] / (isComplex ? 2 : 1);
  if (width === 2) buffer.swap16();
  else if (width === 4) buffer.swap32();
  else if (width === 8) buffer.swap64();
}
