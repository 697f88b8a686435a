import type { DType } from '../dtype.js';
import { type ByteSource, readRange } from './byteSource.js';
import { SerializeError } from './errors.js';
import { describeSource } from './zipReader.js';

/** What a safetensors file says of one tensor. */
export interface SafetensorsEntry {
  name: string;
  /** The format's name of the element type, such as `F32`; `dtypeOf` has ours. */
  dtype: string;
  shape: number[];
  /** First byte in the file, and how many there are. */
  position: number;
  byteLength: number;
}

export interface SafetensorsHeader {
  /** In the order of their bytes. */
  entries: ReadonlyMap<string, SafetensorsEntry>;
  /** Text by name, as the writer left it; empty where the file has none. */
  metadata: ReadonlyMap<string, string>;
}

/** The format's own limit. */
const longestHeader = 100_000_000;
/** Element types in the order files have them (widest first), with their bytes. */
export const safetensorsTypes: readonly { name: string; size: number; dtype: DType | null }[] = [
  { name: 'U64', size: 8, dtype: null },
  { name: 'I64', size: 8, dtype: 'int64' },
  { name: 'F64', size: 8, dtype: 'float64' },
  { name: 'C64', size: 8, dtype: 'complex64' },
  { name: 'F32', size: 4, dtype: 'float32' },
  { name: 'U32', size: 4, dtype: null },
  { name: 'I32', size: 4, dtype: 'int32' },
  { name: 'BF16', size: 2, dtype: 'bfloat16' },
  { name: 'F16', size: 2, dtype: 'float16' },
  { name: 'U16', size: 2, dtype: null },
  { name: 'I16', size: 2, dtype: 'int16' },
  { name: 'F8_E8M0', size: 1, dtype: null },
  { name: 'F8_E4M3', size: 1, dtype: null },
  { name: 'F8_E5M2', size: 1, dtype: null },
  { name: 'I8', size: 1, dtype: 'int8' },
  { name: 'U8', size: 1, dtype: 'uint8' },
  { name: 'BOOL', size: 1, dtype: 'bool' },
];
const typesByName = new Map(safetensorsTypes.map((type) => [type.name, type]));

/** Our dtype for the format's name; null where the engine has no such elements. */
export const dtypeOf = (name: string): DType | null => typesByName.get(name)?.dtype ?? null;

/** Whether a file that begins so may be a safetensors file. */
export function looksLikeSafetensors(head: Uint8Array): boolean {
  if (head.length < 9 || head[8] !== 0x7b) return false;
  return new DataView(head.buffer, head.byteOffset, 8).getBigUint64(0, true) <= BigInt(longestHeader);
}

/**
 * Reads and checks the header: 8 bytes of length, then JSON. Every byte after it must belong to exactly one tensor, and
 * every tensor must have as many bytes as its shape and type need.
 *
 * @throws SerializeError `SAFETENSORS_CORRUPT`
 */
export function readSafetensorsHeader(source: ByteSource): SafetensorsHeader {
  const corrupt = (message: string, offset?: number): SerializeError =>
    new SerializeError('SAFETENSORS_CORRUPT', `${describeSource(source)}: ${message}`, { path: source.path, offset });
  if (source.size < 8) throw corrupt(`${source.size} bytes are too few for a safetensors file`);
  const lengthBytes = readRange(source, 0, 8);
  const length = new DataView(lengthBytes.buffer).getBigUint64(0, true);
  if (length > BigInt(longestHeader))
    throw corrupt(`a header of ${length} bytes; at most ${longestHeader} are allowed`);
  const start = 8 + Number(length);
  if (start > source.size) throw corrupt(`the file is cut inside its header of ${length} bytes`);
  const text = textOf(readRange(source, 8, Number(length)));
  if (text === null) throw corrupt('the header is not UTF-8', 8);
  if (!text.startsWith('{')) throw corrupt('the header does not begin with {', 8);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw corrupt(`the header is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`, 8);
  }
  const names = keysInOrder(text, (key) => corrupt(`the header has the key ${show(key)} twice`, 8));
  const root = parsed as Record<string, unknown>;
  let metadata = new Map<string, string>();
  const entries: SafetensorsEntry[] = [];
  for (const name of names) {
    if (name === '__metadata__') metadata = metadataOf(root[name], corrupt);
    else entries.push(entryOf(name, root[name], start, corrupt));
  }
  // Sorting keeps the header's order among tensors without bytes.
  entries.sort((a, b) => a.position - b.position || a.byteLength - b.byteLength);
  let end = start;
  for (const { name, position, byteLength } of entries) {
    if (position !== end) {
      const what = position < end ? 'overlaps the one before it' : `leaves ${position - end} bytes before it unused`;
      throw corrupt(`the tensor ${show(name)} ${what}`, position);
    }
    end += byteLength;
  }
  if (end !== source.size) {
    const what =
      end > source.size
        ? `is cut: its tensors need ${end} bytes`
        : `has ${source.size - end} bytes that belong to no tensor`;
    throw corrupt(`the file ${what}`, Math.min(end, source.size));
  }
  return { entries: new Map(entries.map((entry) => [entry.name, entry])), metadata };
}

