import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import { Adagrad, Adam, RMSprop, SGD, SparseAdam } from './index.js';

interface Case {
  name: 'SparseAdam' | 'Adagrad' | 'SGD';
  options: Record<string, unknown>;
  dtype: torch.DType;
  last: number[][];
  stateKeys: Record<string, string[]>;
}
const { cases } = JSON.parse(
  readFileSync(new URL('../../test/fixtures/optim/sparse.json', import.meta.url), 'utf8'),
) as {
  cases: Case[];
};
const constructors = { SparseAdam, Adagrad, SGD };
const camel = (options: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(options).map(([key, value]) => [key.replace(/_(.)/g, (_, c: string) => c.toUpperCase()), value]),
  );
const sparseGrad = (rows: number[], values: torch.Tensor) =>
  torch.sparseCooTensor(torch.tensor([rows]), values, [6, 3]);

describe('optimizers with sparse gradients', () => {
  for (const { name, options, dtype, last, stateKeys } of cases)
    it(`${name} ${JSON.stringify(options)} in ${dtype} equals Python bit for bit`, () => {
      torch.manualSeed(7);
      const table = torch.randn([6, 3], { dtype, requiresGrad: true });
      const optimizer = new constructors[name]([table], camel(options));
      for (let i = 0; i < 20; i++) {
        table.grad = sparseGrad([i % 6, (i * i) % 6, 2], torch.randn([3, 3], { dtype }));
        optimizer.step();
      }
      expect([table.detach().double().tolist()]).toEqual(last);
      const keys = Object.fromEntries(
        [...optimizer.stateDict().state].map(([i, state]) => [String(i), Object.keys(state).sort()]),
      );
      if (name !== 'SGD') expect(keys).toEqual(stateKeys);
      if (name === 'SparseAdam') expect(optimizer.stateDict().state.get(0)?.step).toBe(20);
    });

  it('leave the rows alone that the gradient does not name', () => {
    const table = torch.ones([6, 3], { requiresGrad: true });
    const optimizer = new SparseAdam([table], { lr: 0.5 });
    table.grad = sparseGrad([1], torch.ones([1, 3]));
    optimizer.step();
    table.grad = sparseGrad([4], torch.ones([1, 3]));
    optimizer.step();
    const changed = (table.tolist() as number[][]).map((row) => row[0] !== 1);
    expect(changed).toEqual([false, true, false, false, true, false]);
  });

  it('say what to do when the kind of gradient does not fit', () => {
    const table = torch.ones([6, 3], { requiresGrad: true });
    table.grad = torch.ones([6, 3]);
    expect(() => new SparseAdam([table]).step()).toThrow(/sparse gradients only.*use Adam/);
    table.grad = sparseGrad([1], torch.ones([1, 3]));
    expect(() => new Adam([table]).step()).toThrow(/Adam cannot use sparse gradients/);
    expect(() => new RMSprop([table]).step()).toThrow(/RMSprop cannot use sparse gradients/);
    expect(() => new Adagrad([table], { weightDecay: 0.1 }).step()).toThrow(/weightDecay/);
  });
});
