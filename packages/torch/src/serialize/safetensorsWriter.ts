import { isTensor } from '../dispatch.js';
import { StoragePart, storageByteLength } from '../storage.js';
import type { Tensor } from '../tensor.js';
import { writeFileAtomic, writeFileAtomicSync } from './atomicWrite.js';
import { SerializeError } from './errors.js';
import { bytesOf, type FileParts } from './fileParts.js';
import { safetensorsTypes } from './safetensorsHeader.js';

/** Tensors by name: a state dict, or a plain object. */
export type NamedTensors = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;

export interface SaveSafetensorsOptions {
  /** Text to keep with the tensors; Python's `safe_open(...).metadata()` gives it. */
  metadata?: Readonly<Record<string, string>>;
  /**
   * What to do with tensors that share memory, which the format cannot say: `refuse` (the default) is an error that names
   * them; `copy` writes each as if it were alone, and they no longer share when read.
   */
  sharedMemory?: 'refuse' | 'copy';
}

interface Written {
  name: string;
  tensor: Tensor;
  type: (typeof safetensorsTypes)[number];
  byteLength: number;
}

/**
 * Saves named tensors as a safetensors file, byte for byte as Python's `safetensors.torch.save_file` would. The path
 * holds the old file until the new one is complete and on the disk. Do not change the tensors before the promise settles.
 *
 * @throws SerializeError `TENSORS_SHARED`, `VALUE_UNSUPPORTED`, `DISK_FULL`, `WRITE_FAILED`
 */
export async function saveSafetensors(
  tensors: NamedTensors,
  path: string,
  options: SaveSafetensorsOptions = {},
): Promise<void> {
  await writeFileAtomic(path, safetensorsParts(tensors, options));
}

/** {@link saveSafetensors}, returning when the file is on the disk. */
export function saveSafetensorsSync(tensors: NamedTensors, path: string, options: SaveSafetensorsOptions = {}): void {
  writeFileAtomicSync(path, safetensorsParts(tensors, options));
}

/**
 * The bytes of a safetensors file in pieces. Names, shapes and sharing are checked when called; the elements are taken
 * when the pieces are asked for, and a piece may be a view of a tensor's memory: use or copy it before the next.
 *
 * @throws SerializeError `TENSORS_SHARED`, `VALUE_UNSUPPORTED`
 */
export const serializeSafetensors = (
  tensors: NamedTensors,
  options: SaveSafetensorsOptions = {},
): Iterable<Uint8Array> => bytesOf(safetensorsParts(tensors, options));

function safetensorsParts(tensors: NamedTensors, options: SaveSafetensorsOptions): FileParts {
  const { metadata = {}, sharedMemory = 'refuse' } = options;
  const all: [string, unknown][] = tensors instanceof Map ? [...tensors] : Object.entries(tensors);
  const written = all.map(([name, value]) => writtenOf(name, value));
  if (sharedMemory === 'refuse') refuseShared(written);
  const rank = (entry: Written) => safetensorsTypes.indexOf(entry.type);
  written.sort((a, b) => rank(a) - rank(b) || Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  return pieces(headerOf(written, metadata), written);
}

function* pieces(header: Uint8Array, written: Written[]): Generator<Uint8Array | StoragePart, void, number> {
  yield header;
  for (const { tensor, byteLength } of written) {
    if (byteLength === 0) continue;
    const detached = tensor.detach();
    // Rows first, without lazy flags, on the CPU; each of these is the tensor itself where it holds already.
    const plain = detached.resolveConj().resolveNeg().cpu().contiguous();
    yield new StoragePart(plain, plain.storageOffset() * plain.elementSize(), byteLength);
    plain.dispose();
    detached.dispose();
  }
}

function writtenOf(name: string, value: unknown): Written {
  const about = `the tensor ${JSON.stringify(name)}`;
  const unsupported = (message: string) => new SerializeError('VALUE_UNSUPPORTED', message);
  if (!isTensor(value))
    throw unsupported(`${JSON.stringify(name)} is no tensor; a safetensors file holds nothing else`);
  if (name === '__metadata__') throw unsupported(`no tensor can be named __metadata__`);
  if (/\p{Surrogate}/u.test(name)) throw unsupported(`the name ${JSON.stringify(name)} is no valid text`);
  if (value.layout !== 'strided') throw unsupported(`${about} is ${value.layout}; save its toDense()`);
  const { dtype } = value;
  const type = safetensorsTypes.find((known) => known.dtype === dtype);
  if (type === undefined) throw unsupported(`${about} is of ${dtype}, which the safetensors format does not have`);
  return { name, tensor: value, type, byteLength: value.nbytes };
}

/** `refuse`: names every group of tensors whose memory overlaps. */
function refuseShared(written: Written[]): void {
  const byStorage = new Map<number, { entry: Written; first: number; end: number }[]>();
  for (const entry of written) {
    const { tensor, byteLength } = entry;
    if (byteLength === 0 || storageByteLength(tensor) === 0) continue;
    const size = tensor.elementSize();
    const first = tensor.storageOffset() * size;
    const { shape } = tensor;
    const last = tensor.stride().reduce((place, stride, i) => place + stride * ((shape[i] as number) - 1), 0);
    const id = tensor.storageId();
    const group = byStorage.get(id);
    const range = { entry, first, end: first + (last + 1) * size };
    if (group === undefined) byStorage.set(id, [range]);
    else group.push(range);
  }
  const groups: string[] = [];
  for (const ranges of byStorage.values()) {
    ranges.sort((a, b) => a.first - b.first);
    let open: string[] = [];
    let reach = -1;
    const close = () => {
      if (open.length > 1) groups.push(open.map((name) => JSON.stringify(name)).join(', '));
    };
    for (const { entry, first, end } of ranges) {
      if (first >= reach) {
        close();
        open = [];
      }
      open.push(entry.name);
      reach = Math.max(reach, end);
    }
    close();
  }
  if (groups.length === 0) return;
  throw new SerializeError(
    'TENSORS_SHARED',
    `these tensors share memory, which a safetensors file cannot say: ${groups.join('; ')}. Leave all but one of each group out, or write each on its own with { sharedMemory: 'copy' }.`,
  );
}

function headerOf(written: Written[], metadata: Readonly<Record<string, string>>): Uint8Array {
  const parts: string[] = [];
  const texts = Object.entries(metadata);
  for (const [key, text] of texts) {
    if (typeof text !== 'string')
      throw new SerializeError(
        'VALUE_UNSUPPORTED',
        `the metadata ${JSON.stringify(key)} is a ${typeof text}; make it text`,
      );
  }
  const pair = (key: string, json: string) => `${JSON.stringify(key)}:${json}`;
  if (texts.length > 0) {
    parts.push(pair('__metadata__', `{${texts.map(([key, text]) => pair(key, JSON.stringify(text))).join(',')}}`));
  }
  let offset = 0;
  for (const { name, tensor, type, byteLength } of written) {
    const info = { dtype: type.name, shape: tensor.shape, data_offsets: [offset, offset + byteLength] };
    parts.push(pair(name, JSON.stringify(info)));
    offset += byteLength;
  }
  const json = Buffer.from(`{${parts.join(',')}}`, 'utf8');
  const padded = Math.ceil(json.length / 8) * 8;
  const header = Buffer.alloc(8 + padded, ' ');
  header.writeBigUInt64LE(BigInt(padded), 0);
  header.set(json, 8);
  return header;
}
