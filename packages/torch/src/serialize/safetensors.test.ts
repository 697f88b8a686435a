import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import * as nn from '../nn/index.js';
import {
  deserialize,
  deserializeSafetensors,
  loadSafetensors,
  loadSafetensorsSync,
  openSafetensors,
  SerializeError,
  saveSafetensors,
  saveSafetensorsSync,
  serializeSafetensors,
} from './index.js';

const fixtures = new URL('../../test/fixtures/safetensors/', import.meta.url);
const fixturePath = (name: string) => fileURLToPath(new URL(name, fixtures));
const fixture = (name: string) => new Uint8Array(readFileSync(new URL(name, fixtures)));
const scratch = mkdtempSync(join(tmpdir(), 'safetensors-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const bytesOf = (...args: Parameters<typeof serializeSafetensors>) =>
  new Uint8Array(Buffer.concat([...serializeSafetensors(...args)].map((chunk) => chunk.slice())));

/** A file with this header and so many bytes of elements. */
function fileOf(header: string, dataLength = 0, length = Buffer.byteLength(header)): Uint8Array {
  const bytes = Buffer.alloc(8 + Buffer.byteLength(header) + dataLength);
  bytes.writeBigUInt64LE(BigInt(length), 0);
  bytes.write(header, 8);
  return bytes;
}

function failure(action: () => unknown): SerializeError {
  try {
    action();
  } catch (error) {
    if (error instanceof SerializeError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** Where the descriptors of this process point, on systems that tell. */
function openFiles(): string[] {
  if (!existsSync('/proc/self/fd')) return [];
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // the descriptor of the folder itself
    }
  });
}

const expected = {
  long: ['int64', [-(2n ** 63n), 2n ** 53n + 1n]],
  double: ['float64', [1, -0.5, Infinity]],
  empty: ['float32', []],
  'layer.weight': [
    'float32',
    [
      [0, 0.25, 0.5],
      [0.75, 1, 1.25],
    ],
  ],
  scalar: ['float32', 7],
  int: ['int32', [-(2 ** 31), 2 ** 31 - 1]],
  brain: ['bfloat16', [1, -2, 0.25]],
  half: ['float16', [1, 65504, -0.25]],
  short: ['int16', [-32768, 32767]],
  tiny: ['int8', [-128, 127]],
  'Ünïcode "name"\n': ['uint8', [0, 255]],
  bytes: ['uint8', [1, 2, 3]],
  flags: ['bool', [true, false, true]],
};
const shown = (tensors: ReadonlyMap<string, torch.Tensor>) =>
  Object.fromEntries([...tensors].map(([name, x]) => [name, [x.dtype, x.tolist({ bigint: x.dtype === 'int64' })]]));

describe('reading', () => {
  it.each(['tensors.safetensors', 'unaligned.safetensors'])('gives every element of %s exactly', async (name) => {
    expect(shown(deserializeSafetensors(fixture(name)))).toEqual(expected);
    expect(shown(loadSafetensorsSync(fixturePath(name)))).toEqual(expected);
    expect(shown(await loadSafetensors(fixturePath(name)))).toEqual(expected);
    expect(shown(await loadSafetensors(fixturePath(name), { mmap: true }))).toEqual(expected);
  });

  it('opens a file to read single tensors and its metadata', () => {
    using file = openSafetensors(fixturePath('tensors.safetensors'));
    expect([...file.metadata]).toEqual([
      ['format', 'pt'],
      ['note', 'größe'],
    ]);
    expect(file.names()).toEqual(expect.arrayContaining(Object.keys(expected)));
    expect(file.info('layer.weight')).toEqual({ dtype: 'F32', shape: [2, 3], byteLength: 24 });
    expect(file.get('short').tolist()).toEqual([-32768, 32767]);
    expect([file.has('short'), file.has('toString')]).toEqual([true, false]);
    expect(failure(() => file.get('toString')).code).toBe('RECORD_MISSING');
    file.close();
    expect(failure(() => file.get('short')).message).toMatch(/"short" cannot be read any more: the file was closed/);
  });

  it('reads what the engine has elements for, and names what it has not', () => {
    using file = openSafetensors(fixturePath('odd-types.safetensors'));
    expect(file.info('float8').dtype).toBe('F8_E4M3');
    expect(file.get('known').item()).toBe(2.5);
    expect(failure(() => file.get('wide'))).toMatchObject({ code: 'FILE_UNSUPPORTED' });
    expect(failure(() => loadSafetensorsSync(fixturePath('odd-types.safetensors'))).message).toMatch(
      /"wide" has U64 elements/,
    );
  });

  it('says which device is missing, and that torch.load is for other files', () => {
    expect(
      failure(() => deserializeSafetensors(fixture('tensors.safetensors'), { device: 'xla:1' as 'cuda:1' })),
    ).toMatchObject({
      code: 'DEVICE_UNAVAILABLE',
    });
    expect(failure(() => deserialize(fixture('tensors.safetensors'))).message).toMatch(/loadSafetensors/);
  });
});

describe('writing', () => {
  it('gives the very bytes that other writers give', () => {
    const tensors = deserializeSafetensors(fixture('tensors.safetensors'));
    const metadata = { format: 'pt', note: 'größe' };
    expect(Buffer.from(bytesOf(tensors, { metadata })).equals(Buffer.from(fixture('tensors.safetensors')))).toBe(true);
    expect(Buffer.from(bytesOf(Object.fromEntries([...tensors].reverse()), { metadata }))).toEqual(
      Buffer.from(fixture('tensors.safetensors')),
    );
    expect(Buffer.from(bytesOf({})).toString('latin1')).toBe('\x08\0\0\0\0\0\0\0{}      ');
  });

  it('keeps names that look like numbers, and hostile ones, where they belong', () => {
    const names = ['10', '2', '__proto__', 'constructor', 'a.0', '\u{1f600}', '\uffee'];
    const tensors = new Map(names.map((name, i) => [name, torch.tensor([i])]));
    const back = deserializeSafetensors(bytesOf(tensors));
    expect([...back.keys()].sort()).toEqual([...names].sort());
    for (const [name, x] of tensors) expect(back.get(name)?.tolist()).toEqual(x.tolist());
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });

  it('writes views, transposed and conjugated tensors as the numbers they show', () => {
    const base = torch.arange(12).to('float32').reshape([3, 4]);
    const z = torch.tensor([{ re: 1, im: 2 }]).conj();
    const back = deserializeSafetensors(bytesOf({ row: base.at(1), z }));
    expect(back.get('row')?.tolist()).toEqual([4, 5, 6, 7]);
    expect(back.get('z')?.tolist()).toEqual([{ re: 1, im: -2 }]);
    expect(
      deserializeSafetensors(bytesOf({ t: base.t() }))
        .get('t')
        ?.tolist(),
    ).toEqual(base.t().tolist());
  });

  it('names tensors that share memory, and copies them only when asked', () => {
    const weight = torch.arange(6).to('float32');
    const state = {
      embedding: weight,
      head: weight.view([2, 3]),
      tail: weight.narrow(0, 4, 2),
      other: torch.ones([6]),
    };
    const error = failure(() => bytesOf(state));
    expect(error.code).toBe('TENSORS_SHARED');
    expect(error.message).toMatch(/: "embedding", "head", "tail"\. Leave all but one/);
    const back = deserializeSafetensors(bytesOf(state, { sharedMemory: 'copy' }));
    expect(back.get('head')?.tolist()).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
    expect(back.get('tail')?.tolist()).toEqual([4, 5]);
    // Parts of one storage that do not touch each other are no sharing.
    expect(deserializeSafetensors(bytesOf({ a: weight.narrow(0, 0, 3), b: weight.narrow(0, 3, 3) })).size).toBe(2);
  });

  it('refuses what the format cannot hold, naming it', () => {
    const cases: [Parameters<typeof serializeSafetensors>, RegExp][] = [
      [[{ epoch: 3 as never }], /"epoch" is no tensor/],
      [[{ x: torch.eye(2).toSparse() }], /"x" is sparse_coo/],
      [[{ x: torch.zeros([1], { dtype: 'complex128' }) }], /"x" is of complex128/],
      [[{ __metadata__: torch.zeros([1]) }], /can be named __metadata__/],
      [[{ '\ud800': torch.zeros([1]) }], /no valid text/],
      [[{}, { metadata: { step: 3 as never } }], /"step" is a number/],
    ];
    for (const [args, message] of cases) {
      const error = failure(() => bytesOf(...args));
      expect(error.code).toBe('VALUE_UNSUPPORTED');
      expect(error.message).toMatch(message);
    }
  });

  it('saves a module and loads it again, waiting or not, over the file that a mapping still reads', async () => {
    const path = join(scratch, 'model.safetensors');
    const model = new nn.Sequential(new nn.Linear(4, 3), new nn.BatchNorm1d(3));
    await saveSafetensors(model.stateDict(), path, { metadata: { epoch: '3' } });
    const mapped = await loadSafetensors(path, { mmap: true });
    mapped.get('0.weight')?.zero_();
    const before = mapped.get('0.bias')?.tolist();
    const other = new nn.Sequential(new nn.Linear(4, 3), new nn.BatchNorm1d(3));
    other.loadStateDict(await loadSafetensors(path));
    expect(other.stateDict().get('0.weight')?.tolist()).toEqual(model.stateDict().get('0.weight')?.tolist());
    saveSafetensorsSync({ '0.bias': torch.zeros([3]) }, path);
    expect(mapped.get('0.bias')?.tolist()).toEqual(before);
    expect([...(await loadSafetensors(path)).keys()]).toEqual(['0.bias']);
  });
});

describe('a damaged header', () => {
  const f32 = (name: string, shape: string, from: number, to: number) =>
    `"${name}":{"dtype":"F32","shape":${shape},"data_offsets":[${from},${to}]}`;
  it.each<[string, Uint8Array, RegExp]>([
    ['no length', Uint8Array.of(1, 2), /2 bytes are too few/],
    ['a huge length', fileOf('{}', 0, 2 ** 40), /a header of 1099511627776 bytes; at most 100000000/],
    ['a length beyond the file', fileOf('{}', 0, 99), /cut inside its header/],
    ['no JSON', fileOf('{"a":'), /is no JSON/],
    ['no object', fileOf('[1]'), /does not begin with \{/],
    ['bad UTF-8', fileOf('{"\x7f').fill(0xff, 9), /is not UTF-8/],
    ['a key twice', fileOf(`{${f32('a', '[1]', 0, 4)},${f32('a', '[1]', 0, 4)}}`, 4), /the key "a" twice/],
    [
      'a key twice, spelled apart',
      fileOf(`{${f32('a', '[1]', 0, 4)},${f32('\\u0061', '[1]', 0, 4)}}`, 4),
      /the key "a" twice/,
    ],
    [
      'a field twice',
      fileOf('{"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}}', 4),
      /the key "shape" twice/,
    ],
    ['an overlap', fileOf(`{${f32('a', '[2]', 0, 8)},${f32('b', '[1]', 4, 8)}}`, 8), /"b" overlaps/],
    ['one tensor inside another', fileOf(`{${f32('a', '[2]', 0, 8)},${f32('b', '[2]', 0, 8)}}`, 8), /"b" overlaps/],
    ['a hole', fileOf(`{${f32('a', '[1]', 0, 4)},${f32('b', '[1]', 8, 12)}}`, 12), /"b" leaves 4 bytes/],
    ['bytes at the end', fileOf(`{${f32('a', '[1]', 0, 4)}}`, 6), /2 bytes that belong to no tensor/],
    ['a cut', fileOf(`{${f32('a', '[4]', 0, 16)}}`, 8), /is cut: its tensors need/],
    ['a wrong size', fileOf(`{${f32('a', '[3]', 0, 8)}}`, 8), /"a" has 8 bytes; its shape \[3\] of F32 needs 12/],
    ['an end before the beginning', fileOf(`{${f32('a', '[0]', 8, 4)}}`, 8), /ends at 4, before it begins at 8/],
    ['a shape that overflows', fileOf(`{${f32('a', '[9007199254740991,4096]', 0, 8)}}`, 8), /impossible shape/],
    ['a negative size', fileOf(`{${f32('a', '[-1]', 0, 4)}}`, 4), /"a" has no shape/],
    ['a broken size', fileOf(`{${f32('a', '[1.5]', 0, 4)}}`, 4), /"a" has no shape/],
    ['an unknown type', fileOf('{"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}}', 4), /element type "F31"/],
    ['no type', fileOf('{"a":{"shape":[1],"data_offsets":[0,4]}}', 4), /element type a undefined/],
    ['no offsets', fileOf('{"a":{"dtype":"F32","shape":[1]}}', 4), /has no data_offsets/],
    ['three offsets', fileOf('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}}', 4), /has no data_offsets/],
    ['a tensor that is a number', fileOf('{"a":3}'), /"a" is not described/],
    ['metadata that is a number', fileOf('{"__metadata__":{"a":3}}'), /metadata "a" is no text/],
    ['metadata that is a list', fileOf('{"__metadata__":[]}'), /__metadata__ is no object/],
  ])('with %s is an error that says so', (_, bytes, message) => {
    const error = failure(() => deserializeSafetensors(bytes));
    expect(error.code).toBe('SAFETENSORS_CORRUPT');
    expect(error.message).toMatch(message);
  });

  it('closes the file that could not be opened', () => {
    const path = join(scratch, 'broken.safetensors');
    writeFileSync(path, fileOf('{"a":'));
    for (let i = 0; i < 3; i++) expect(failure(() => openSafetensors(path)).path).toBe(path);
    expect(openFiles().filter((name) => name.includes('broken.safetensors'))).toEqual([]);
  });
});
