import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeTensor,
  decodeValue,
  type EncodedTensor,
  type EncodedValue,
  expectSameBits,
  readFixture,
  torchErrorOf,
} from '../test/encodedTensor.js';
import type { Index, Tensor } from './index.js';
import * as torch from './index.js';

type EncodedIndex = EncodedValue | { $slice: [number | null, number | null, number | null] };
const fixture = readFixture<{
  x: EncodedTensor;
  reads: { index: EncodedIndex[]; result: EncodedTensor; isView: boolean }[];
  writes: { index: EncodedIndex[]; value: EncodedValue; result: EncodedTensor }[];
}>('indexing/indexing.json');

function decodeIndex(entry: EncodedIndex): Index {
  if (typeof entry === 'object' && entry !== null && '$slice' in entry) {
    const [start, stop, step] = entry.$slice;
    return { start: start ?? undefined, stop: stop ?? undefined, step: step ?? undefined };
  }
  return decodeValue(entry) as Index;
}
const describeIndex = (index: EncodedIndex[]) =>
  index
    .map((entry) => {
      if (typeof entry !== 'object' || entry === null) return String(entry);
      if ('$slice' in entry) return entry.$slice.map((part) => part ?? '').join(':');
      if ('$tensor' in entry) return `tensor(${JSON.stringify(decodeTensor(entry.$tensor as EncodedTensor).tolist())})`;
      return JSON.stringify(entry);
    })
    .join(', ');

describe('reading by index equals Python', () => {
  for (const { index, result, isView } of fixture.reads)
    it(`x[${describeIndex(index)}]`, () => {
      const x = decodeTensor(fixture.x);
      const read = x.at(...index.map(decodeIndex));
      expectSameBits(read.to('int8'), result);
      expect(read.dtype).toBe('int64');
      if (read.numel() > 0) expect(read.storageId() === x.storageId()).toBe(isView);
    });
});

describe('writing by index equals Python', () => {
  for (const { index, value, result } of fixture.writes)
    it(`x[${describeIndex(index)}] = ${typeof value === 'object' ? String(decodeValue(value)).slice(0, 60) : value}`, () => {
      const x = decodeTensor(fixture.x);
      expect(x.setAt(index.map(decodeIndex), decodeValue(value) as Tensor | number)).toBe(x);
      expectSameBits(x.to('int8'), result);
    });
});

describe('slices', () => {
  /** Python's slice of a list, element by element. */
  function slowSlice<T>(list: T[], start: number | undefined, stop: number | undefined, step: number): T[] {
    const bound = (value: number) => Math.min(list.length, Math.max(0, value < 0 ? value + list.length : value));
    const to = stop === undefined ? list.length : bound(stop);
    const out: T[] = [];
    for (let i = start === undefined ? 0 : bound(start); i < to; i += step) out.push(list[i]!);
    return out;
  }
  const part = fc.option(fc.integer({ min: -9, max: 9 }), { nil: undefined });
  const slice = fc.record({ start: part, stop: part, step: fc.integer({ min: 1, max: 4 }) });

  it('equal a plain loop for any start, stop and step, as objects and as text, in two dimensions', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 7 }),
        fc.integer({ min: 1, max: 7 }),
        slice,
        slice,
        (rows, columns, a, b) => {
          const x = torch.arange(rows * columns).view([rows, columns]);
          const expected = slowSlice(x.tolist() as number[][], a.start, a.stop, a.step).map((row) =>
            slowSlice(row, b.start, b.stop, b.step),
          );
          const read = x.at(a, b);
          expect(read.tolist()).toEqual(expected);
          const text = ({ start, stop, step }: typeof a): Index => `${start ?? ''}:${stop ?? ''}:${step}`;
          expect(x.at(text(a), text(b)).equal(read)).toBe(true);
          if (read.numel() > 0) expect(read.storageId()).toBe(x.storageId());
        },
      ),
    );
  });

  it('write what a plain loop writes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), slice, (size, { start, stop, step }) => {
        const x = torch.arange(size);
        const chosen = new Set(slowSlice(x.tolist() as number[], start, stop, step));
        x.setAt([{ start, stop, step }], -1);
        expect(x.tolist()).toEqual(Array.from({ length: size }, (_, i) => (chosen.has(i) ? -1 : i)));
      }),
    );
  });

  it('gather and put the same elements as a plain loop for any list of positions', () => {
    const positions = fc.array(fc.integer({ min: -5, max: 4 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(positions, (list) => {
        const x = torch.arange(15).view([5, 3]);
        const rows = x.tolist() as number[][];
        expect(x.at(list).tolist()).toEqual(list.map((i) => rows.at(i)));
        expect(x.at('...', 1).at(torch.tensor(list)).tolist()).toEqual(list.map((i) => rows.at(i)![1]));
        for (const i of list) rows.at(i)![2] = -1;
        expect(x.setAt([list, 2], -1).tolist()).toEqual(rows);
      }),
    );
  });
});

