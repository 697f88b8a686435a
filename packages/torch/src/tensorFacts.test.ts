import { describe, expect, expectTypeOf, it } from 'vitest';
import { torchErrorOf } from '../test/encodedTensor.js';
import type { Tensor } from './index.js';
import * as torch from './index.js';

describe('facts about a tensor', () => {
  it('says where and how it lives', () => {
    const x = torch.ones([2, 3], { requiresGrad: true });
    const meta = torch.empty([2], { device: 'meta' });
    expect([x.isCpu, x.isCuda, x.isMps, x.isMeta, x.getDevice()]).toEqual([true, false, false, false, -1]);
    expect([meta.isCpu, meta.isMeta]).toEqual([false, true]);
    expect(x.isInference()).toBe(false);
    expect(torch.inferenceMode(() => torch.ones([1])).isInference()).toBe(true);
    expect(x.at(1).dataPtr() - x.dataPtr()).toBe(12n);
    const parts = x.unbind(0);
    expect(parts.map((part) => part.outputNr)).toEqual([0, 1]);
    expect([parts[0]!.retainsGrad, x.retainsGrad]).toEqual([false, false]);
    parts[0]!.retainGrad();
    expect(parts[0]!.retainsGrad).toBe(true);
    const y = torch.zeros([1]);
    const before = y.version;
    y.add_(1);
    expect(y.version - before).toBe(1);
  });

  it('converts to every dtype by name, and transposes with conjugation', () => {
    const x = torch.tensor([[1.5, 2]]);
    expect([x.short(), x.char(), x.byte(), x.cfloat(), x.cdouble()].map(({ dtype }) => dtype)).toEqual([
      'int16',
      'int8',
      'uint8',
      'complex64',
      'complex128',
    ]);
    const z = torch.complex(x, x);
    expect(z.mH.tolist()).toEqual([[{ re: 1.5, im: -1.5 }], [{ re: 2, im: -2 }]]);
    expect(z.H.shape).toEqual([2, 1]);
    expect(torch.tensor(3).H.item()).toBe(3);
  });

  it('has where, unique and polygamma', () => {
    const x = torch.tensor([3, 1, 3, 2]);
    expect(x.where(x.gt(2), 0).tolist()).toEqual([3, 0, 3, 0]);
    const plain = x.unique();
    expectTypeOf(plain).toEqualTypeOf<Tensor>();
    expect(plain.tolist()).toEqual([1, 2, 3]);
    const [values, inverse, counts] = torch.unique(x, { returnInverse: true, returnCounts: true });
    expect([values, inverse, counts].map((t) => t.tolist())).toEqual([
      [1, 2, 3],
      [2, 0, 2, 1],
      [1, 1, 2],
    ]);
    const [, onlyCounts] = x.unique({ returnCounts: true });
    expect(onlyCounts.tolist()).toEqual([1, 1, 2]);
    const rows = torch.tensor([
      [1, 2],
      [1, 2],
      [0, 5],
    ]);
    expect(rows.unique({ dim: 0 }).tolist()).toEqual([
      [0, 5],
      [1, 2],
    ]);
    expect(torch.tensor(1.5).polygamma(1).item()).toBeCloseTo(0.934803, 5);
  });
});

describe('promotion', () => {
  it('gives the dtype and the shape of what several make together', () => {
    expect(torch.promoteTypes('int32', 'float16')).toBe('float16');
    expect(torch.promoteTypes('uint8', 'int8')).toBe('int16');
    expect(torch.promoteTypes('bool', 'bool')).toBe('bool');
    const ints = torch.ones([2], { dtype: 'int32' });
    expect(torch.resultType(ints, 1.5)).toBe('float32');
    expect(torch.resultType(ints, torch.tensor(2, { dtype: 'int64' }))).toBe('int32'); // one without dimensions
    expect(torch.broadcastShapes([2, 1], [3], [1, 1, 3])).toEqual([1, 2, 3]);
    expect(torch.broadcastShapes()).toEqual([]);
    expect(torchErrorOf(() => torch.broadcastShapes([2], [3])).code).toBe('SHAPE_MISMATCH');
    const x = torch.ones([2]);
    expect(torch.asTensor(x).isSame(x)).toBe(true);
    expect(torch.asTensor([1, 2], { dtype: 'float64' }).dtype).toBe('float64');
    expect([torch.isTensor(x), torch.isTensor([1])]).toEqual([true, false]);
  });
});

describe('backends', () => {
  it('say what is there, and keep their switches', () => {
    const { backends } = torch;
    const isLinked = (name: string) => torch.showConfig().includes(name);
    expect(backends.openmp.isAvailable()).toBe(isLinked('OpenMP'));
    expect(backends.mkldnn.isAvailable()).toBe(isLinked('MKL-DNN') || isLinked('oneDNN'));
    expect(backends.cuda.isAvailable()).toBe(torch.cuda.isAvailable());
    expect(backends.cudnn.isAvailable()).toBe(backends.cuda.isAvailable() && backends.cudnn.isAvailable());
    for (const [owner, name] of [
      [backends.mkldnn, 'enabled'],
      [backends.cudnn, 'benchmark'],
      [backends.cudnn, 'deterministic'],
      [backends.cudnn, 'allowTf32'],
      [backends.cuda.matmul, 'allowTf32'],
    ] as [Record<string, boolean>, string][]) {
      const before = owner[name]!;
      owner[name] = !before;
      expect(owner[name], name).toBe(!before);
      owner[name] = before;
    }
  });

  it('trade precision for speed by name', () => {
    expect(torch.getFloat32MatmulPrecision()).toBe('highest');
    torch.setFloat32MatmulPrecision('medium');
    expect(torch.getFloat32MatmulPrecision()).toBe('medium');
    torch.setFloat32MatmulPrecision('highest');
    expect(torchErrorOf(() => torch.setFloat32MatmulPrecision('exact' as 'high')).code).toBe('ARGUMENT_RANGE');
    const tiny = () => torch.tensor(1e-40, { dtype: 'float64' }).float().mul(1).item();
    expect(tiny()).not.toBe(0);
    if (torch.setFlushDenormal(true)) expect(tiny()).toBe(0);
    torch.setFlushDenormal(false);
    expect(tiny()).not.toBe(0);
  });
});
