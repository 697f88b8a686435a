import type { DType } from './dtype.js';
import { native } from './native.js';
import { Tensor } from './tensor.js';

/**
 * The whole storage under a CPU tensor as bytes, without a copy: writing to it changes the tensor. The view keeps the
 * storage alive. A tensor on another device is copied to the CPU first.
 */
export function storageBytes(tensor: Tensor): Uint8Array {
  const source = tensor.device.type === 'cpu' ? tensor : tensor.cpu();
  return new Uint8Array(native.storageBytes(source.handle));
}

/** Length of the whole storage, in bytes. */
export const storageByteLength = (tensor: Tensor): number => native.storageByteLength(tensor.handle);

/** A tensor over a fresh storage that holds a copy of `bytes`. `stride` and `storageOffset` count elements. */
export function tensorFromStorage(
  bytes: Uint8Array,
  dtype: DType,
  shape: number[],
  stride: number[],
  storageOffset = 0,
): Tensor {
  const owner = new Tensor(native.fromBytes(bytes, 'uint8', [bytes.byteLength]));
  const view = asView(owner, dtype, shape, stride, storageOffset);
  owner.dispose();
  return view;
}

/** Another tensor over the storage of `owner`, with its own dtype, shape, strides and offset (in elements). */
export function asView(owner: Tensor, dtype: DType, shape: number[], stride: number[], storageOffset = 0): Tensor {
  return new Tensor(native.storageView(owner.handle, dtype, shape, stride, storageOffset));
}

/**
 * The bytes of an open file as a tensor uint8[length] over a private mapping: pages are read when they are touched, and
 * writing changes them for this process only. The mapping lasts as long as any tensor over it; the descriptor may be
 * closed at once. Mapped bytes are the page cache's and not counted in `memory.stats()`.
 */
export const mapFile = (descriptor: number, length: number): Tensor => new Tensor(native.mapFile(descriptor, length));

/** `length` bytes (at least 1) of a CPU storage from byte `offset` on, as a storage of its own over the same memory. */
export const storageSlice = (owner: Tensor, offset: number, length: number): Tensor =>
  new Tensor(native.storageSlice(owner.handle, offset, length));

/** Bytes of a CPU tensor's storage: `length` of them from byte `start` on. */
export class StoragePart {
  constructor(
    readonly owner: Tensor,
    readonly start: number,
    readonly length: number,
  ) {}

  /** A view without a copy. */
  bytes(): Uint8Array {
    return storageBytes(this.owner).subarray(this.start, this.start + this.length);
  }

  // The four below go between memory and an open file, and give the CRC-32 of the bytes. `Later` means on a thread of the
  // pool, during which the descriptor must stay open.

  readFrom(descriptor: number, position: number): number {
    return native.readPart(this.owner.handle, this.start, this.length, descriptor, position);
  }
  readFromLater(descriptor: number, position: number): Promise<number> {
    return native.readPartLater(this.owner.handle, this.start, this.length, descriptor, position);
  }
  writeTo(descriptor: number, position: number): number {
    return native.writePart(this.owner.handle, this.start, this.length, descriptor, position);
  }
  writeToLater(descriptor: number, position: number): Promise<number> {
    return native.writePartLater(this.owner.handle, this.start, this.length, descriptor, position);
  }
}

/** Overwrites the elements of a contiguous CPU tensor. */
export const fillFromBytes = (tensor: Tensor, bytes: Uint8Array): void => native.copyFromBytes(tensor.handle, bytes);