describe('indexing', () => {
  const x = torch.arange(12).view([3, 4]);

  it('gives views that write through, and copies for masks and positions', () => {
    const y = x.clone();
    y.at(0, '1:3').fill_(9);
    y.at([1, 2]).fill_(7);
    y.at(y.eq(9)).fill_(5);
    expect(y.tolist()).toEqual([
      [0, 9, 9, 3],
      [4, 5, 6, 7],
      [8, 9, 10, 11],
    ]);
    expect(y.at().isSame(y)).toBe(false);
    expect(y.at().storageId()).toBe(y.storageId());
  });

  it('puts numbers, booleans and tensors of another dtype in the dtype of the tensor', () => {
    const y = torch.zeros(2, 2);
    y.setAt([0], true)
      .setAt([1, 0], torch.tensor(3))
      .setAt([[1], [1]], 2.5);
    expect(y.tolist()).toEqual([
      [1, 1],
      [3, 2.5],
    ]);
    expect(y.dtype).toBe('float32');
    const mask = torch.zeros([3], { dtype: 'bool' }).setAt([1], true);
    expect(mask.tolist()).toEqual([false, true, false]);
    expect(
      x
        .clone()
        .setAt([x.gt(5)], torch.tensor(1.9))
        .at(2)
        .tolist(),
    ).toEqual([1, 1, 1, 1]);
  });

  // PyTorch itself counts a mask of k dimensions as one here and goes wrong; this is what NumPy does.
  it('counts all dimensions of a mask before the entries that follow it', () => {
    const y = torch.arange(24).view([2, 3, 4]);
    const mask = torch.tensor([
      [true, false, true],
      [false, true, false],
    ]);
    expect(y.at(mask, 1).tolist()).toEqual([1, 9, 17]);
    expect(y.at(mask, '::2').tolist()).toEqual([
      [0, 2],
      [8, 10],
      [16, 18],
    ]);
    expect(y.at(mask, null).shape).toEqual([3, 1, 4]);
    expect(y.clone().setAt([mask, 1], -1).at('...', 1).tolist()).toEqual([
      [-1, 5, -1],
      [13, -1, 21],
    ]);
  });

  it('takes index tensors of any integer type', () => {
    for (const dtype of ['int8', 'int16', 'int32', 'int64'] as const)
      expect(x.at(torch.tensor([2, 0], { dtype }), 1).tolist()).toEqual([9, 1]);
    expect(x.at(torch.tensor([1, 0, 1], { dtype: 'uint8' })).shape).toEqual([2, 4]); // a mask, as in PyTorch
  });

  it('passes gradients to what was read and cuts them where something was written', () => {
    const w = torch.ones([4], { requiresGrad: true });
    w.at('1:3')
      .mul(3)
      .sum()
      .add(w.at([3, 3]).sum())
      .backward();
    expect(w.grad!.tolist()).toEqual([0, 3, 3, 2]);
    w.grad = null;
    const v = w.mul(2);
    v.setAt([0], 5);
    v.sum().backward();
    expect(w.grad!.tolist()).toEqual([0, 2, 2, 2]);
    const u = torch.zeros(3);
    u.setAt([1], w.at(2).mul(4));
    w.grad = null;
    u.sum().backward();
    expect(w.grad!.tolist()).toEqual([0, 0, 4, 0]);
  });

  it('refuses to write into a leaf that requires gradients', () => {
    expect(torchErrorOf(() => torch.ones([2], { requiresGrad: true }).setAt([0], 1)).code).toBe('AUTOGRAD');
  });

  it('names what is wrong with an index', () => {
    const code = (...index: unknown[]) => torchErrorOf(() => x.at(...(index as Index[]))).code;
    expect(code(3)).toBe('INDEX_OUT_OF_RANGE');
    expect(code(-4)).toBe('INDEX_OUT_OF_RANGE');
    expect(code(0, 0, 0)).toBe('INDEX_OUT_OF_RANGE');
    expect(code([0, 7])).toBe('INDEX_OUT_OF_RANGE');
    expect(code(torch.tensor([9]))).toBe('INDEX_OUT_OF_RANGE');
    expect(code(torch.tensor([true, false]))).toBe('INDEX_OUT_OF_RANGE');
    expect(code(1.5)).toBe('ARGUMENT_TYPE');
    expect(code([0.5])).toBe('ARGUMENT_TYPE');
    expect(code('a:b')).toBe('ARGUMENT_TYPE');
    expect(code('1:2:3:4')).toBe('ARGUMENT_TYPE');
    expect(code({ start: 0.5 })).toBe('ARGUMENT_TYPE');
    expect(code({ stop: Number.POSITIVE_INFINITY })).toBe('ARGUMENT_TYPE');
    expect(code('...', '...')).toBe('ARGUMENT_TYPE');
    expect(code(torch.tensor([0.5]))).toBe('ARGUMENT_TYPE');
    expect(code(['a'])).toBe('ARGUMENT_TYPE');
    expect(code(undefined)).toBe('ARGUMENT_TYPE');
    expect(code('::-1')).toBe('ARGUMENT_RANGE');
    expect(code({ step: 0 })).toBe('ARGUMENT_RANGE');
    expect(torchErrorOf(() => x.at([0, 1], [0, 1, 2])).message).toContain('broadcast');
    expect(torchErrorOf(() => x.setAt([0], torch.zeros(3))).code).toBe('SHAPE_MISMATCH');
    expect(torchErrorOf(() => x.setAt([[0, 1]], torch.zeros(3))).code).toBe('SHAPE_MISMATCH');
  });

  it('says what to do when a step is not positive', () => {
    expect(torchErrorOf(() => x.at('::-1')).message).toContain('flip()');
  });

  it('iterates over the first dimension', () => {
    expect([...x].map((row) => row.tolist())).toEqual(x.tolist());
    expect(torchErrorOf(() => [...torch.tensor(1)]).code).toBe('ARGUMENT_TYPE');
    expect([...torch.zeros(0, 3)]).toEqual([]);
  });
});
