import { describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import { Muon, type MuonOptions } from './index.js';

const random = (shape: number[]) => torch.randn(shape, { requiresGrad: true });

/** Muon on one matrix, written out in float64. */
function plainMuon(start: torch.Tensor, grads: torch.Tensor[], options: MuonOptions): torch.Tensor {
  const { lr = 1e-3, weightDecay = 0.1, momentum = 0.95, nesterov = true, nsSteps = 5, adjustLrFn = null } = options;
  const [a, b, c] = options.nsCoefficients ?? [3.4445, -4.775, 2.0315];
  const [rows, cols] = start.shape as [number, number];
  let p = start.double();
  let mean = p.mul(0);
  for (const grad of grads) {
    const g = grad.double();
    mean = mean.mul(momentum).add(g.mul(1 - momentum));
    let x = nesterov ? g.mul(1 - momentum).add(mean.mul(momentum)) : mean;
    x = x.div(x.norm().clampMin(options.eps ?? 1e-7));
    for (let i = 0; i < nsSteps; i++) {
      const gram = x.matmul(x.t());
      const polynomial = gram.mul(b).add(gram.matmul(gram).mul(c));
      x = x.mul(a).add(polynomial.matmul(x));
    }
    const ratio =
      adjustLrFn === 'match_rms_adamw' ? 0.2 * Math.sqrt(Math.max(rows, cols)) : Math.sqrt(Math.max(1, rows / cols));
    p = p.mul(1 - lr * weightDecay).sub(x.mul(lr * ratio));
  }
  return p;
}

describe('Muon', () => {
  const settings: [number[], MuonOptions][] = [
    [[4, 6], {}],
    [[6, 4], { lr: 0.05, weightDecay: 0.2, momentum: 0.8 }],
    [[5, 5], { lr: 0.02, nesterov: false, adjustLrFn: 'match_rms_adamw' }],
    [[3, 8], { lr: 0.02, nsSteps: 3, nsCoefficients: [2, -1.5, 0.5], adjustLrFn: 'original' }],
  ];
  for (const [shape, options] of settings)
    it(`follows the published algorithm for ${shape.join(' × ')} with ${JSON.stringify(options)}`, () => {
      torch.manualSeed(5);
      const param = random(shape);
      const before = param.detach().clone();
      const grads = Array.from({ length: 8 }, () => torch.randn(shape));
      const optimizer = new Muon([param], options);
      for (const grad of grads) {
        param.grad = grad;
        optimizer.step();
      }
      const expected = plainMuon(before, grads, options);
      const error = param.detach().double().sub(expected).norm().item() as number;
      const moved = expected.sub(before.double()).norm().item() as number;
      expect(error / moved).toBeLessThan(1e-4);
    });

  it('moves all directions of a matrix alike', () => {
    torch.manualSeed(6);
    const param = torch.zeros([8, 8], { requiresGrad: true });
    param.grad = torch.diag(torch.tensor([100, 50, 20, 10, 5, 2, 1, 0.5]));
    new Muon([param], { lr: 1, weightDecay: 0 }).step();
    const sizes = torch.diag(param.detach()).tolist() as number[];
    for (const size of sizes) expect(size).toBeLessThan(-0.6);
    for (const size of sizes) expect(size).toBeGreaterThan(-1.4);
  });

  it('writes the settings and the state that torch writes', () => {
    const param = random([2, 3]);
    param.grad = torch.ones([2, 3]);
    const optimizer = new Muon([param]);
    optimizer.step();
    const saved = optimizer.stateDict();
    expect(Object.keys(saved.state.get(0)!)).toEqual(['momentum_buffer']);
    expect(Object.keys(saved.param_groups[0]!).sort()).toEqual(
      [
        'adjust_lr_fn',
        'eps',
        'lr',
        'momentum',
        'nesterov',
        'ns_coefficients',
        'ns_steps',
        'params',
        'weight_decay',
      ].sort(),
    );
    expect(saved.param_groups[0]!.ns_steps).toBe(5);
  });

  it('names what is wrong with its arguments', () => {
    const p = random([2, 2]);
    expect(() => new Muon([random([3])])).toThrow(/must be real matrices.*float32\[3\].*AdamW/);
    expect(() => new Muon([p], { lr: -1 })).toThrow(/lr must be 0 or more/);
    expect(() => new Muon([p], { nsSteps: 100 })).toThrow(/nsSteps must be a whole number from 0 to 99/);
    expect(() => new Muon([p], { nsCoefficients: [1, 2] as never })).toThrow(/nsCoefficients\[2\]/);
    expect(() => new Muon([p], { adjustLrFn: 'twice' as never })).toThrow(/adjustLrFn must be/);
  });
});