function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

type Corrupt = (message: string, offset?: number) => SerializeError;

function metadataOf(value: unknown, corrupt: Corrupt): Map<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw corrupt('__metadata__ is no object', 8);
  const entries = Object.entries(value);
  for (const [key, text] of entries)
    if (typeof text !== 'string') throw corrupt(`the metadata ${show(key)} is no text`, 8);
  return new Map(entries as [string, string][]);
}

function entryOf(name: string, value: unknown, start: number, corrupt: Corrupt): SafetensorsEntry {
  const about = `the tensor ${show(name)}`;
  if (typeof value !== 'object' || value === null) throw corrupt(`${about} is not described by an object`, 8);
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  const type = typeof dtype === 'string' ? typesByName.get(dtype) : undefined;
  if (type === undefined) {
    throw corrupt(`${about} has the element type ${show(dtype)}; known are ${[...typesByName.keys()].join(', ')}`, 8);
  }
  if (!isCounts(shape)) throw corrupt(`${about} has no shape`, 8);
  if (!isCounts(offsets) || offsets.length !== 2) throw corrupt(`${about} has no data_offsets`, 8);
  const [first, last] = offsets as [number, number];
  if (last < first) throw corrupt(`${about} ends at ${last}, before it begins at ${first}`, 8);
  const needed = shape.reduce((product, size) => product * size, type.size);
  if (!Number.isSafeInteger(needed)) throw corrupt(`${about} has an impossible shape`, 8);
  if (last - first !== needed) {
    throw corrupt(
      `${about} has ${last - first} bytes; its shape [${shape.slice(0, 8)}] of ${type.name} needs ${needed}`,
      8,
    );
  }
  return { name, dtype: type.name, shape, position: start + first, byteLength: needed };
}

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length <= 64 && value.every((n) => Number.isSafeInteger(n) && n >= 0);

const show = (value: unknown): string =>
  typeof value === 'string'
    ? JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value)
    : `a ${typeof value}`;

/**
 * The keys of the outermost object in order. `JSON.parse` moves keys that look like numbers to the front and lets the
 * last of two equal keys win without a word, and readers that keep the first would see another file. `text` is valid.
 *
 * @throws what `twice` gives for a key that an object has two times, at any depth.
 */
function keysInOrder(text: string, twice: (key: string) => Error): string[] {
  const first: string[] = [];
  const open: (Set<string> | null)[] = [];
  let expectsKey = false;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x7b: // {
        open.push(new Set());
        expectsKey = true;
        break;
      case 0x5b: // [
        open.push(null);
        break;
      case 0x7d: // }
      case 0x5d: // ]
        open.pop();
        break;
      case 0x2c: // ,
        expectsKey = open.at(-1) !== null;
        break;
      case 0x22: {
        const start = at;
        for (at++; text.charCodeAt(at) !== 0x22; at++) if (text.charCodeAt(at) === 0x5c) at++;
        if (!expectsKey) break;
        expectsKey = false;
        const key = JSON.parse(text.slice(start, at + 1)) as string;
        const keys = open.at(-1) as Set<string>;
        if (keys.has(key)) throw twice(key);
        keys.add(key);
        if (open.length === 1) first.push(key);
      }
    }
  }
  return first;
}
