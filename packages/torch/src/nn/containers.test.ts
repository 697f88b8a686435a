import { describe, expect, it } from 'vitest';
import { readFixture, torchErrorOf } from '../../test/encodedTensor.js';
import * as torch from '../index.js';
import * as nn from './index.js';

const { texts } = readFixture<{ texts: Record<string, string> }>('nn/modules.json');

describe('toString', () => {
  it('equals Python', () => {
    const relu = new nn.ReLU();
    const models: Record<string, nn.Module> = {
      sequential: new nn.Sequential(new nn.Linear(2, 3), new nn.ReLU(), new nn.Sequential(new nn.Linear(3, 1))),
      named: new nn.Sequential({ first: new nn.Linear(2, 2), second: new nn.Sigmoid() }),
      shared: new nn.Sequential(new nn.Linear(2, 2), relu, new nn.Linear(2, 2), relu),
      list: new nn.ModuleList([new nn.Linear(1, 1), new nn.Dropout(0.1)]),
      dict: new nn.ModuleDict({ a: new nn.Flatten(), b: new nn.ModuleList([new nn.Tanh()]) }),
      empty: new nn.Sequential(),
    };
    expect(Object.fromEntries(Object.entries(models).map(([name, model]) => [name, String(model)]))).toEqual(texts);
  });
});

describe('containers', () => {
  it('Sequential runs its modules in order, by number or name', () => {
    const model = new nn.Sequential(new nn.Flatten(), new nn.Linear(4, 2));
    expect(model.forward(torch.ones(3, 2, 2)).shape).toEqual([3, 2]);
    model.append(new nn.Softmax(1));
    expect([model.length, model.at(-1) instanceof nn.Softmax, [...model].length]).toEqual([3, true, 3]);
    expect([...new nn.Sequential({ fc: new nn.Linear(1, 1, { bias: false }) }).stateDict().keys()]).toEqual([
      'fc.weight',
    ]);
    expect(torchErrorOf(() => model.at(5)).code).toBe('INDEX_OUT_OF_RANGE');
    expect(torchErrorOf(() => new nn.Sequential(new nn.ReLU(), 3 as unknown as nn.ReLU)).message).toContain(
      "'1' is number",
    );
    expect(torchErrorOf(() => new nn.Sequential({ act: null as unknown as nn.ReLU })).message).toContain(
      "'act' is null",
    );
  });

  it('ModuleList and ModuleDict hold modules and have no forward', () => {
    const list = new nn.ModuleList([new nn.ReLU()]).append(new nn.ReLU()).extend([new nn.ReLU()]);
    expect([list.length, list.at(2) instanceof nn.ReLU, [...list].length]).toEqual([3, true, 3]);
    expect(torchErrorOf(() => list.forward()).code).toBe('MODULE_STATE');
    expect(torchErrorOf(() => list.at(3)).code).toBe('INDEX_OUT_OF_RANGE');
    // '10' would come before 'b' in a plain object
    const dict = new nn.ModuleDict<nn.Module>([
      ['b', new nn.ReLU()],
      ['10', new nn.Linear(1, 1)],
    ]);
    expect([[...dict.keys()], dict.size, dict.has('10'), dict.has('c')]).toEqual([['b', '10'], 2, true, false]);
    expect(dict.set('c', new nn.Tanh()).delete('b')).toBe(true);
    expect([...dict].map(([name]) => name)).toEqual(['10', 'c']);
    expect(torchErrorOf(() => dict.get('b')).message).toContain('10, c');
    expect(torchErrorOf(() => dict.forward()).code).toBe('MODULE_STATE');
  });
});
