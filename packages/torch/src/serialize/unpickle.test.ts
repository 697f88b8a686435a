import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SerializeError } from './errors.js';
import { type NumpyArray, numpyGlobals } from './numpyValues.js';
import { pythonGlobals } from './pythonGlobals.js';
import { FrozenSet, Namespace, OrderedDict, PickledObject, PyComplex, Tuple } from './pythonValues.js';
import { unpickle } from './unpickle.js';

const fixtures = new URL('../../test/fixtures/serialize/', import.meta.url);
const globals = [pythonGlobals, numpyGlobals];
const fixture = (name: string) => new Uint8Array(readFileSync(new URL(name, fixtures)));
const read = (bytes: Uint8Array) => unpickle(bytes, { globals }).value;
const ascii = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof SerializeError) return error.code;
    throw error;
  }
  return 'no error';
}

describe.each([0, 1, 2, 3, 4, 5])('plain data in protocol %i', (protocol) => {
  const value = read(fixture(`plain-protocol${protocol}.pkl`)) as Record<string, unknown>;

  it('reads constants, numbers and text as Python wrote them', () => {
    expect([value.none, value.yes, value.no]).toEqual([null, true, false]);
    expect(value.ints).toEqual([0, 1, 255, 256, 65535, 65536, -1, -2147483648, 2147483647, 2147483648, 2 ** 53 - 1]);
    expect(value.large).toEqual([2n ** 53n, -(2n ** 63n), 2n ** 64n, 2n ** 200n, -(2n ** 200n), -(2n ** 53n)]);
    expect(value.floats).toEqual([0.5, -0, 1e300, Infinity, -Infinity, 5e-324]);
    expect(value.nan).toBeNaN();
    expect(value.text).toEqual(['', 'plain', 'grüße', '日本', '😀', 'line\nbreak', 'back\\slash', '\udc80']);
  });

  it('reads bytes, tuples and dicts, with their kinds of keys', () => {
    expect(value.bytes).toEqual([new Uint8Array(0), ascii('abc'), Uint8Array.from({ length: 256 }, (_, i) => i)]);
    expect(value.bytearray).toEqual(ascii('xyz'));
    const tuples = value.tuples as Tuple[];
    expect(tuples.every((tuple) => tuple instanceof Tuple)).toBe(true);
    expect(tuples.map((tuple) => tuple.length)).toEqual([0, 1, 2, 3, 4, 2]);
    expect(tuples[5]?.[1]).toEqual(Tuple.of<unknown>(2, [3]));
    // Python folds the key True into 1.
    expect(value.dict).toEqual(
      new Map<unknown, unknown>([
        [1, 4],
        ['two', 2],
        [null, 3],
      ]),
    );
    expect(value.empty).toEqual({});
    expect(value.ordered).toEqual(
      new OrderedDict([
        ['b', 1],
        ['a', 2],
      ]),
    );
    expect(value.ordered).toBeInstanceOf(OrderedDict);
    expect((value.long as number[]).at(-1)).toBe(2499);
    expect(Object.keys(value.wide as object)).toHaveLength(1200);
  });

  it('keeps a list that is met twice one list', () => {
    const [first, second] = value.shared as unknown[][];
    expect(first).toEqual([1, 'two']);
    expect(second).toBe(first);
  });

  it('reads sets, complex numbers, paths and namespaces', () => {
    expect(value.set).toEqual(new Set([1, 2]));
    expect(value.frozenset).toEqual(new FrozenSet(['x']));
    expect(value.frozenset).toBeInstanceOf(FrozenSet);
    expect(value.complex).toEqual(new PyComplex(1.5, -2));
    expect(value.path).toBe('/data/set/a.bin');
    expect(value.default).toEqual({ k: [1] });
  });

  it('keeps classes it does not know as records that ran nothing', () => {
    const date = value.date as PickledObject;
    expect(date).toBeInstanceOf(PickledObject);
    expect([date.module, date.name]).toEqual(['datetime', 'date']);
    expect(date.args).toEqual(Tuple.of(Uint8Array.of(0x07, 0xe8, 2, 29)));
  });

  it('reads a namespace as an object of that class', () => {
    const namespace = value.namespace as Namespace;
    expect(namespace).toBeInstanceOf(Namespace);
    expect({ ...namespace }).toMatchObject({ lr: 0.1, layers: [64, 10] });
    expect((namespace.nested as Namespace).name).toBe('x');
  });
});

