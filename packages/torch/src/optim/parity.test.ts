import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import * as optim from './index.js';

interface Case {
  name: Name;
  options: Record<string, unknown>;
  dtype: torch.DType;
  fifth: number[][];
  last: number[][];
  groupKeys: string[];
  stateKeys: Record<string, string[]>;
}
const { cases } = JSON.parse(
  readFileSync(new URL('../../test/fixtures/optim/optimizers.json', import.meta.url), 'utf8'),
) as {
  cases: Case[];
};

const { Adadelta, Adagrad, Adam, Adamax, AdamW, ASGD, NAdam, RAdam, RMSprop, Rprop, SGD } = optim;
const constructors = { Adadelta, Adagrad, Adam, Adamax, AdamW, ASGD, NAdam, RAdam, RMSprop, Rprop, SGD };
type Name = keyof typeof constructors;

const camel = (options: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(options).map(([key, value]) => [key.replace(/_(.)/g, (_, c: string) => c.toUpperCase()), value]),
  );

function make(name: Name, params: torch.Tensor[], options: object): optim.Optimizer {
  return new (constructors[name] as new (params: torch.Tensor[], options: object) => optim.Optimizer)(params, options);
}
function start(dtype: torch.DType): torch.Tensor[] {
  torch.manualSeed(7);
  return [torch.randn([37], { dtype, requiresGrad: true }), torch.randn([3], { dtype, requiresGrad: true })];
}
function step(params: torch.Tensor[], optimizer: optim.Optimizer): void {
  optimizer.zeroGrad();
  const loss = params.map((p) => p.mul(p).mul(p.sin()).sum()).reduce((a, b) => a.add(b));
  loss.backward();
  optimizer.step();
}
const values = (params: torch.Tensor[]) => params.map((p) => p.detach().double().tolist());

describe('optimizers', () => {
  for (const fused of [true, false])
    for (const { name, options, dtype, fifth, last } of cases)
      it(`${name} ${JSON.stringify(options)} in ${dtype} equals Python bit for bit, ${fused ? 'fused' : 'op by op'}`, () => {
        const params = start(dtype);
        const optimizer = make(name, params, { ...camel(options), fused });
        for (let i = 0; i < 20; i++) {
          step(params, optimizer);
          if (i === 4) expect(values(params)).toEqual(fifth);
        }
        expect(values(params)).toEqual(last);
      });

  it('write the state keys that Python writes', () => {
    for (const { name, options, dtype, stateKeys, groupKeys } of cases) {
      const params = start(dtype);
      const optimizer = make(name, params, camel(options));
      step(params, optimizer);
      const saved = optimizer.stateDict();
      const keys = Object.fromEntries([...saved.state].map(([i, state]) => [String(i), Object.keys(state).sort()]));
      // torch 1.13 lists an empty buffer for plain SGD, newer ones list nothing; both read either.
      if (!(name === 'SGD' && !options.momentum)) expect(keys).toEqual(stateKeys);
      // What only newer versions have; 1.13 ignores it.
      const newer = ['maximize', 'decoupled_weight_decay'];
      for (const key of Object.keys(saved.param_groups[0]!)) if (!newer.includes(key)) expect(groupKeys).toContain(key);
    }
  });

  it('write the step as the number that torch 1.13 writes for some of them, and as a tensor for the others', () => {
    for (const { name, options, dtype } of cases) {
      const params = start(dtype);
      const optimizer = make(name, params, camel(options));
      step(params, optimizer);
      const saved = optimizer.stateDict().state.get(0)?.step;
      if (name === 'SGD') expect(saved).toBeUndefined();
      else if (['RMSprop', 'Adadelta', 'Rprop'].includes(name)) expect(saved).toBe(1);
      else expect((saved as torch.Tensor).item()).toBe(1);
    }
  });

  it('continue exactly from a saved state', () => {
    for (const { name, options, dtype } of cases) {
      const params = start(dtype);
      const optimizer = make(name, params, camel(options));
      for (let i = 0; i < 3; i++) step(params, optimizer);
      const copies = params.map((p) => p.detach().clone().requiresGrad_());
      const second = make(name, copies, { lr: 9 });
      second.loadStateDict(optimizer.stateDict());
      for (let i = 0; i < 3; i++) {
        step(params, optimizer);
        step(copies, second);
      }
      expect(values(copies)).toEqual(values(params));
    }
  });

  it('give the same bits fused and op by op for any size and settings', () => {
    const extras: Partial<Record<Name, object>> = {
      SGD: { momentum: 0.9 },
      RMSprop: { momentum: 0.7, centered: true },
      Adagrad: { lrDecay: 0.1 },
      NAdam: { decoupledWeightDecay: true },
      RAdam: { decoupledWeightDecay: true, maximize: true, betas: [0.9, 0.9] },
      AdamW: { amsgrad: true },
      ASGD: { t0: 2 },
      Rprop: { stepSizes: [1e-3, 0.02] },
    };
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 70_000 }),
        fc.double({ min: 1e-5, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 0.3, noNaN: true }),
        fc.constantFrom(
          'SGD',
          'Adam',
          'AdamW',
          'RMSprop',
          'Adagrad',
          'Adadelta',
          'Adamax',
          'NAdam',
          'RAdam',
          'ASGD',
          'Rprop',
        ),
        (size, lr, weightDecay, name) => {
          const run = (fused: boolean) => {
            torch.manualSeed(size);
            const p = torch.randn([size], { requiresGrad: true });
            const decay = name === 'Rprop' ? {} : { weightDecay };
            const optimizer = make(name as Name, [p], { lr, ...decay, fused, ...extras[name as Name] });
            for (let i = 0; i < 7; i++) {
              p.grad = torch.randn([size]);
              optimizer.step();
            }
            return p.detach();
          };
          expect(run(true).equal(run(false))).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('treat a complex parameter as a pair of real ones', () => {
    const names: Name[] = ['RMSprop', 'Adagrad', 'Adadelta', 'Adamax', 'NAdam', 'RAdam', 'ASGD', 'Rprop'];
    for (const name of names) {
      torch.manualSeed(3);
      const z = torch.randn([5], { dtype: 'complex64', requiresGrad: true });
      const pair = torch.viewAsReal(z.detach()).clone().requiresGrad_();
      const complex = make(name, [z], { lr: 0.05 });
      const real = make(name, [pair], { lr: 0.05, fused: false });
      for (let i = 0; i < 6; i++) {
        const grad = torch.randn([5], { dtype: 'complex64' });
        z.grad = grad;
        pair.grad = torch.viewAsReal(grad).clone();
        complex.step();
        real.step();
      }
      expect(torch.viewAsReal(z.detach()).tolist(), name).toEqual(pair.tolist());
    }
  });
});
