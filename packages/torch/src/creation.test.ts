import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeTensor, type EncodedTensor, expectSameBits, readFixture, torchErrorOf } from '../test/encodedTensor.js';
import type { DType, NestedArray } from './index.js';
import * as torch from './index.js';

describe('tensor()', () => {
  it('infers the dtype from the values as Python does', () => {
    expect(torch.tensor([1, 2, 3]).dtype).toBe('int64');
    expect(torch.tensor([1, 2.5]).dtype).toBe('float32');
    expect(torch.tensor([2.5, 1]).dtype).toBe('float32');
    expect(torch.tensor([true, false]).dtype).toBe('bool');
    expect(torch.tensor([true, 2]).dtype).toBe('int64');
    expect(torch.tensor([true, 0.5]).dtype).toBe('float32');
    expect(torch.tensor([1n, 2]).dtype).toBe('int64');
    expect(torch.tensor([1.5, { re: 1, im: 2 }]).dtype).toBe('complex64');
    expect(torch.tensor([]).dtype).toBe('float32');
    expect(torch.tensor([Number.NaN, Number.POSITIVE_INFINITY]).dtype).toBe('float32');
    expect(torch.tensor(3).shape).toEqual([]);
    expect(torch.tensor([[], []]).shape).toEqual([2, 0]);
  });

  it('follows the default dtype', () => {
    torch.setDefaultDType('float64');
    try {
      expect(torch.tensor(0.1).dtype).toBe('float64');
      expect(torch.tensor({ re: 0, im: 1 } as NestedArray).dtype).toBe('complex128');
      expect(torch.zeros(2).dtype).toBe('float64');
      expect(torch.tensor(0.1).item()).toBe(0.1);
    } finally {
      torch.setDefaultDType('float32');
    }
    expect(torchErrorOf(() => torch.setDefaultDType('int64')).code).toBe('DTYPE_MISMATCH');
  });

  it('takes arrays nested to any depth, and typed arrays in them', () => {
    const x = torch.tensor([
      [
        [1, 2],
        [3, 4],
      ],
      [
        [5, 6],
        [7, 8],
      ],
    ]);
    expect(x.shape).toEqual([2, 2, 2]);
    expect(x.tolist()).toEqual([
      [
        [1, 2],
        [3, 4],
      ],
      [
        [5, 6],
        [7, 8],
      ],
    ]);
    expect(torch.tensor([new Float32Array([1.5, 2]), [3, 4]]).tolist()).toEqual([
      [1.5, 2],
      [3, 4],
    ]);
  });

  it('gives back any nested array of numbers', () => {
    const shape = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 4 });
    fc.assert(
      fc.property(shape, fc.boolean(), (sizes, fraction) => {
        let next = fraction ? 0.25 : 0;
        // Sizes after a zero cannot be told from nested arrays.
        const known = sizes.slice(0, sizes.indexOf(0) < 0 ? undefined : sizes.indexOf(0) + 1);
        const build = (depth: number): NestedArray =>
          depth === known.length ? next++ : Array.from({ length: known[depth]! }, () => build(depth + 1));
        const data = build(0);
        const x = torch.tensor(data);
        expect(x.shape).toEqual(known);
        expect(x.tolist()).toEqual(data);
      }),
    );
  });

  it('names what does not fit', () => {
    const code = (data: unknown, options?: torch.TensorOptions) =>
      torchErrorOf(() => torch.tensor(data as NestedArray, options)).code;
    expect(code([[1, 2], [3]])).toBe('SHAPE_MISMATCH');
    expect(
      code([
        [1, 2],
        [3, 4, 5],
      ]),
    ).toBe('SHAPE_MISMATCH');
    expect(code([[1, 2], 3])).toBe('SHAPE_MISMATCH');
    expect(code([1, [2, 3]])).toBe('ARGUMENT_TYPE');
    expect(code(['a'])).toBe('ARGUMENT_TYPE');
    expect(code('abc')).toBe('ARGUMENT_TYPE');
    expect(code([null])).toBe('ARGUMENT_TYPE');
    expect(code([undefined])).toBe('ARGUMENT_TYPE');
    expect(code({})).toBe('ARGUMENT_TYPE');
    expect(code([() => 1])).toBe('ARGUMENT_TYPE');
    expect(code([{ re: 1, im: 1 }], { dtype: 'float32' })).toBe('DTYPE_MISMATCH');
    expect(code([1], { dtype: 'float' as DType })).toBe('UNKNOWN_DTYPE');
    expect(code([1], { device: 'cuda:99' })).toBe('DEVICE_UNAVAILABLE');
    expect(code([1], { requiresGrad: true })).toBe('DTYPE_MISMATCH');
    expect(torchErrorOf(() => torch.tensor([[1, 2], [3]])).message).toContain('expected 2 entries at depth 1, got 1');
  });

  it('does not turn what int64 cannot hold into another number', () => {
    const code = (data: NestedArray, dtype: DType = 'int64') => torchErrorOf(() => torch.tensor(data, { dtype })).code;
    expect(code([2n ** 63n])).toBe('ARGUMENT_RANGE');
    expect(code([-(2n ** 63n) - 1n])).toBe('ARGUMENT_RANGE');
    expect(code([1e300])).toBe('ARGUMENT_RANGE');
    expect(code([Number.NaN])).toBe('ARGUMENT_RANGE');
    expect(code([Number.POSITIVE_INFINITY], 'int32')).toBe('ARGUMENT_RANGE');
    expect(torch.tensor([-(2n ** 63n), 2n ** 63n - 1n]).tolist({ bigint: true })).toEqual([
      -(2n ** 63n),
      2n ** 63n - 1n,
    ]);
    expect(torch.tensor([1.9, -1.9], { dtype: 'int64' }).tolist()).toEqual([1, -1]);
    expect(torch.tensor([2n ** 70n], { dtype: 'float32' }).item()).toBe(2 ** 70);
  });

  it('copies a tensor out of its graph', () => {
    const x = torch.ones([2], { requiresGrad: true });
    const y = torch.tensor(x.mul(2));
    expect([y.isLeaf, y.requiresGrad, y.tolist()]).toEqual([true, false, [2, 2]]);
    y.fill_(0);
    expect(x.tolist()).toEqual([1, 1]);
  });
});

