import { fromTypedArray, tensor, zeros } from '../creation.js';
import { deserialize, serialize } from '../serialize/index.js';
import type { Tensor } from '../tensor.js';
import { DistributedError } from './distributedError.js';
import { defaultGroup } from './job.js';
import type { ProcessGroup } from './processGroup.js';
import { runAsync, runBlocking, type Steps } from './work.js';

// Plain values between processes. They travel as the data-only pickles of serialize/: tensors, numbers, strings, arrays,
// plain objects and Maps; reading one runs no code.

export interface ObjectOptions {
  /** Default: all processes. */
  group?: ProcessGroup;
  /** Return a promise instead of blocking. */
  asyncOp?: boolean;
  /** For each of the exchanges, in milliseconds; default: the group's. */
  timeout?: number;
}
/** The value of a blocking call, a promise of it with `asyncOp: true`. */
export type ObjectOutcome<O, Value> = O extends { asyncOp: true } ? Promise<Value> : Value;

/** Every rank's value, in the order of the group's ranks, on every rank. */
export function allGatherObject<T, O extends ObjectOptions = ObjectOptions>(
  value: T,
  options?: O,
): ObjectOutcome<O, T[]> {
  return finish(options, (group, timeout) => allGatherSteps<T>(group, value, timeout));
}

/** Every rank's value on the rank `dst`, null on the others. */
export function gatherObject<T, O extends ObjectOptions & { dst: number }>(
  value: T,
  options: O,
): ObjectOutcome<O, T[] | null> {
  return finish(options, (group, timeout) => gatherSteps<T>(group, value, options.dst, timeout));
}

/** The value of the rank `src` on every rank; what the others give does not count. */
export function broadcastObject<T, O extends ObjectOptions & { src: number }>(
  value: T,
  options: O,
): ObjectOutcome<O, T> {
  return finish(options, (group, timeout) => broadcastSteps<T>(group, value, options.src, timeout));
}

/** Fills the list, which has the same length on all ranks, with the values of the rank `src`. */
export function broadcastObjectList<O extends ObjectOptions & { src: number }>(
  list: unknown[],
  options: O,
): ObjectOutcome<O, void> {
  return finish(options, function* (group, timeout): Steps<void> {
    const values = yield* broadcastSteps(group, list, options.src, timeout);
    if (values.length !== list.length)
      throw new DistributedError(
        'DISTRIBUTED_MISMATCH',
        `broadcastObjectList: rank ${options.src} sends ${values.length} values, and this rank has room for ${list.length}`,
        { collective: 'broadcastObjectList', group: group.name, ranks: [options.src] },
      );
    if (group.globalRankOf(group.rank) === options.src) return;
    values.forEach((value, i) => {
      list[i] = value;
    });
  });
}

/** This rank's entry of the list that the rank `src` gives; the others give null. */
export function scatterObjectList<T, O extends ObjectOptions & { src: number }>(
  list: readonly T[] | null,
  options: O,
): ObjectOutcome<O, T> {
  return finish(options, (group, timeout) => scatterSteps<T>(group, list, options.src, timeout));
}

function finish<O extends ObjectOptions, Value>(
  options: O | undefined,
  steps: (group: ProcessGroup, timeout: number | undefined) => Steps<Value>,
): ObjectOutcome<O, Value> {
  const { group = defaultGroup(), asyncOp, timeout }: ObjectOptions = options ?? {};
  const run = steps(group, timeout);
  return (asyncOp === true ? runAsync(run) : runBlocking(run)) as ObjectOutcome<O, Value>;
}

// ---- values as bytes

function bytesOf(value: unknown): Uint8Array {
  const chunks = [...serialize(value)];
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0));
  let position = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, position);
    position += chunk.byteLength;
  }
  return bytes;
}

const deviceOf = (group: ProcessGroup): 'cpu' | 'cuda' => (group.backend === 'nccl' ? 'cuda' : 'cpu');

/** Bytes as a tensor of `length`, with zeros behind them. */
function padded(group: ProcessGroup, bytes: Uint8Array, length: number): Tensor {
  const buffer = new Uint8Array(length);
  buffer.set(bytes);
  const made = fromTypedArray(buffer);
  return group.backend === 'nccl' ? made.to(deviceOf(group)) : made;
}

