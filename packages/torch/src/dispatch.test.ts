import { describe, expect, it } from 'vitest';
import { torchErrorOf } from '../test/encodedTensor.js';
import type { Tensor } from './index.js';
import * as torch from './index.js';
import { ops } from './ops.js';

const x = torch.arange(6, { dtype: 'float32' }).view([2, 3]);
/** Calls past the types, as plain JavaScript would. */
const loose = (value: unknown) => value as Record<string, (...args: unknown[]) => unknown>;

describe('the form of an operator is chosen by the arguments', () => {
  it('tells the engine nothing for an optional tensor that is null or left out', () => {
    // histogram asks whether there are weights, and would take an empty tensor for some.
    const counts = [1, 1, 0, 1];
    const values = torch.tensor([1, 2, 3.5]);
    expect(torch.histogram(values, 4, { weight: null }).hist.tolist()).toEqual(counts);
    expect(torch.histogram(values, 4).hist.tolist()).toEqual(counts);
  });

  it('sum: all, by dimension, by dimensions, positional and by name', () => {
    expect(x.sum().item()).toBe(15);
    expect(x.sum(1).tolist()).toEqual([3, 12]);
    expect(x.sum(-2).tolist()).toEqual([3, 5, 7]);
    expect(x.sum(1, true).tolist()).toEqual([[3], [12]]);
    expect((loose(x).sum!(1, { keepdim: true }) as Tensor).shape).toEqual([2, 1]);
    expect(x.sum([0, 1], true).shape).toEqual([1, 1]);
    expect(x.sum({ dim: 0 }).tolist()).toEqual([3, 5, 7]);
    expect(x.sum({ dtype: 'float64' }).dtype).toBe('float64');
    expect(x.sum(0, true, { dtype: 'int64' }).tolist()).toEqual([[3, 5, 7]]);
  });

  it('max: all, by dimension with indices, and of two tensors', () => {
    expect(x.max().item()).toBe(5);
    const { values, indices } = x.max(1);
    expect([values.tolist(), indices.tolist(), indices.dtype]).toEqual([[2, 5], [2, 2], 'int64']);
    expect(x.max(0, true).values.shape).toEqual([1, 3]);
    expect(x.max(0, { keepdim: true }).indices.shape).toEqual([1, 3]);
    expect(torch.max(x, torch.full([3], 2.5)).tolist()).toEqual([
      [2.5, 2.5, 2.5],
      [3, 4, 5],
    ]);
  });

  it('std: unbiased or not, by dimension, by correction', () => {
    const v = torch.tensor([1, 2, 3, 4], { dtype: 'float64' });
    expect(v.var().item()).toBeCloseTo(5 / 3, 12);
    expect(v.var(false).item()).toBeCloseTo(1.25, 12);
    expect(v.var({ unbiased: false }).item()).toBeCloseTo(1.25, 12);
    expect(v.var(0, { correction: 2 }).item()).toBeCloseTo(2.5, 12);
    expect(v.view([2, 2]).std(1, false).tolist()).toEqual([0.5, 0.5]);
    expect(v.view([2, 2]).std(1, false, true).shape).toEqual([2, 1]);
  });

  it('clamp: bounds may be null, left out, tensors or named', () => {
    expect(x.clamp(1, 3).sum().item()).toBe(1 + 1 + 2 + 3 + 3 + 3);
    expect(x.clamp(null, 3).max().item()).toBe(3);
    expect(x.clamp(2).min().item()).toBe(2);
    expect(x.clamp({ max: 4 }).max().item()).toBe(4);
    expect(
      x
        .clamp(torch.tensor([1, 1, 5], { dtype: 'float32' }))
        .at(0)
        .tolist(),
    ).toEqual([1, 1, 5]);
  });

  it('div rounds as roundingMode says', () => {
    const v = torch.tensor([-7, 7]);
    expect(v.div(2).tolist()).toEqual([-3.5, 3.5]);
    expect(v.div(2, { roundingMode: 'floor' }).tolist()).toEqual([-4, 3]);
    expect(v.div(torch.tensor(2), { roundingMode: 'trunc' }).tolist()).toEqual([-3, 3]);
    expect(v.div(2, { roundingMode: 'floor' }).dtype).toBe('int64');
    expect(torchErrorOf(() => v.div(2, { roundingMode: 'up' })).message).toContain("found 'up'");
  });

  it('where: tensors, numbers on either side, and positions when only the condition is given', () => {
    const c = x.gt(2);
    expect(torch.where(c, x, 0).tolist()).toEqual([
      [0, 0, 0],
      [3, 4, 5],
    ]);
    expect(torch.where(c, 1, x).tolist()).toEqual([
      [0, 1, 2],
      [1, 1, 1],
    ]);
    expect(torch.where(c, 1, 0).dtype).toBe('int64');
    expect(torch.where(c, 1.5, 0).dtype).toBe('float32');
    expect(ops.aten.where(c).map((t) => t.tolist())).toEqual([
      [1, 1, 1],
      [0, 1, 2],
    ]);
  });

  it('split: by one size or by several', () => {
    const sizes = (list: Tensor[]) => list.map((t) => t.shape);
    expect(sizes(torch.arange(5).split(2))).toEqual([[2], [2], [1]]);
    expect(sizes(torch.arange(5).split([1, 4]))).toEqual([[1], [4]]);
    expect(sizes(x.split(2, 1))).toEqual([
      [2, 2],
      [2, 1],
    ]);
    expect(sizes(x.split(1, { dim: 1 }))).toEqual([
      [2, 1],
      [2, 1],
      [2, 1],
    ]);
  });

  it('a number stands for a tensor, and takes its dtype from it', () => {
    expect(torch.tensor([1, 2]).add(1).dtype).toBe('int64');
    expect(torch.tensor([1, 2]).add(0.5).dtype).toBe('float32');
    expect(torch.ones([2], { dtype: 'float64' }).mul(0.1).tolist()).toEqual([0.1, 0.1]);
    expect(torch.ones([2], { dtype: 'float16' }).mul(3).dtype).toBe('float16');
    expect(torch.tensor([true]).add(true).dtype).toBe('bool');
    expect(torch.tensor([1], { dtype: 'int32' }).add(5n).dtype).toBe('int32');
    expect(
      torch
        .maximum(x, loose({ two: 2 }).two as unknown as Tensor)
        .min()
        .item(),
    ).toBe(2);
    expect(torch.pow(2, torch.tensor([1, 2, 3])).tolist()).toEqual([2, 4, 8]);
    expect(
      torch
        .tensor([2n ** 62n])
        .add(2n ** 61n)
        .item({ bigint: true }),
    ).toBe(2n ** 62n + 2n ** 61n);
    expect(Object.is(torch.zeros(1).mul(-0).item(), -0)).toBe(true);
  });

  it('one number stands for both values of an int[2]', () => {
    const image = torch.ones(1, 1, 4, 4);
    expect(torch.maxPool2d(image, 2).shape).toEqual([1, 1, 2, 2]);
    expect(torch.maxPool2d(image, [2, 4]).shape).toEqual([1, 1, 2, 1]);
    expect(torch.conv2d(image, torch.ones(1, 1, 3, 3), null, 1, 1).shape).toEqual([1, 1, 4, 4]);
    expect(torch.conv2d(image, torch.ones(1, 1, 3, 3), { padding: 'same' }).shape).toEqual([1, 1, 4, 4]);
    expect(torch.conv2d(image, torch.ones(1, 1, 3, 3), { stride: 2, padding: [1, 0] }).shape).toEqual([1, 1, 2, 1]);
  });

  it('a generator goes in the options', () => {
    const draw = () => torch.bernoulli(torch.full([20], 0.5), { generator: new torch.Generator().manualSeed(4) });
    expect(draw().equal(draw())).toBe(true);
    const perm = () => torch.randperm(20, { generator: new torch.Generator().manualSeed(4) });
    expect(perm().equal(perm())).toBe(true);
  });

  it('an undefined argument or option is one that was left out', () => {
    expect(x.sum(undefined).item()).toBe(15);
    expect(x.sum(1, undefined, { dtype: undefined }).tolist()).toEqual([3, 12]);
    expect(torch.zeros([1], { dtype: undefined, device: undefined }).dtype).toBe('float32');
    expect(x.sum({}).item()).toBe(15);
  });

  it('ops has the forms with out, and private operators', () => {
    const out = torch.empty([2, 3]);
    const result = ops.aten.add(x, x, { out });
    expect(result.isSame(out)).toBe(true);
    expect(out.tolist()).toEqual(x.mul(2).tolist());
    expect(
      ops.aten.max(x, 1, false, { max: torch.empty(0), maxValues: torch.empty([0], { dtype: 'int64' }) } as never),
    ).toBeDefined();
    expect(ops.aten._softmax(x, 1, false).equal(x.softmax(1))).toBe(true);
  });

  it('in-place operators return the tensor itself', () => {
    const y = x.clone();
    expect(y.add_(1).mul_(2)).toBe(y);
    expect(y.at(0).tolist()).toEqual([2, 4, 6]);
    expect(y.zero_()).toBe(y);
  });

  it('several results have the names of the schema', () => {
    expect(Object.keys(x.sort())).toEqual(['values', 'indices']);
    expect(Object.keys(torch.linalgQr(x))).toEqual(['Q', 'R']);
    expect(x.unbind(0)).toHaveLength(2);
  });

  it('complex numbers can be arguments', () => {
    const c = torch.tensor([1, 2], { dtype: 'complex64' });
    expect(c.mul(torch.tensor({ re: 0, im: 1 })).tolist()).toEqual([
      { re: 0, im: 1 },
      { re: 0, im: 2 },
    ]);
    expect(
      c
        .fill_(torch.tensor({ re: 0, im: 1 }))
        .at(0)
        .item(),
    ).toEqual({ re: 0, im: 1 });
  });
});