describe('typed arrays', () => {
  const arrays: [torch.TypedArray, DType][] = [
    [new Float32Array([1.5, -2]), 'float32'],
    [new Float64Array([0.1, -2]), 'float64'],
    [new BigInt64Array([1n, -(2n ** 62n)]), 'int64'],
    [new Int32Array([1, -2]), 'int32'],
    [new Int16Array([1, -2]), 'int16'],
    [new Int8Array([1, -2]), 'int8'],
    [new Uint8Array([1, 254]), 'uint8'],
  ];
  it('keep their dtype and come back equal', () => {
    for (const [array, dtype] of arrays) {
      for (const x of [torch.tensor(array), torch.fromTypedArray(array)]) {
        expect(x.dtype).toBe(dtype);
        expect(x.toTypedArray()).toEqual(array);
      }
      expect(torch.tensor(array, { dtype: 'float64' }).dtype).toBe('float64');
    }
  });

  it('are copied once: neither side sees later changes of the other', () => {
    const array = new Float32Array(1000);
    torch.memory.collect();
    const before = torch.memory.stats().liveBytes;
    const x = torch.fromTypedArray(array, [10, 100]);
    const taken = torch.memory.stats().liveBytes - before;
    expect(taken).toBeGreaterThanOrEqual(4000);
    expect(taken).toBeLessThan(4200);
    array.fill(1);
    expect(x.sum().item()).toBe(0);
    const out = x.toTypedArray();
    x.fill_(2);
    expect(out[0]).toBe(0);
  });

  it('are copied in the order of the elements, whatever the strides', () => {
    const x = torch.arange(6).view([2, 3]).t();
    expect([...x.toTypedArray()]).toEqual([0n, 3n, 1n, 4n, 2n, 5n]);
    expect(x.tolist()).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
    ]);
    expect([...torch.arange(10).slice(0, 1, 8, 3).toTypedArray()]).toEqual([1n, 4n, 7n]);
  });

  it('take part of a larger buffer only', () => {
    const part = new Float32Array([0, 1, 2, 3, 4]).subarray(1, 4);
    expect(torch.tensor(part).tolist()).toEqual([1, 2, 3]);
    expect(torch.fromBuffer(part, 'float32').tolist()).toEqual([1, 2, 3]);
  });

  it('without a dtype are refused', () => {
    expect(torchErrorOf(() => torch.tensor(new Uint16Array([1]))).code).toBe('ARGUMENT_TYPE');
    expect(torchErrorOf(() => torch.tensor(new BigUint64Array([1n]) as unknown as NestedArray)).code).toBe(
      'ARGUMENT_TYPE',
    );
    expect(torchErrorOf(() => torch.fromTypedArray(new Float32Array(3), [2, 2])).code).toBe('SHAPE_MISMATCH');
  });
});

