import { describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import { Adam, SGD } from './index.js';

describe('Optimizer', () => {
  it('leaves parameters without a gradient alone until they have one', () => {
    const a = torch.ones([2], { requiresGrad: true });
    const b = torch.ones([2], { requiresGrad: true });
    const optimizer = new Adam([a, b], { lr: 0.1 });
    a.sum().backward();
    optimizer.step();
    expect(b.tolist()).toEqual([1, 1]);
    expect(optimizer.state.has(b)).toBe(false);
    b.sum().backward();
    optimizer.step();
    expect((b.tolist() as number[])[0]).toBeCloseTo(0.9, 5);
    expect((optimizer.state.get(b)!.step as torch.Tensor).item()).toBe(1);
    expect((optimizer.state.get(a)!.step as torch.Tensor).item()).toBe(2);
  });

  it('runs the closure with gradients on and returns its loss', () => {
    const p = torch.ones([1], { requiresGrad: true });
    const optimizer = new SGD([p], { lr: 0.5 });
    const loss = torch.noGrad(() =>
      optimizer.step(() => {
        const value = p.mul(p).sum();
        value.backward();
        return value;
      }),
    );
    expect((loss as torch.Tensor).item()).toBe(1);
    expect(p.item()).toBe(0);
  });

  it('names what is wrong with its arguments', () => {
    const p = torch.ones([1], { requiresGrad: true });
    const codes = (fn: () => unknown) => {
      try {
        fn();
      } catch (error) {
        return (error as torch.TorchError).code;
      }
      return 'none';
    };
    expect(codes(() => new SGD([]))).toBe('OPTIMIZER_ARGUMENT');
    expect(codes(() => new SGD([p], { lr: -1 }))).toBe('OPTIMIZER_ARGUMENT');
    expect(codes(() => new SGD([p], { nesterov: true }))).toBe('OPTIMIZER_ARGUMENT');
    expect(codes(() => new Adam([p], { betas: [1, 0.9] }))).toBe('OPTIMIZER_ARGUMENT');
    expect(codes(() => new Adam([{ params: [p] }, { params: [p] }]))).toBe('OPTIMIZER_ARGUMENT');
    expect(codes(() => new Adam([p.mul(2)]))).toBe('OPTIMIZER_ARGUMENT');
    expect(codes(() => new Adam([p]).loadStateDict({ state: new Map(), param_groups: [] }))).toBe('OPTIMIZER_ARGUMENT');
  });
});
