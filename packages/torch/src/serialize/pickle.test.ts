import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SerializeError } from './errors.js';
import { numpyGlobals } from './numpyValues.js';
import { PersistentId, pickle } from './pickle.js';
import { pythonGlobals } from './pythonGlobals.js';
import { FrozenSet, Namespace, OrderedDict, PickledObject, PyComplex, PyFloat, Size, Tuple } from './pythonValues.js';
import { unpickle } from './unpickle.js';

const fixtures = new URL('../../test/fixtures/serialize/', import.meta.url);
const fixture = (name: string) => new Uint8Array(readFileSync(new URL(name, fixtures)));
const globals = [pythonGlobals, numpyGlobals];
const read = (bytes: Uint8Array) => unpickle(bytes, { globals }).value;
const roundTrip = (value: unknown) => read(pickle(value));
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

function errorOf(action: () => unknown): SerializeError {
  try {
    action();
  } catch (error) {
    if (error instanceof SerializeError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('pickle', () => {
  it('writes numbers as Python writes ints and floats', () => {
    expect(text(pickle(1))).toBe('\x80\x02K\x01.');
    expect(text(pickle(256))).toBe('\x80\x02M\x00\x01.');
    expect(text(pickle(-1))).toBe('\x80\x02J\xff\xff\xff\xff.');
    expect(text(pickle(2 ** 31))).toBe('\x80\x02\x8a\x05\x00\x00\x00\x80\x00.');
    expect(text(pickle(-(2n ** 63n)))).toBe('\x80\x02\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80.');
    expect(text(pickle(1.5))).toBe('\x80\x02G?\xf8\x00\x00\x00\x00\x00\x00.');
    expect(text(pickle(new PyFloat(1)))).toBe('\x80\x02G?\xf0\x00\x00\x00\x00\x00\x00.');
    expect(text(pickle(-0))).toBe('\x80\x02G\x80\x00\x00\x00\x00\x00\x00\x00.');
    expect(text(pickle(1e20))[2]).toBe('G');
  });

  it('writes a value met twice once, and reads it back as one', () => {
    const shared = { a: [1] };
    const [first, second] = roundTrip([shared, shared]) as unknown[];
    expect(first).toEqual(shared);
    expect(second).toBe(first);
  });

  it('keeps every kind of Python value through a round trip', () => {
    const inert = new PickledObject('some.module', 'Thing', 'new', Tuple.of(1));
    inert.state = { x: 1 };
    inert.items = [1, 2];
    inert.entries = [['k', 3]];
    const keyed = new PickledObject('some.module', 'Keyed', 'newWithKeywords', Tuple.of());
    keyed.keywords = { size: 3 };
    const odd = new OrderedDict<string, unknown>([['x', null]]);
    odd.attributes = { _metadata: new OrderedDict([['', { version: 1 }]]) };
    const value = {
      tuple: Tuple.of<unknown>(1, Tuple.of(), [2]),
      size: Size.from([2, 3]),
      set: new Set([1]),
      frozen: new FrozenSet(['a']),
      complex: new PyComplex(1, -0.5),
      bytes: Uint8Array.of(0, 255),
      noBytes: new Uint8Array(0),
      namespace: Object.assign(new Namespace(), { lr: 0.5 }),
      map: new Map<unknown, unknown>([
        [0, 'a'],
        [null, 'b'],
      ]),
      odd,
      inert,
      keyed,
      name: new PickledObject('some.module', 'function'),
      surrogate: 'a\ud800b',
      '': 'empty key',
    };
    const back = roundTrip(value) as typeof value;
    expect(back).toEqual(value);
    expect(back.size).toBeInstanceOf(Size);
    expect(back.odd.attributes).toEqual(odd.attributes);
  });

  it.each(['plain-protocol2.pkl', 'numpy-protocol2.pkl'])('writes back all of %s as it was read', (name) => {
    const value = read(fixture(name));
    expect(roundTrip(value)).toEqual(value);
  });

  it('round trips any nesting of plain data', () => {
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.string({ unit: 'binary' }),
        fc.double({ noNaN: true }),
        fc.integer(),
        fc.bigInt({ min: -(2n ** 300n), max: -(2n ** 54n) }),
        fc.bigInt({ min: 2n ** 54n, max: 2n ** 300n }),
        fc.boolean(),
        fc.constant(null),
        fc.uint8Array(),
        fc.array(tie('value'), { maxLength: 5 }),
        fc.array(tie('value'), { maxLength: 5 }).map((items) => Tuple.from(items)),
        fc.dictionary(fc.string(), tie('value'), { maxKeys: 5, noNullPrototype: true }),
        fc
          .array(fc.tuple(fc.integer(), tie('value')), { minLength: 1, maxLength: 5 })
          .map((entries) => new Map(entries)),
        fc.array(fc.tuple(fc.string(), tie('value')), { maxLength: 5 }).map((entries) => new OrderedDict(entries)),
      ),
    }));
    fc.assert(
      fc.property(value, (data) => {
        expect(roundTrip(data)).toEqual(data);
      }),
    );
  });

  it('names the path of a value that cannot be saved', () => {
    expect(errorOf(() => pickle({ callbacks: [{ best: undefined }] }))).toMatchObject({ code: 'VALUE_UNSUPPORTED' });
    expect(errorOf(() => pickle({ callbacks: [{ best: undefined }] })).message).toContain(
      'value.callbacks[0].best is undefined',
    );
    class Custom {}
    expect(errorOf(() => pickle({ 'a b': new Map([[3, new Custom()]]) })).message).toContain(
      'value["a b"][3] is an object of the class Custom',
    );
    expect(errorOf(() => pickle([() => 1])).code).toBe('VALUE_UNSUPPORTED');
    expect(errorOf(() => pickle({ x: new Float32Array(2) })).message).toContain('torch.fromTypedArray');
    expect(errorOf(() => pickle(new Map([[[1], 1]]))).message).toContain('an array as a key');
  });

  it('names the path of a cycle instead of following it', () => {
    const node: Record<string, unknown> = { children: [] };
    (node.children as unknown[]).push(node);
    const error = errorOf(() => pickle({ tree: node }));
    expect(error.code).toBe('VALUE_CYCLE');
    expect(error.message).toContain('value.tree.children[0]');
  });

  it('refuses nesting no reader can follow', () => {
    let nested: unknown[] = [];
    for (let i = 0; i < 5000; i++) nested = [nested];
    expect(errorOf(() => pickle(nested)).code).toBe('VALUE_CYCLE');
  });

  it('refuses a class name that would be read back as opcodes', () => {
    const evil = new PickledObject('os\nsystem\n(S"x"\ntR.', 'x');
    expect(errorOf(() => pickle(evil)).code).toBe('VALUE_UNSUPPORTED');
  });

  it('writes what the caller reduces, and hands its ids back to the caller', () => {
    class Blob {
      constructor(readonly id: string) {}
    }
    const blob = new Blob('x');
    const bytes = pickle([blob, blob], {
      reduce: (value) =>
        value instanceof Blob
          ? new PickledObject('m', 'blob', 'call', Tuple.of(new PersistentId(Tuple.of(value.id))))
          : undefined,
    });
    const seen: unknown[] = [];
    const { value } = unpickle(bytes, {
      globals: [new Map([['m.blob', { call: ([content]: unknown[]) => ({ content }) }]])],
      persistentLoad: (id) => {
        seen.push(id);
        return 'loaded';
      },
    });
    expect(value).toEqual([{ content: 'loaded' }, { content: 'loaded' }]);
    expect((value as unknown[])[0]).toBe((value as unknown[])[1]);
    expect(seen).toEqual([Tuple.of('x')]);
  });
});
