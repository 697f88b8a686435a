import { readFileSync } from 'node:fs';
import { crc32, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import { BufferSource } from './byteSource.js';
import {
  deserialize,
  deserializeSafetensors,
  Namespace,
  PickledObject,
  SerializeError,
  serialize,
  Tuple,
  ZipReader,
  zipChunks,
} from './index.js';
import { PersistentId, pickle } from './pickle.js';
import { loadGlobals } from './torchGlobals.js';
import { unpickle } from './unpickle.js';

// Whatever a file holds, reading it gives a value or a SerializeError, soon and in bounded memory.

const fixture = (path: string) => new Uint8Array(readFileSync(new URL(`../../test/fixtures/${path}`, import.meta.url)));
const files = {
  'tensors.pt': fixture('serialize/tensors.pt'),
  'tensors-legacy.pt': fixture('serialize/tensors-legacy.pt'),
  'special.pt': fixture('serialize/special.pt'),
  'golden.pt': fixture('serialize/golden.pt'),
  'deflated.pt': fixture('serialize/deflated.pt'),
  'numpy-protocol5.pkl': fixture('serialize/numpy-protocol5.pkl'),
  'tensors.safetensors': fixture('safetensors/tensors.safetensors'),
};
type FileName = keyof typeof files;
const mapLocation = 'cpu';
const mostBytes = 512 * 2 ** 20;

/** The code of the error, or 'value'; anything else that is thrown fails the test. */
function outcome(read: () => unknown): string {
  torch.memory.resetPeak();
  const before = torch.memory.stats().liveBytes;
  let code = 'value';
  try {
    read();
  } catch (error) {
    if (!(error instanceof SerializeError)) throw error;
    expect(error.message.length).toBeLessThan(100_000); // names of records may be long, and no more
    code = error.code;
  }
  expect(torch.memory.stats().peakBytes - before).toBeLessThan(mostBytes);
  return code;
}

function readAny(name: FileName, bytes: Uint8Array, verifyChecksums = false): unknown {
  if (name.endsWith('.safetensors')) return deserializeSafetensors(bytes);
  if (name.endsWith('.pkl')) return unpickle(bytes, { globals: loadGlobals }).value;
  return deserialize(bytes, { mapLocation, verifyChecksums, maxUnpackedBytes: 64 * 2 ** 20 });
}

afterEach(() => {
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

/** Bytes changed, cut out, doubled, and taken from elsewhere in this or another file. */
const damage = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('set' as const), at: fc.nat(), to: fc.nat(255) }),
    fc.record({ kind: fc.constant('cut' as const), at: fc.nat(), length: fc.nat(64) }),
    fc.record({ kind: fc.constant('end' as const), at: fc.nat() }),
    fc.record({
      kind: fc.constant('splice' as const),
      at: fc.nat(),
      donor: fc.constantFrom(...(Object.keys(files) as FileName[])),
      from: fc.nat(),
      length: fc.nat(200),
    }),
    fc.record({
      kind: fc.constant('number' as const),
      at: fc.nat(),
      value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    }),
  ),
  { minLength: 1, maxLength: 4 },
);
type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never;

function damaged(whole: Uint8Array, changes: Damage): Uint8Array {
  let bytes = Buffer.from(whole);
  for (const change of changes) {
    const at = bytes.length === 0 ? 0 : change.at % bytes.length;
    const after = (count: number) => bytes.subarray(Math.min(at + count, bytes.length));
    switch (change.kind) {
      case 'set':
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.of(change.to), after(1)]);
        break;
      case 'cut':
        bytes = Buffer.concat([bytes.subarray(0, at), after(change.length)]);
        break;
      case 'end':
        bytes = bytes.subarray(0, at);
        break;
      case 'splice': {
        const donor = files[change.donor];
        const from = change.from % donor.length;
        bytes = Buffer.concat([bytes.subarray(0, at), donor.subarray(from, from + change.length), after(0)]);
        break;
      }
      case 'number': {
        const number = Buffer.alloc(8);
        number.writeBigUInt64LE(change.value);
        bytes = Buffer.concat([bytes.subarray(0, at), number, after(8)]);
      }
    }
  }
  return new Uint8Array(bytes);
}