describe('every dtype', () => {
  const { values, bits } = readFixture<{ values: number[]; bits: Record<DType, EncodedTensor> }>('creation/bits.json');
  for (const dtype of torch.dtypes) {
    const source = dtype === 'uint8' ? values.map(Math.abs) : values;
    it(`${dtype} holds the bits that Python holds, through every way in and out`, () => {
      const expected = bits[dtype];
      const x = decodeTensor(expected); // fromBuffer
      expect(x.dtype).toBe(dtype);
      expect(x.elementSize()).toBe(torch.elementSizes[dtype]);
      expect(x.nbytes).toBe(6 * torch.elementSizes[dtype]);
      expectSameBits(torch.tensor(source, { dtype }).view([2, 3]), expected);
      expectSameBits(torch.tensor(new Float64Array(source), { dtype }).view([2, 3]), expected);
      if (dtype !== 'bool') expectSameBits(torch.tensor(source, { dtype: 'float64' }).to(dtype).view([2, 3]), expected);
      expectSameBits(torch.tensor(x.tolist() as NestedArray[], { dtype }), expected);
      const flat = x.toTypedArray();
      if (dtype !== 'float16' && dtype !== 'bfloat16')
        expectSameBits(torch.fromBuffer(flat, dtype, { shape: [2, 3] }), expected);
      else expectSameBits(torch.tensor(flat, { dtype }).view([2, 3]), expected);
    });
  }

  it('reads part of a buffer', () => {
    const buffer = new ArrayBuffer(16);
    new Float32Array(buffer).set([1, 2, 3, 4]);
    expect(torch.fromBuffer(buffer, 'float32', { offset: 4, count: 2 }).tolist()).toEqual([2, 3]);
    expect(torch.fromBuffer(buffer, 'float32', { offset: 8 }).tolist()).toEqual([3, 4]);
    expect(torchErrorOf(() => torch.fromBuffer(buffer, 'float32', { offset: 12, count: 2 })).code).toBe(
      'ARGUMENT_RANGE',
    );
    expect(torchErrorOf(() => torch.fromBuffer(buffer, 'float32', { offset: -4 })).code).toBe('ARGUMENT_RANGE');
    expect(torchErrorOf(() => torch.fromBuffer(buffer, 'nope' as DType)).code).toBe('UNKNOWN_DTYPE');
  });
});

describe('factories', () => {
  it('take sizes as an array or as arguments, and options', () => {
    expect(torch.zeros(2, 3).shape).toEqual([2, 3]);
    expect(torch.ones([2], { dtype: 'int32' }).tolist()).toEqual([1, 1]);
    expect(torch.ones([]).item()).toBe(1);
    expect(torch.empty([0, 3]).numel()).toBe(0);
    expect(torch.zeros([2], { requiresGrad: true }).requiresGrad).toBe(true);
    expect(torch.full([2], 1.5, { device: torch.deviceOf('cpu') }).tolist()).toEqual([1.5, 1.5]);
    expect(torch.eye(2, 3).tolist()).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ]);
    expect(torch.eye(2, { dtype: 'bool' }).tolist()).toEqual([
      [true, false],
      [false, true],
    ]);
  });

  it('count like Python', () => {
    expect(torch.arange(4).tolist()).toEqual([0, 1, 2, 3]);
    expect(torch.arange(4).dtype).toBe('int64');
    expect(torch.arange(1, 2, 0.25).tolist()).toEqual([1, 1.25, 1.5, 1.75]);
    expect(torch.arange(5, 0, -2).tolist()).toEqual([5, 3, 1]);
    expect(torch.arange(3, { dtype: 'float32' }).dtype).toBe('float32');
    expect(torch.arange(1, 3, { dtype: 'float64' }).tolist()).toEqual([1, 2]);
    expect(torch.linspace(0, 1, 5).tolist()).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(torch.logspace(0, 3, 4, { base: 2 }).tolist()).toEqual([1, 2, 4, 8]);
  });

  it('name options they do not have, and sizes they cannot make', () => {
    const wrong = torchErrorOf(() => torch.zeros([2], { devise: 'cpu' } as torch.TensorOptions));
    expect(wrong.code).toBe('ARGUMENT_TYPE');
    expect(wrong.message).toContain("devise: 'cpu'");
    expect(wrong.message).toContain('dtype?');
    expect(torchErrorOf(() => torch.zeros([2.5])).code).toBe('ARGUMENT_TYPE');
    expect(torchErrorOf(() => torch.zeros([-1])).message).toContain('negative dimension');
    expect(torchErrorOf(() => torch.randint(5, 5, [2])).message).toContain('from=5 >= to=5');
    expect(torchErrorOf(() => torch.zeros([2], { dtype: 'float' as DType })).code).toBe('UNKNOWN_DTYPE');
    const absent = torchErrorOf(() => torch.zeros([2], { device: 'cuda:99' }));
    expect([absent.code, absent.message.includes('sees: cpu')]).toEqual(['DEVICE_UNAVAILABLE', true]);
    expect(torchErrorOf(() => torch.zeros([2], { device: 'toaster' as 'cpu' })).code).toBe('DEVICE_UNAVAILABLE');
  });
});