const emptyBytes = (group: ProcessGroup, shape: number[]): Tensor =>
  zeros(shape, { dtype: 'uint8', device: deviceOf(group) });

const contents = (bytes: Tensor): Uint8Array =>
  (bytes.device.type === 'cpu' ? bytes : bytes.cpu()).toTypedArray() as Uint8Array;

/** The lengths of all ranks' bytes. */
function* allLengths(group: ProcessGroup, length: number, timeout: number | undefined): Steps<number[]> {
  const own = tensor([length], { dtype: 'int64', device: deviceOf(group) });
  const all = zeros([group.size], { dtype: 'int64', device: deviceOf(group) });
  yield group.allGatherIntoTensor(all, own, { asyncOp: true, timeout });
  const lengths = all.tolist() as number[];
  own.dispose();
  all.dispose();
  return lengths;
}

// ---- the exchanges

function* allGatherSteps<T>(group: ProcessGroup, value: T, timeout: number | undefined): Steps<T[]> {
  const bytes = bytesOf(value);
  const lengths = yield* allLengths(group, bytes.length, timeout);
  const longest = Math.max(...lengths);
  const own = padded(group, bytes, longest);
  const all = emptyBytes(group, [group.size, longest]);
  yield group.allGatherIntoTensor(all, own, { asyncOp: true, timeout });
  const received = contents(all);
  own.dispose();
  all.dispose();
  return lengths.map((length, i) => deserialize(received.subarray(i * longest, i * longest + length)) as T);
}

function* gatherSteps<T>(group: ProcessGroup, value: T, dst: number, timeout: number | undefined): Steps<T[] | null> {
  const bytes = bytesOf(value);
  const lengths = yield* allLengths(group, bytes.length, timeout);
  const longest = Math.max(...lengths);
  const own = padded(group, bytes, longest);
  const isRoot = group.globalRankOf(group.rank) === dst;
  const outputs = isRoot ? lengths.map(() => emptyBytes(group, [longest])) : null;
  yield group.gather(outputs, own, { dst, asyncOp: true, timeout });
  own.dispose();
  if (outputs === null) return null;
  return outputs.map((output, i) => {
    const received = contents(output);
    output.dispose();
    return deserialize(received.subarray(0, lengths[i])) as T;
  });
}

function* broadcastSteps<T>(group: ProcessGroup, value: T, src: number, timeout: number | undefined): Steps<T> {
  const isRoot = group.globalRankOf(group.rank) === src;
  const bytes = isRoot ? bytesOf(value) : new Uint8Array();
  const length = tensor([bytes.length], { dtype: 'int64', device: deviceOf(group) });
  yield group.broadcast(length, { src, asyncOp: true, timeout });
  const total = Number(length.item());
  length.dispose();
  const carrier = padded(group, bytes, total);
  yield group.broadcast(carrier, { src, asyncOp: true, timeout });
  const received = isRoot ? bytes : contents(carrier);
  carrier.dispose();
  return isRoot ? value : (deserialize(received) as T);
}

function* scatterSteps<T>(
  group: ProcessGroup,
  list: readonly T[] | null,
  src: number,
  timeout: number | undefined,
): Steps<T> {
  const isRoot = group.globalRankOf(group.rank) === src;
  if (isRoot && list?.length !== group.size)
    throw new DistributedError(
      'DISTRIBUTED_ARGUMENT',
      `scatterObjectList: rank ${src} must give one value for each of the ${group.size} ranks, got ${list === null ? 'null' : list.length}`,
      { collective: 'scatterObjectList', group: group.name },
    );
  const pieces = isRoot ? list!.map(bytesOf) : [];
  const lengths = tensor(isRoot ? pieces.map((piece) => piece.length) : new Array<number>(group.size).fill(0), {
    dtype: 'int64',
    device: deviceOf(group),
  });
  yield group.broadcast(lengths, { src, asyncOp: true, timeout });
  const known = lengths.tolist() as number[];
  lengths.dispose();
  const longest = Math.max(...known);
  const inputs = isRoot ? pieces.map((piece) => padded(group, piece, longest)) : null;
  const output = emptyBytes(group, [longest]);
  yield group.scatter(output, inputs, { src, asyncOp: true, timeout });
  const received = contents(output);
  output.dispose();
  for (const input of inputs ?? []) input.dispose();
  return deserialize(received.subarray(0, known[group.rank])) as T;
}