/** The same archive with one record replaced, so that damage reaches behind checksums and lengths. */
function withRecord(archive: Uint8Array, suffix: string, change: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  const reader = new ZipReader(new BufferSource(archive));
  const records = [...reader.entries.keys()].map((name) => {
    const bytes = name.endsWith(suffix) ? change(reader.read(name)) : reader.read(name);
    return { name, size: bytes.length, chunks: () => [bytes] };
  });
  return Buffer.concat([...zipChunks(records)].map((chunk) => chunk.slice()));
}

describe('a file with damaged bytes', () => {
  it.each(Object.keys(files) as FileName[])('(%s) gives a value or a typed error', (name) => {
    fc.assert(
      fc.property(damage, fc.boolean(), (changes, verifies) => {
        outcome(() => readAny(name, damaged(files[name], changes), verifies));
      }),
      { numRuns: 250 },
    );
  });

  it.each(['tensors.pt', 'special.pt', 'golden.pt'] as const)(
    '(%s), whose pickle alone is damaged, gives a value or a typed error',
    (name) => {
      fc.assert(
        fc.property(damage, (changes) => {
          outcome(() =>
            readAny(
              name,
              withRecord(files[name], 'data.pkl', (bytes) => damaged(bytes, changes)),
            ),
          );
        }),
        { numRuns: 250 },
      );
    },
  );

  it('(a safetensors header with other values) gives a value or a typed error', () => {
    const json = fc.jsonValue({ maxDepth: 3 });
    const count = fc.oneof(fc.nat(40), fc.constantFrom(-1, 1.5, 2 ** 53, 2 ** 63, null, '4'));
    const entry = fc.record(
      {
        dtype: fc.oneof(fc.constantFrom('F32', 'I64', 'BOOL', 'U64', 'C64', '__proto__'), json),
        shape: fc.oneof(fc.array(count, { maxLength: 4 }), json),
        data_offsets: fc.oneof(fc.tuple(count, count), json),
      },
      { requiredKeys: [] },
    );
    const header = fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom('__proto__', '__metadata__', 'constructor', '1')),
      fc.oneof(entry, json),
      { maxKeys: 4 },
    );
    fc.assert(
      fc.property(header, fc.nat(40), (value, length) => {
        const text = Buffer.from(JSON.stringify(value));
        const bytes = Buffer.alloc(8 + text.length + length);
        bytes.writeBigUInt64LE(BigInt(text.length));
        bytes.set(text, 8);
        outcome(() => deserializeSafetensors(bytes));
      }),
      { numRuns: 400 },
    );
  });
});

describe('a pickle made of any opcodes', () => {
  const ascii = (text: string) => [...Buffer.from(text, 'latin1')];
  const names = [...loadGlobals.flatMap((table) => [...table.keys()]), 'os.system', 'builtins.eval', 'a.__proto__'];
  const opcode = fc.oneof(
    fc
      .constantFrom(...ascii('NIL.(0)]}12abeostuR\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94bQ'))
      .map((code) => [code]),
    fc.tuple(fc.constantFrom(0x4b, 0x68, 0x71, 0x80, 0x8a), fc.nat(8)).map((pair) => [...pair]),
    fc.constantFrom(...names).map((name) => {
      const dot = name.lastIndexOf('.');
      return ascii(`c${name.slice(0, dot)}\n${name.slice(dot + 1)}\n`);
    }),
    fc
      .constantFrom('__proto__', 'polluted', 'toString', 'torch.sparse_coo', 'f4', '<', '')
      .map((text) => [0x8c, text.length, ...ascii(text)]),
    fc
      .constantFrom(...ascii('BTX'))
      .chain((code) =>
        fc
          .nat(0xffff_ffff)
          .map((length) => [code, length & 255, (length >> 8) & 255, (length >> 16) & 255, length >>> 24]),
      ),
    fc
      .constantFrom([0x8d], [0x8e], [0x96], [0x95])
      .chain(([code]) => fc.uint8Array({ minLength: 8, maxLength: 8 }).map((length) => [code as number, ...length])),
    fc.double().map((value) => {
      const bytes = Buffer.alloc(9, 0x47);
      bytes.writeDoubleBE(value, 1);
      return [...bytes];
    }),
  );
  it('gives a value or a typed error', () => {
    fc.assert(
      fc.property(fc.array(opcode, { maxLength: 60 }), (program) => {
        const bytes = Uint8Array.from([...program.flat(), 0x2e]);
        const tensor = torch.ones([2]);
        outcome(() =>
          unpickle(bytes, { globals: loadGlobals, persistentLoad: () => tensor, defer: (check) => check() }),
        );
      }),
      { numRuns: 3000 },
    );
  });
});

