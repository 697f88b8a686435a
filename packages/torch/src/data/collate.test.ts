import { describe, expect, expectTypeOf, it } from 'vitest';
import { ones, Tensor, type TorchError, zeros } from '../index.js';
import { defaultCollate, defaultConvert } from './index.js';

const messageOf = (fn: () => unknown): string => {
  try {
    fn();
  } catch (error) {
    expect((error as TorchError).code).toBe('DATA_LOADER');
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
};

describe('defaultCollate', () => {
  it('stacks tensors and typed arrays', () => {
    const batch = defaultCollate([
      [ones(2), new Float32Array([1, 2])],
      [zeros(2), new Float32Array([3, 4])],
    ] as [Tensor, Float32Array][]);
    expectTypeOf(batch).toEqualTypeOf<[Tensor, Tensor]>();
    expect(batch[0].tolist()).toEqual([
      [1, 1],
      [0, 0],
    ]);
    expect(batch[1].tolist()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(batch[1].dtype).toBe('float32');
    expect(defaultCollate([new BigInt64Array([1n])]).dtype).toBe('int64');
    expect(defaultCollate([new Uint8Array([200])]).dtype).toBe('uint8');
  });

  it('makes int64 of whole numbers and float64 of a column with one fraction', () => {
    expect(defaultCollate([1, 2]).dtype).toBe('int64');
    expect(defaultCollate([1, 2.5]).dtype).toBe('float64');
    expect(defaultCollate([1, Number.NaN]).dtype).toBe('float64');
    expect(defaultCollate([1e300]).dtype).toBe('float64');
    expect(defaultCollate([true, false]).dtype).toBe('bool');
    expect(defaultCollate([2n ** 62n]).item({ bigint: true })).toBe(2n ** 62n);
  });

  it('keeps objects and Maps, by the keys of the first sample', () => {
    const batch = defaultCollate([
      { x: 1, y: 'a' },
      { x: 2, y: 'b', z: 3 },
    ]);
    expect(Object.keys(batch)).toEqual(['x', 'y']);
    const map = defaultCollate([new Map([['k', 1]]), new Map([['k', 2]])]);
    expect(map.get('k')!.tolist()).toEqual([1, 2]);
  });

  it('leaves text and bytes a list', () => {
    expect(defaultCollate(['a', 'b'])).toEqual(['a', 'b']);
    const bytes = [Buffer.from('x'), Buffer.from('longer')];
    expect(defaultCollate(bytes)).toEqual(bytes);
  });

  it('says what it cannot collate, and where', () => {
    expect(messageOf(() => defaultCollate([{ a: [1, null] }]))).toContain('found null at sample.a[1]');
    expect(messageOf(() => defaultCollate([new Date()]))).toContain('an object of class Date');
    expect(messageOf(() => defaultCollate([undefined]))).toContain('found undefined');
    expect(messageOf(() => defaultCollate([]))).toContain('at least one sample');
    expect(messageOf(() => defaultCollate([[1, 2], [3]]))).toContain(
      'each element in list of batch should be of equal size',
    );
    expect(messageOf(() => defaultCollate<{ x?: number }>([{ x: 1 }, {}]))).toContain("has the key 'x', but sample 1");
    expect(messageOf(() => defaultCollate<unknown>([1, 'a']))).toContain(
      "has a number, but sample 1 of the batch has 'a'",
    );
    expect(messageOf(() => defaultCollate<unknown>([ones(1), 1]))).toContain('has a Tensor, but sample 1');
  });

  it('names the shapes of tensors that do not stack', () => {
    expect(() => defaultCollate([ones(2), ones(3)])).toThrow(/stack expects each tensor to be equal size/);
  });
});

describe('defaultConvert', () => {
  it('turns typed arrays into tensors and leaves the rest', () => {
    const tensor = ones(1);
    const converted = defaultConvert({
      a: new Float32Array([1]),
      b: [1, 'x'],
      c: tensor,
      d: new Map([['k', new Int32Array([2])]]),
      e: Buffer.from('x'),
    });
    expect(converted.a).toBeInstanceOf(Tensor);
    expect(converted.b).toEqual([1, 'x']);
    expect(converted.c).toBe(tensor);
    expect(converted.d.get('k')!.tolist()).toEqual([2]);
    expect(Buffer.isBuffer(converted.e)).toBe(true);
    expect(defaultConvert(3)).toBe(3);
  });
});
