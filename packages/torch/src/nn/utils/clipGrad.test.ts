import { describe, expect, it } from 'vitest';
import {
  decodeValue,
  type EncodedTensor,
  type EncodedValue,
  expectSameBits,
  readFixture,
  torchErrorOf,
} from '../../../test/encodedTensor.js';
import * as torch from '../../index.js';
import { clipGradNorm_, clipGradValue_ } from './clipGrad.js';

const { clips } = readFixture<{
  clips: {
    shapes: number[][];
    maxNorm: number;
    normType: EncodedValue;
    total: EncodedTensor;
    grads: EncodedTensor[];
  }[];
}>('nn/modules.json');

function withGrad(values: number[]): torch.Tensor {
  const tensor = torch.zeros([values.length], { requiresGrad: true });
  tensor.grad = torch.tensor(values, { dtype: 'float32' });
  return tensor;
}

describe('clipGradNorm_', () => {
  for (const { shapes, maxNorm, normType, total, grads } of clips)
    it(`to ${maxNorm} by the ${String(decodeValue(normType))}-norm of ${JSON.stringify(shapes)} equals Python bit for bit`, () => {
      torch.setNumThreads(1);
      torch.manualSeed(0);
      const parameters = shapes.map((shape) => torch.zeros(shape, { requiresGrad: true }));
      for (const parameter of parameters) parameter.grad = torch.randnLike(parameter);
      expectSameBits(clipGradNorm_(parameters, maxNorm, { normType: decodeValue(normType) as number }), total);
      parameters.forEach((parameter, i) => {
        expectSameBits(parameter.grad!, grads[i]!);
      });
    });

  it('returns the norm from before, and leaves out parameters without a gradient', () => {
    const a = withGrad([3, 4]);
    expect(clipGradNorm_([a, torch.zeros([2], { requiresGrad: true })], 1).item()).toBe(5);
    const [x, y] = a.grad!.tolist() as number[];
    expect(x).toBeCloseTo(0.6, 6);
    expect(y).toBeCloseTo(0.8, 6);
    expect(clipGradNorm_([], 1).item()).toBe(0);
    expect(clipGradNorm_(withGrad([6, 8]), 20).item()).toBe(10);
  });

  it('reports a norm that is not finite when it is asked to', () => {
    const a = withGrad([Number.NaN, 1]);
    expect(Number.isNaN(clipGradNorm_([a], 1).item())).toBe(true);
    const b = withGrad([Number.POSITIVE_INFINITY, 1]);
    expect(torchErrorOf(() => clipGradNorm_([b], 1, { errorIfNonfinite: true })).code).toBe('AUTOGRAD');
    expect(b.grad!.tolist()).toEqual([Number.POSITIVE_INFINITY, 1]);
  });
});

describe('clipGradValue_', () => {
  it('clamps every element', () => {
    const a = withGrad([-3, 0.5, 2]);
    clipGradValue_([a, torch.zeros([1], { requiresGrad: true })], 1);
    expect(a.grad!.tolist()).toEqual([-1, 0.5, 1]);
  });
});