describe('errors of operators', () => {
  const failing: [name: string, code: torch.TorchErrorCode, inMessage: string[], call: () => unknown][] = [
    [
      'matmul of shapes that do not fit',
      'SHAPE_MISMATCH',
      ['matmul(float32[2, 3], float32[2, 3])', '2x3 and 2x3'],
      () => x.matmul(x),
    ],
    ['cat of different sizes', 'SHAPE_MISMATCH', ['cat([float32[2, 3], float32[3, 2]])'], () => torch.cat([x, x.t()])],
    ['add that cannot broadcast', 'SHAPE_MISMATCH', ['add(float32[2, 3], float32[2])'], () => x.add(torch.ones(2))],
    ['view of another size', 'SHAPE_MISMATCH', ['view(float32[2, 3], [5])'], () => x.view([5])],
    [
      'conv2d with wrong channels',
      'SHAPE_MISMATCH',
      ['conv2d(', 'channels'],
      () => torch.conv2d(torch.ones(1, 2, 3, 3), torch.ones(1, 1, 2, 2)),
    ],
    ['select beyond the end', 'INDEX_OUT_OF_RANGE', ['select(float32[2, 3], 0, 5)'], () => x.select(0, 5)],
    [
      'a dimension that is not there',
      'INDEX_OUT_OF_RANGE',
      ['sum(float32[2, 3], 2)', 'range of [-2, 1]'],
      () => x.sum(2),
    ],
    [
      'a class outside the logits',
      'INDEX_OUT_OF_RANGE',
      ['crossEntropyLoss(float32[2, 3], int64[2])', '5'],
      () => torch.crossEntropyLoss(x, torch.tensor([5, 0])),
    ],
    [
      'an embedding outside the table',
      'INDEX_OUT_OF_RANGE',
      ['embedding('],
      () => torch.embedding(x, torch.tensor([9])),
    ],
    [
      'matmul of different dtypes',
      'DTYPE_MISMATCH',
      ['float32[2, 3]', 'float64[3, 2]'],
      () => x.matmul(x.double().t()),
    ],
    ['mean of integers', 'DTYPE_MISMATCH', ['mean(int64[2, 3])'], () => x.long().mean()],
    ['in-place result of another dtype', 'DTYPE_MISMATCH', ['int64[2]', 'Float'], () => torch.tensor([1, 2]).add_(0.5)],
    [
      'a word where a number belongs',
      'ARGUMENT_TYPE',
      ["add(float32[2, 3], 'a')", 'add(self: Tensor, other: Tensor'],
      () => loose(x).add!('a'),
    ],
    ['a missing argument', 'ARGUMENT_TYPE', ['matmul(float32[2, 3])', 'other: Tensor'], () => loose(x).matmul!()],
    ['null where a tensor belongs', 'ARGUMENT_TYPE', ['null'], () => loose(x).matmul!(null)],
    ['a fraction where an integer belongs', 'ARGUMENT_TYPE', ['sum(float32[2, 3], 0.5)'], () => x.sum(0.5)],
    [
      'an unknown option',
      'ARGUMENT_TYPE',
      ['keepDim: true', 'keepdim?: bool'],
      () => loose(x).sum!(1, { keepDim: true }),
    ],
    ['a list with something else in it', 'ARGUMENT_TYPE', [], () => loose(torch).cat!([x, null])],
    ['an unknown dtype', 'UNKNOWN_DTYPE', ["'float'", 'float32'], () => x.sum({ dtype: 'float' as torch.DType })],
    ['an absent device', 'DEVICE_UNAVAILABLE', ["'cuda:99'", 'sees: cpu'], () => x.to('cuda:99')],
    ['a word that names no device', 'DEVICE_UNAVAILABLE', ["'gpu'"], () => x.to('gpu' as 'cuda')],
    ['tensors on different devices', 'DEVICE_MISMATCH', ['add(', 'meta'], () => x.add(torch.ones([2, 3]).to('meta'))],
    ['a singular matrix', 'ENGINE', ['linalgInv(float32[2, 2])', 'singular'], () => torch.linalgInv(torch.zeros(2, 2))],
    [
      'backward of a tensor without history',
      'AUTOGRAD',
      ['float32[2, 3]', 'does not require grad'],
      () => x.backward(),
    ],
    ['backward of several elements', 'AUTOGRAD', ['scalar outputs'], () => x.clone().requiresGrad_().mul(2).backward()],
  ];
  for (const [name, code, inMessage, call] of failing)
    it(`${name}: ${code}`, () => {
      const error = torchErrorOf(call);
      expect(error.code, error.message).toBe(code);
      for (const part of inMessage) expect(error.message).toContain(part);
      expect(error.name).toBe('TorchError');
      expect(error.message).not.toMatch(/Exception raised from|frame #\d|0x[0-9a-f]{6}|\.so\b/);
      if (code !== 'ARGUMENT_TYPE') expect(error.operator).toMatch(/^\w+\(.*\)$/);
    });

  it('an operator that was refused leaves the next one as it is', () => {
    for (let i = 0; i < 3; i++) expect(() => x.matmul(x)).toThrow();
    expect(x.matmul(x.t()).shape).toEqual([2, 2]);
    expect(torchErrorOf(() => torch.tensor([[1], []])).operator).toBeNull();
  });

  it('a disposed tensor is named wherever it is used', () => {
    const gone = x.clone();
    gone.dispose();
    gone.dispose(); // twice does no harm
    const uses: (() => unknown)[] = [
      () => gone.add(1),
      () => x.add(gone),
      () => torch.cat([x, gone]),
      () => gone.shape,
      () => gone.item(),
      () => gone.tolist(),
      () => String(gone),
      () => gone.at(0),
      () => gone.requiresGrad,
      () => gone.backward(),
      () => gone.to('float64'),
      () => new (class extends torch.Parameter {})(gone),
    ];
    for (const use of uses) expect(torchErrorOf(use).code).toBe('TENSOR_DISPOSED');
  });

  it('memory that the system does not have is an error, not a crash', () => {
    const error = torchErrorOf(() => torch.empty([1e15]));
    expect([error.code, error.operator]).toEqual(['OUT_OF_MEMORY', 'empty([1000000000000000])']);
    expect(error.message).not.toContain('.cpp');
  });
});
