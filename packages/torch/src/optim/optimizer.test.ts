import { describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import {
  Adadelta,
  Adagrad,
  Adam,
  Adamax,
  ASGD,
  NAdam,
  type Optimizer,
  RAdam,
  RMSprop,
  Rprop,
  SGD,
  SparseAdam,
} from './index.js';

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
    const bad: [new (params: torch.Tensor[], options: never) => Optimizer, object][] = [
      [RMSprop, { alpha: -1 }],
      [RMSprop, { momentum: -0.1 }],
      [Adagrad, { lrDecay: -1 }],
      [Adagrad, { initialAccumulatorValue: -1 }],
      [Adadelta, { rho: 1.1 }],
      [Adadelta, { eps: -1 }],
      [Adamax, { betas: [0.9, 1] }],
      [NAdam, { momentumDecay: -1 }],
      [NAdam, { betas: [-0.1, 0.9] }],
      [RAdam, { weightDecay: -1 }],
      [ASGD, { lr: -1 }],
      [ASGD, { t0: Number.NaN }],
      [Rprop, { etas: [1.1, 1.2] }],
      [Rprop, { etas: [0.5, 0.9] }],
      [Rprop, { stepSizes: [2, 1] }],
      [SparseAdam, { lr: 0 }],
      [SparseAdam, { eps: 0 }],
    ];
    for (const [constructor, options] of bad)
      expect(
        codes(() => new constructor([p], options as never)),
        `${constructor.name} ${JSON.stringify(options)}`,
      ).toBe('OPTIMIZER_ARGUMENT');
    expect(codes(() => new Adam([p]).loadStateDict({ state: new Map(), param_groups: [] }))).toBe('OPTIMIZER_ARGUMENT');
  });

  it('keeps a state for what only some settings need once they are turned on', () => {
    const p = torch.ones([2], { requiresGrad: true });
    const optimizer = new RMSprop([p], { lr: 0.1 });
    const step = () => {
      p.grad = torch.ones([2]);
      optimizer.step();
    };
    step();
    expect(Object.keys(optimizer.state.get(p)!)).toEqual(['step', 'square_avg']);
    optimizer.paramGroups[0]!.momentum = 0.9;
    optimizer.paramGroups[0]!.centered = true;
    step();
    expect(Object.keys(optimizer.state.get(p)!)).toEqual(['step', 'square_avg', 'momentum_buffer', 'grad_avg']);
    expect((optimizer.state.get(p)!.step as torch.Tensor).item()).toBe(2);
  });

  it('has Adagrad keep sums from the start, also for parameters that are added later', () => {
    const [a, b] = [torch.ones([2], { requiresGrad: true }), torch.ones([1], { requiresGrad: true })];
    const optimizer = new Adagrad([a], { initialAccumulatorValue: 0.5 });
    optimizer.addParamGroup({ params: [b], initialAccumulatorValue: 4 });
    expect((optimizer.state.get(a)!.sum as torch.Tensor).tolist()).toEqual([0.5, 0.5]);
    expect((optimizer.state.get(b)!.sum as torch.Tensor).tolist()).toEqual([4]);
  });

  it('gives the numbers of the specification’s small example', () => {
    const goldens: [(p: torch.Tensor[]) => Optimizer, number[][]][] = [
      [
        (p) => new RMSprop(p, { lr: 0.1 }),
        [
          [0, -1],
          [0, -0.550987],
          [0, -0.309687],
        ],
      ],
      [
        (p) => new Adagrad(p, { lr: 0.1 }),
        [
          [0.9, -1.9],
          [0.833104, -1.831125],
          [0.780456, -1.775821],
        ],
      ],
      [
        (p) => new RAdam(p, { lr: 0.1 }),
        [
          [0.8, -1.6],
          [0.621053, -1.242105],
          [0.462303, -0.924607],
        ],
      ],
      [
        (p) => new Adamax(p, { lr: 0.1 }),
        [
          [0.9, -1.9],
          [0.805168, -1.802534],
          [0.715499, -1.707648],
        ],
      ],
      [
        (p) => new Adadelta(p),
        [
          [0.996838, -1.996838],
          [0.993598, -1.993596],
          [0.990309, -1.990301],
        ],
      ],
    ];
    for (const [make, expected] of goldens) {
      const p = torch.tensor([1, -2], { dtype: 'float32', requiresGrad: true });
      const optimizer = make([p]);
      for (const values of expected) {
        optimizer.zeroGrad();
        p.mul(p).sum().backward();
        optimizer.step();
        for (const [i, value] of values.entries()) expect((p.tolist() as number[])[i]).toBeCloseTo(value, 5);
      }
    }
  });
});
