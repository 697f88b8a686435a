import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import * as nn from '../nn/index.js';
import { SGD } from '../optim/index.js';
import {
  AveragedModel,
  type AveragedModelOptions,
  getEmaAvgFn,
  getEmaMultiAvgFn,
  getSwaAvgFn,
  getSwaMultiAvgFn,
  updateBn,
} from './index.js';

type State = Record<string, unknown>;
const { cases } = JSON.parse(
  readFileSync(new URL('../../test/fixtures/optim/averages.json', import.meta.url), 'utf8'),
) as {
  cases: { kind: 'mean' | 'buffers' | 'custom'; state: State; updated: State }[];
};

const optionsOf: Record<(typeof cases)[number]['kind'], AveragedModelOptions> = {
  mean: {},
  buffers: { useBuffers: true },
  custom: { avgFn: (averaged, current) => averaged.mul(0.25).add(current.mul(0.75)) },
};
const plain = (model: nn.Module): State =>
  Object.fromEntries([...model.stateDict()].map(([key, value]) => [key, value.double().tolist()]));
const isBuffer = (key: string) => /running|num_batches/.test(key);
const model = () => new nn.Sequential(new nn.Linear(3, 4), new nn.BatchNorm1d(4));
const normOf = (source: nn.Module) => source.children()[1] as nn.BatchNorm1d;

describe('AveragedModel', () => {
  it.each(cases)(
    'has the averages of Python bit for bit ($kind), and updateBn its statistics',
    async ({ kind, state, updated }) => {
      torch.manualSeed(3);
      const trained = model();
      const batches = Array.from({ length: 5 }, () => torch.randn([8, 3]));
      const optimizer = new SGD(trained.parameters(), { lr: 0.1 });
      const averaged = new AveragedModel(trained, optionsOf[kind]);
      for (const batch of batches) {
        optimizer.zeroGrad();
        trained.forward(batch).sub(1).pow(2).mean().backward();
        optimizer.step();
        averaged.updateParameters(trained);
      }
      const found = plain(averaged);
      expect(Object.keys(found)).toEqual(Object.keys(state));
      // Without useBuffers we copy the buffers, torch 1.13 leaves them.
      for (const key of Object.keys(state))
        if (kind === 'buffers' || !isBuffer(key)) expect(found[key], key).toEqual(state[key]);
        else expect(found[key], key).toEqual(plain(trained)[key.replace('module.', '')]);

      averaged.eval();
      await updateBn(
        batches.map((batch) => [batch, 0]),
        averaged,
      );
      expect(plain(averaged)).toEqual(updated);
      expect(averaged.training).toBe(false);
      expect(normOf(averaged.module).momentum).toBe(0.1);
    },
  );

  it('does not touch the model, and is used like it', () => {
    const source = new nn.Linear(2, 1);
    const averaged = new AveragedModel(source);
    torch.noGrad(() => source.weight.fill_(1));
    averaged.updateParameters(source);
    torch.noGrad(() => source.weight.fill_(3));
    averaged.updateParameters(source);
    expect(source.weight.tolist()).toEqual([[3, 3]]);
    expect(averaged.module.weight.tolist()).toEqual([[2, 2]]);
    const out = averaged.forward(torch.ones([1, 2]));
    expect((out.item() as number) - (averaged.module.bias!.item() as number)).toBeCloseTo(4, 6);
    expect(averaged.nAveraged.item()).toBe(2);
  });

  it('takes an exponential moving average of all tensors at once, whole numbers included', () => {
    const source = model();
    const averaged = new AveragedModel(source, { multiAvgFn: getEmaMultiAvgFn(0.75), useBuffers: true });
    const norm = normOf(source);
    torch.noGrad(() => norm.weight!.fill_(4));
    averaged.updateParameters(source);
    torch.noGrad(() => norm.weight!.fill_(8));
    torch.noGrad(() => norm.numBatchesTracked!.fill_(8));
    averaged.updateParameters(source);
    const state = averaged.stateDict();
    expect(state.get('module.1.weight')!.tolist()).toEqual([5, 5, 5, 5]);
    expect(state.get('module.1.num_batches_tracked')!.item()).toBe(2);
    expect(state.get('n_averaged')!.item()).toBe(2);
  });

  it('has each average for one tensor and for all of them', () => {
    const values = [1, 4, 10, -3];
    const meanOf = (options: AveragedModelOptions): number => {
      const source = new nn.Linear(1, 1, { bias: false }).double();
      const averaged = new AveragedModel(source, options);
      for (const value of values) {
        torch.noGrad(() => source.weight.fill_(value));
        averaged.updateParameters(source);
      }
      return averaged.module.weight.item() as number;
    };
    expect(meanOf({ avgFn: getSwaAvgFn() })).toBe(3);
    expect(meanOf({ multiAvgFn: getSwaMultiAvgFn() })).toBeCloseTo(3, 12);
    const moved = values.reduce((mean, value) => 0.75 * mean + 0.25 * value);
    expect(meanOf({ avgFn: getEmaAvgFn(0.75) })).toBe(moved);
    expect(meanOf({ multiAvgFn: getEmaMultiAvgFn(0.75) })).toBeCloseTo(moved, 12);
  });

  it('continues from a saved state', () => {
    const source = new nn.Linear(2, 1);
    const first = new AveragedModel(source);
    first.updateParameters(source);
    const second = new AveragedModel(new nn.Linear(2, 1));
    second.loadStateDict(first.stateDict());
    torch.noGrad(() => source.weight.fill_(5));
    for (const averaged of [first, second]) averaged.updateParameters(source);
    expect(second.module.weight.tolist()).toEqual(first.module.weight.tolist());
  });

  it('names what is wrong with its arguments', () => {
    const source = new nn.Linear(2, 1);
    const multiAvgFn = getEmaMultiAvgFn();
    expect(() => new AveragedModel(source, { avgFn: (averaged) => averaged, multiAvgFn })).toThrow(/got both/);
    expect(() => getEmaMultiAvgFn(1.5)).toThrow(/from 0 to 1/);
    expect(() => getEmaAvgFn(-0.1)).toThrow(/getEmaAvgFn: decay must be from 0 to 1/);
    const averaged = new AveragedModel<nn.Module>(source);
    expect(() => averaged.updateParameters(model())).toThrow(/2 tensors to average, this one has 4/);
  });
});

describe('updateBn', () => {
  it('restores modes and momenta when the data fail, and reads asynchronous loaders', async () => {
    const source = model();
    const norm = normOf(source);
    norm.eval();
    await expect(updateBn([torch.randn([4, 3]), 'text'], source)).rejects.toThrow(/must be a tensor/);
    expect([source.training, norm.training, norm.momentum]).toEqual([true, false, 0.1]);
    async function* loader() {
      for (const value of [1, 3]) yield torch.randn([4, 3]).mul(value);
    }
    await updateBn(loader(), source);
    expect(norm.numBatchesTracked!.item()).toBe(2);
  });

  it('leaves a model without batch normalisation and its data alone', async () => {
    let read = 0;
    function* loader() {
      read += 1;
      yield torch.ones([1, 2]);
    }
    await updateBn(loader(), new nn.Linear(2, 1));
    expect(read).toBe(0);
  });
});