describe.each([2, 5])('numpy values in protocol %i', (protocol) => {
  const value = read(fixture(`numpy-protocol${protocol}.pkl`)) as Record<string, unknown>;

  it('reads scalars as numbers', () => {
    expect(value.float64).toBe(0.25);
    expect(value.float32).toBe(1.5);
    expect(value.int64).toBe(-(2n ** 62n));
    expect(value.uint8).toBe(200);
    expect(value.bool).toBe(true);
    expect(value.date).toBeInstanceOf(PickledObject);
  });

  it('reads arrays with their type, shape and order', () => {
    const matrix = value.matrix as NumpyArray;
    expect([matrix.dtype, matrix.shape, matrix.fortranOrder]).toEqual(['<f4', [2, 3], false]);
    expect(new Float32Array((matrix.data as Uint8Array).slice().buffer)).toEqual(Float32Array.of(0, 1, 2, 3, 4, 5));
    expect((value.column as NumpyArray).fortranOrder).toBe(true);
    expect((value.big_endian as NumpyArray).dtype).toBe('>i2');
    expect((value.words as NumpyArray).dtype).toBe('<U3');
    expect((value.objects as NumpyArray).data).toEqual([{ a: 1 }, null]);
  });
});

describe('hostile and damaged streams', () => {
  it('never reach a prototype through a key or an attribute', () => {
    const value = read(ascii('}U\x09__proto__}U\x01xK\x01ss.')) as object;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it('turn a call of os.system into a record', () => {
    const value = read(ascii("cos\nsystem\n(S'echo owned'\ntR.")) as PickledObject;
    expect([value.module, value.name, value.kind, [...value.args]]).toEqual(['os', 'system', 'call', ['echo owned']]);
  });

  it.each([
    ['nothing at all', ''],
    ['no end', 'N'],
    ['an empty stack at the end', '.'],
    ['an unknown opcode', '\xff.'],
    ['a future protocol', '\x80\x06N.'],
    ['a missing mark', 'NNt.'],
    ['a memo that was never set', 'h\x05.'],
    ['a text longer than the stream', 'X\xff\xff\xff\xffabc.'],
    ['a 64-bit length', '\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc.'],
    ['a negative length', 'T\xff\xff\xff\xffabc.'],
    ['text that is no UTF-8', 'X\x02\x00\x00\x00\xff\xff.'],
    ['an endless integer', `L${'9'.repeat(20_000)}\n.`],
    ['a frame longer than the stream', '\x95\x00\x01\x00\x00\x00\x00\x00\x00N.'],
    ['items for a number', 'K\x01Na.'],
    ['items for a tuple', ')Na.'],
    ['keys for a list', ']NNs.'],
    ['a key without a value', '}(Nu.'],
    ['a number that is called', 'K\x01)R.'],
    ['a call without arguments', 'cos\nsystem\nNR.'],
    ['a persistent id nobody can resolve', 'NQ.'],
    ['state for a list', ']}b.'],
    ['an extension code', '\x82\x01.'],
  ])('are refused with a code and an offset: %s', (_, stream) => {
    try {
      read(ascii(stream));
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(SerializeError);
      expect((error as SerializeError).code).toBe('PICKLE_CORRUPT');
      expect((error as SerializeError).offset).toBeGreaterThanOrEqual(0);
    }
  });

  it('cannot make a short stream fill the memory by copying one list again and again', () => {
    const list = `](${'N'.repeat(100_000)}eq\x00`;
    const copies = `c__builtin__\nset\nq\x01(${'h\x01h\x00\x85R'.repeat(50_000)}t.`;
    expect(codeOf(() => read(ascii(list + copies)))).toBe('PICKLE_CORRUPT');
  });

  it('reads lists nested deeper than the stack', () => {
    let value = read(ascii(`${']'.repeat(200_000)}${'a'.repeat(199_999)}.`)) as unknown[];
    let depth = 1;
    while (value.length > 0) {
      value = value[0] as unknown[];
      depth++;
    }
    expect(depth).toBe(200_000);
  });

  it('reads a dict that contains itself', () => {
    const value = read(ascii('}q\x00U\x01ah\x00s.')) as { a: unknown };
    expect(value.a).toBe(value);
  });

  it.each([
    'plain-protocol0.pkl',
    'plain-protocol2.pkl',
    'plain-protocol5.pkl',
    'numpy-protocol2.pkl',
    'numpy-protocol5.pkl',
  ])('give nothing but a value or a SerializeError when bytes of %s are lost or flipped', (name) => {
    const bytes = fixture(name);
    const change = fc.record({ at: fc.nat(bytes.length - 1), to: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 4 }), fc.nat(bytes.length), fc.boolean(), (changes, cut, cuts) => {
        const damaged = bytes.slice(0, cuts ? cut : bytes.length);
        for (const { at, to } of changes) if (at < damaged.length) damaged[at] = to;
        expect(codeOf(() => read(damaged))).toMatch(/^(PICKLE_CORRUPT|no error)$/);
      }),
      { numRuns: 300 },
    );
  });

  it('give nothing but a value or a SerializeError for random opcodes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(codeOf(() => read(bytes))).toMatch(/^(PICKLE_CORRUPT|no error)$/);
      }),
      { numRuns: 3000 },
    );
  });
});
