import { describe, expect, expectTypeOf, it } from 'vitest';
import { torchErrorOf } from '../test/encodedTensor.js';
import type { NestedArray, Tensor } from './index.js';
import * as torch from './index.js';

describe('a tensor', () => {
  const x = torch.arange(24, { dtype: 'float32' }).view([2, 3, 4]);

  it('tells its sizes', () => {
    expect([x.shape, x.size(), x.size(1), x.size(-1), x.dim(), x.ndim, x.numel()]).toEqual([
      [2, 3, 4],
      [2, 3, 4],
      3,
      4,
      3,
      3,
      24,
    ]);
    expect([x.stride(), x.storageOffset(), x.elementSize(), x.nbytes]).toEqual([[12, 4, 1], 0, 4, 96]);
    expect([x.isContiguous(), x.transpose(0, 1).isContiguous()]).toEqual([true, false]);
    expect(torch.ones(1, 2, 3, 3).to({ memoryFormat: 'channels_last' }).isContiguous('channels_last')).toBe(true);
    expect([x.layout, String(x.device), x.device.type, x.device.index]).toEqual(['strided', 'cpu', 'cpu', null]);
    expect(x.device).toBe(torch.zeros(1).device);
    expect(torchErrorOf(() => x.size(3)).code).toBe('INDEX_OUT_OF_RANGE');
    expect([
      x.isFloatingPoint(),
      x.long().isFloatingPoint(),
      torch.zeros([1], { dtype: 'complex64' }).isComplex(),
    ]).toEqual([true, false, true]);
  });

  it('turns its dimensions around with T and mT', () => {
    expect(x.mT.shape).toEqual([2, 4, 3]);
    expect(x.T.shape).toEqual([4, 3, 2]);
    expect(torch.ones(3).T.shape).toEqual([3]);
  });

  it('has a new shape array for each asking, so that changing it does no harm', () => {
    x.shape.push(9);
    expect(x.shape).toEqual([2, 3, 4]);
  });
});

describe('item()', () => {
  it('reads the one element, whatever the dimensions', () => {
    expect(torch.tensor([[2.5]]).item()).toBe(2.5);
    expect(torch.tensor(true).item()).toBe(1);
    expect(torch.tensor(7).item({ bigint: true })).toBe(7n);
    expect(torch.tensor({ re: 1, im: -2 }).item()).toEqual({ re: 1, im: -2 });
    expectTypeOf(torch.tensor(1).item()).toEqualTypeOf<number>();
    expectTypeOf(torch.tensor(1).item({ bigint: true })).toEqualTypeOf<bigint>();
  });

  it('reports tensors with none or several', () => {
    const error = torchErrorOf(() => torch.ones(2, 2).item());
    expect([error.code, error.message.includes('float32[2, 2]')]).toEqual(['SHAPE_MISMATCH', true]);
    expect(torchErrorOf(() => torch.empty(0).item()).code).toBe('SHAPE_MISMATCH');
    expect(torchErrorOf(() => torch.tensor(0.5).item({ bigint: true })).code).toBe('DTYPE_MISMATCH');
  });

  it('never rounds an int64', () => {
    const edge = torch.tensor([2n ** 53n - 1n, 2n ** 53n, -(2n ** 53n)]);
    expect(edge.at(0).item()).toBe(Number.MAX_SAFE_INTEGER);
    expect(torchErrorOf(() => edge.at(1).item()).code).toBe('INT64_UNSAFE');
    expect(torchErrorOf(() => edge.at(2).item()).code).toBe('INT64_UNSAFE');
    expect(edge.at(1).item({ bigint: true })).toBe(2n ** 53n);
    const list = torchErrorOf(() => edge.tolist());
    expect([list.code, list.message.includes('9007199254740992')]).toEqual(['INT64_UNSAFE', true]);
    expect(edge.tolist({ bigint: true })).toEqual([2n ** 53n - 1n, 2n ** 53n, -(2n ** 53n)]);
    expect(torch.tensor([1, 2]).tolist({ bigint: true })).toEqual([1n, 2n]);
  });
});

describe('tolist()', () => {
  it('nests like the shape and keeps the kind of the values', () => {
    expect(torch.tensor(5).tolist()).toBe(5);
    expect(torch.tensor([[true], [false]]).tolist()).toEqual([[true], [false]]);
    expect(torch.zeros(2, 0, 3).tolist()).toEqual([[], []]);
    expect(torch.tensor([{ re: 1, im: 2 }]).tolist()).toEqual([{ re: 1, im: 2 }]);
    expect(torch.tensor([0.5], { dtype: 'bfloat16' }).tolist()).toEqual([0.5]);
    expectTypeOf(torch.tensor(5).tolist()).toEqualTypeOf<NestedArray>();
  });

  it('reads tensors that require gradients, conjugates and sparse tensors', () => {
    expect(torch.ones([2], { requiresGrad: true }).mul(2).tolist()).toEqual([2, 2]);
    expect(
      torch
        .tensor([{ re: 1, im: 2 }])
        .conj()
        .tolist(),
    ).toEqual([{ re: 1, im: -2 }]);
    expect(torch.eye(2).toSparse().tolist()).toEqual([
      [1, 0],
      [0, 1],
    ]);
  });
});

