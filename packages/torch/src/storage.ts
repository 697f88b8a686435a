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
