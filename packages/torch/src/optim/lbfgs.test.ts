import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import { LBFGS, type LBFGSOptions } from './index.js';

interface Case {
  options: Record<string, unknown>;
  dtype: torch.DType;
  losses: number[];
  last: number[][];
  stateKeys: string[];
  groupKeys: string[];
  funcEvals: number;
  nIter: number;
}
const { cases } = JSON.parse(
  readFileSync(new URL('../../test/fixtures/optim/lbfgs.json', import.meta.url), 'utf8'),
) as {
  cases: Case[];
};

const camel = (options: Record<string, unknown>): LBFGSOptions =>
  Object.fromEntries(
    Object.entries(options).map(([key, value]) => [key.replace(/_(.)/g, (_, c: string) => c.toUpperCase()), value]),
  );

function start(dtype: torch.DType): [torch.Tensor, torch.Tensor] {
  torch.manualSeed(7);
  return [torch.randn([37], { dtype, requiresGrad: true }), torch.randn([3], { dtype, requiresGrad: true })];
}
/** A curved valley with a flat floor, and a bowl. */
function closureFor([x, y]: [torch.Tensor, torch.Tensor], optimizer: LBFGS): () => torch.Tensor {
  return () => {
    optimizer.zeroGrad();
    // One view for each mention, as in Python: gradients add up in the same order.
    const left = () => x.narrow(0, 0, 36);
    const floor = left().neg().add(1).pow(2);
    const valley = floor.add(x.narrow(0, 1, 36).sub(left().pow(2)).pow(2).mul(5)).sum();
    const loss = valley.add(y.cosh().mul(3).sum());
    loss.backward();
    return loss;
  };
}
const values = (params: torch.Tensor[]) => params.map((p) => p.detach().double().tolist());
const codeOf = (fn: () => unknown): string => {
  try {
    fn();
  } catch (error) {
    return (error as torch.TorchError).code;
  }
  return 'none';
};

describe('LBFGS', () => {
  for (const { options, dtype, losses, last, funcEvals, nIter } of cases)
    it(`${JSON.stringify(options)} in ${dtype} equals Python bit for bit`, () => {
      const params = start(dtype);
      const optimizer = new LBFGS(params, camel(options));
      const closure = closureFor(params, optimizer);
      expect(losses.map(() => (optimizer.step(closure) as torch.Tensor).item())).toEqual(losses);
      expect(values(params)).toEqual(last);
      expect(optimizer.stateDict().state.get(0)).toMatchObject({ func_evals: funcEvals, n_iter: nIter });
    });

  it('writes the state keys that Python writes, but for a scratch list', () => {
    const { options, dtype, stateKeys, groupKeys } = cases[0]!;
    const params = start(dtype);
    const optimizer = new LBFGS(params, camel(options));
    optimizer.step(closureFor(params, optimizer));
    const saved = optimizer.stateDict();
    expect(Object.keys(saved.state.get(0)!).sort()).toEqual(stateKeys.filter((key) => key !== 'al'));
    expect(Object.keys(saved.param_groups[0]!).sort()).toEqual(groupKeys);
  });

  it('continues exactly from a saved state', () => {
    for (const { options, dtype } of cases) {
      const params = start(dtype);
      const optimizer = new LBFGS(params, camel(options));
      const closure = closureFor(params, optimizer);
      for (let i = 0; i < 2; i++) optimizer.step(closure);
      const copies = params.map((p) => p.detach().clone().requiresGrad_()) as [torch.Tensor, torch.Tensor];
      const second = new LBFGS(copies);
      second.loadStateDict(optimizer.stateDict());
      optimizer.step(closure);
      second.step(closureFor(copies, second));
      expect(values(copies)).toEqual(values(params));
    }
  });

  it('refuses a missing closure, an asynchronous one, and one without a loss', () => {
    const params = start('float32');
    const optimizer = new LBFGS(params);
    expect(() => optimizer.step()).toThrow(/needs a closure/);
    expect(() => optimizer.step((async () => 1) as unknown as () => number)).toThrow(/returned a promise/);
    expect(() => optimizer.step(() => null)).toThrow(/must return the loss/);
    expect(torch.isGradEnabled()).toBe(true);
  });

  it('names what is wrong with its arguments', () => {
    const params = start('float32');
    expect(codeOf(() => new LBFGS([{ params: [params[0]] }, { params: [params[1]] }]))).toBe('OPTIMIZER_ARGUMENT');
    expect(codeOf(() => new LBFGS(params, { maxIter: 0 }))).toBe('OPTIMIZER_ARGUMENT');
    expect(codeOf(() => new LBFGS(params, { maxEval: 1.5 }))).toBe('OPTIMIZER_ARGUMENT');
    expect(codeOf(() => new LBFGS(params, { historySize: 0 }))).toBe('OPTIMIZER_ARGUMENT');
    expect(codeOf(() => new LBFGS(params, { toleranceGrad: -1 }))).toBe('OPTIMIZER_ARGUMENT');
    expect(codeOf(() => new LBFGS(params, { lineSearchFn: 'armijo' as never }))).toBe('OPTIMIZER_ARGUMENT');
  });
});