describe('a file made to do harm', () => {
  /** A zip with one deflated record, which claims what it likes. */
  function bomb(bytes: number): Uint8Array {
    const packed = deflateRawSync(Buffer.alloc(bytes));
    const name = 'archive/data.pkl';
    const local = Buffer.alloc(30 + name.length);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(8, 8);
    local.writeUInt32LE(crc32(Buffer.alloc(bytes)), 14);
    local.writeUInt32LE(packed.length, 18);
    local.writeUInt32LE(bytes, 22);
    local.writeUInt16LE(name.length, 26);
    local.write(name, 30);
    const entry = Buffer.alloc(46 + name.length);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(8, 10);
    local.copy(entry, 16, 14, 26);
    entry.writeUInt16LE(name.length, 28);
    entry.write(name, 46);
    const end = Buffer.alloc(22);
    end.writeUInt32LE(0x06054b50, 0);
    end.writeUInt16LE(1, 8);
    end.writeUInt16LE(1, 10);
    end.writeUInt32LE(entry.length, 12);
    end.writeUInt32LE(local.length + packed.length, 16);
    return Buffer.concat([local, packed, entry, end]);
  }

  it('by unpacking to far more than it has is refused before anything is unpacked', () => {
    const bytes = bomb(8 * 2 ** 20);
    expect(bytes.length).toBeLessThan(20_000);
    expect(outcome(() => deserialize(bytes, { maxUnpackedBytes: 2 ** 20 }))).toBe('UNPACKED_TOO_LARGE');
    expect(outcome(() => deserialize(bytes))).toBe('PICKLE_CORRUPT'); // zeros are no pickle
    const lie = Buffer.from(bytes);
    lie.writeUInt32LE(0xfffffff0, lie.indexOf('PK\x01\x02') + 24);
    expect(outcome(() => deserialize(lie))).toBe('ZIP_CORRUPT');
  });

  it('by values that grow without end when shown, as keys, kinds and devices of storages, is refused', () => {
    let laughs: unknown = Tuple.of('ha', 'ha');
    for (let i = 0; i < 60; i++) laughs = Tuple.of(laughs, laughs);
    const spiteful = Object.assign(new Namespace(), { toString: null, valueOf: null });
    const float = new PickledObject('torch', 'FloatStorage');
    const base = serialize([torch.ones([2])]);
    const archive = Buffer.concat([...base].map((chunk) => chunk.slice()));
    for (const odd of [laughs, spiteful, 'x'.repeat(5000)]) {
      for (const id of [
        Tuple.of<unknown>('storage', float, odd, 'cpu', 2),
        Tuple.of<unknown>('storage', odd, '0', 'cpu', 2),
        Tuple.of<unknown>('storage', float, '0', odd, 2),
        Tuple.of<unknown>('storage', float, '0', 'cpu', odd),
        Tuple.of<unknown>(odd, float, '0', 'cpu', 2),
        odd,
      ]) {
        const bytes = withRecord(archive, 'data.pkl', () => pickle([new PersistentId(id)]).slice());
        expect(outcome(() => deserialize(bytes))).toMatch(/CORRUPT|MISSING|UNAVAILABLE/);
      }
    }
  });

  it('by nesting deeper than the stack is read or refused', () => {
    const deep = (opcode: number[], count: number) =>
      Uint8Array.from([...new Array<number[]>(count).fill(opcode).flat(), 0x2e]);
    expect(outcome(() => unpickle(deep([0x5d], 200_000)))).toBe('value');
    expect(outcome(() => unpickle(deep([0x29, 0x85], 200_000), { globals: loadGlobals }))).toBe('value');
    const nested = Buffer.from(`${'['.repeat(200_000)}${']'.repeat(200_000)}`);
    const header = Buffer.concat([Buffer.from('{"a":'), nested, Buffer.from('}')]);
    const bytes = Buffer.alloc(8 + header.length);
    bytes.writeBigUInt64LE(BigInt(header.length));
    bytes.set(header, 8);
    expect(outcome(() => deserializeSafetensors(bytes))).toBe('SAFETENSORS_CORRUPT');
  });

  it('by containing itself is read as such', () => {
    // ]q\0 h\0 a . : a list with itself inside
    const { value } = unpickle(Uint8Array.of(0x5d, 0x71, 0, 0x68, 0, 0x61, 0x2e)) as { value: unknown[] };
    expect(value[0]).toBe(value);
  });

  it('by one list or dict that is copied for each of many calls is refused, or soon read', () => {
    const list = [0x5d, 0x28, ...new Array<number>(20_000).fill(0x4e), 0x65, 0x71, 0];
    const dict = [
      0x7d,
      0x28,
      ...Array.from({ length: 20_000 }, (_, i) => [0x8c, 2, 33 + (i % 90), 33 + Math.floor(i / 90)]).flatMap((key) => [
        ...key,
        0x4e,
      ]),
      0x75,
      0x71,
      0,
    ];
    const global = (name: string) => [...Buffer.from(`c${name.replace(/\.(?=[^.]*$)/, '\n')}\n`), 0x71, 1];
    const programs = [
      [...list, ...global('some.where.Thing'), ...new Array(20_000).fill([0x68, 1, 0x68, 0, 0x52]).flat()],
      [...list, ...global('numpy.dtype'), ...new Array(20_000).fill([0x68, 1, 0x68, 0, 0x52, 0x30]).flat()],
      [...dict, ...global('argparse.Namespace'), 0x29, 0x52, ...new Array(20_000).fill([0x68, 0, 0x62]).flat()],
      [...dict, ...global('collections.OrderedDict'), 0x29, 0x52, ...new Array(20_000).fill([0x68, 0, 0x62]).flat()],
    ];
    for (const program of programs)
      expect(outcome(() => unpickle(Uint8Array.from([...program, 0x2e]), { globals: loadGlobals }))).toBe(
        'PICKLE_CORRUPT',
      );
  });

  it('by keys that reach prototypes gives plain own fields', () => {
    const { value } = unpickle(
      pickle(
        new Map([
          ['__proto__', new Map([['polluted', true]])],
          ['constructor', 1 as never],
        ]),
      ),
    );
    expect(Object.keys(value as object)).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect((value as Record<string, unknown>).polluted).toBeUndefined();
    const state = Object.assign(Object.create(null), { ['__proto__']: { polluted: 1 } }) as object;
    const namespace = new PickledObject('argparse', 'Namespace', 'new', new Tuple());
    namespace.state = new Map(Object.entries(state));
    const read = unpickle(pickle(namespace), { globals: loadGlobals }).value as Namespace;
    expect(Object.getPrototypeOf(read)).toBe(Namespace.prototype);
  });

  it('by sizes and strides beyond all memory is refused', () => {
    const storage = new torch.Parameter(torch.ones([4]));
    const archive = Buffer.concat([...serialize([storage])].map((chunk) => chunk.slice()));
    const id = new PersistentId(
      Tuple.of<unknown>('storage', new PickledObject('torch', 'FloatStorage'), '0', 'cpu', 4),
    );
    const large = Number.MAX_SAFE_INTEGER;
    const layouts: [unknown, unknown, unknown][] = [
      [0, Tuple.of(large), Tuple.of(1)],
      [0, Tuple.of(2, large), Tuple.of(0, 0)],
      [0, Tuple.of(0, large, large), Tuple.of(1, 1, 1)],
      [large, Tuple.of(1), Tuple.of(1)],
      [0, Tuple.of(2), Tuple.of(large)],
      [0, Tuple.of(-1), Tuple.of(1)],
      [0, Tuple.from(new Array(5000).fill(1)), Tuple.from(new Array(5000).fill(1))],
      [0, Tuple.of(2, 2), Tuple.of(1)],
    ];
    for (const [offset, size, stride] of layouts) {
      const tensor = new PickledObject(
        'torch._utils',
        '_rebuild_tensor_v2',
        'call',
        Tuple.of<unknown>(id, offset, size, stride, false, new Map()),
      );
      const bytes = withRecord(archive, 'data.pkl', () => pickle(tensor).slice());
      expect(outcome(() => deserialize(bytes))).toMatch(/CORRUPT|value/);
    }
  });
});