describe('to()', () => {
  const x = torch.tensor([1.7, -2.2]);
  it('takes a dtype, a device, both, or another tensor', () => {
    expect(x.to('int32').tolist()).toEqual([1, -2]);
    expect(x.to('cpu').isSame(x)).toBe(true);
    expect(x.to(torch.deviceOf('cpu')).dtype).toBe('float32');
    expect(x.to('cpu', { dtype: 'float64' }).dtype).toBe('float64');
    expect(x.to({ dtype: 'float16', device: 'cpu' }).dtype).toBe('float16');
    expect(x.to(torch.zeros([1], { dtype: 'int64' })).dtype).toBe('int64');
    expect(x.to('meta').device.type).toBe('meta');
  });

  it('is the tensor itself when nothing changes, unless a copy is asked for', () => {
    expect(x.to({})).toBe(x);
    expect(x.to('float32').isSame(x)).toBe(true);
    const copy = x.to('float32', { copy: true });
    expect(copy.storageId()).not.toBe(x.storageId());
    expect(x.to({ copy: true }).equal(x)).toBe(true);
  });

  it('has short forms', () => {
    const dtypes = [x.float(), x.double(), x.half(), x.bfloat16(), x.long(), x.int(), x.bool(), x.cpu()].map(
      (t) => t.dtype,
    );
    expect(dtypes).toEqual(['float32', 'float64', 'float16', 'bfloat16', 'int64', 'int32', 'bool', 'float32']);
  });

  it('names devices that are not there, and words that are neither', () => {
    const error = torchErrorOf(() => x.cuda(99));
    expect([error.code, error.message.includes('sees: cpu')]).toEqual(['DEVICE_UNAVAILABLE', true]);
    expect(torchErrorOf(() => x.to('cuda:98')).message).toContain("'cuda:98'");
    expect(torchErrorOf(() => x.to('float' as 'float32')).code).toBe('DEVICE_UNAVAILABLE');
    expect(torch.devices()[0]).toBe('cpu');
    expect(torch.cuda.isAvailable()).toBe(torch.cuda.deviceCount() > 0);
  });
});

describe('Parameter', () => {
  it('is a leaf over the same memory, also when made of a result', () => {
    const data = torch.ones(2).mul(3);
    const parameter = new torch.Parameter(data);
    expect([parameter.requiresGrad, parameter.isLeaf, parameter.storageId() === data.storageId()]).toEqual([
      true,
      true,
      true,
    ]);
    expect(new torch.Parameter(data, { requiresGrad: false }).requiresGrad).toBe(false);
    expect(torchErrorOf(() => new torch.Parameter(torch.tensor([1]))).code).toBe('DTYPE_MISMATCH');
    expect(new torch.Parameter(torch.tensor([1]), { requiresGrad: false }).dtype).toBe('int64');
  });
});

describe('types of operators', () => {
  it('come from the schemas', () => {
    const x = torch.ones(2, 2);
    expectTypeOf(x.add(1)).toEqualTypeOf<Tensor>();
    expectTypeOf(x.max(1)).toEqualTypeOf<{ values: Tensor; indices: Tensor }>();
    expectTypeOf(x.max()).toEqualTypeOf<Tensor>();
    expectTypeOf(x.split(1)).toEqualTypeOf<Tensor[]>();
    expectTypeOf(x.equal(x)).toEqualTypeOf<boolean>();
    expectTypeOf(x.add_(1)).toEqualTypeOf<Tensor>();
    expectTypeOf(new torch.Parameter(x).add_).returns.toEqualTypeOf<torch.Parameter>();
    expectTypeOf(torch.noGrad(() => 'a')).toEqualTypeOf<string>();
    const wrong = () => {
      // @ts-expect-error a string is no operand
      x.add('1');
      // @ts-expect-error no dtype has this name
      torch.zeros([2], { dtype: 'float' });
      // @ts-expect-error no such option
      x.sum(0, true, { keepDims: true });
      // @ts-expect-error matmul needs an operand
      x.matmul();
      // @ts-expect-error there is no such operator
      x.addd(1);
      // @ts-expect-error a slice is written with a colon
      x.at('1');
    };
    expectTypeOf(wrong).returns.toEqualTypeOf<void>();
  });
});
