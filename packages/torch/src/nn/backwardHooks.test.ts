import { describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import * as nn from './index.js';

const ones = () => torch.ones([2, 2], { requiresGrad: true });

/** y = 3 x + 2 z */
class Mix extends nn.Module {
  override forward(x: torch.Tensor, z: torch.Tensor, _label: string): torch.Tensor {
    return x.mul(3).add(z.mul(2));
  }
}

describe('registerFullBackwardHook', () => {
  it('sees the gradients of inputs and outputs', () => {
    const mix = new Mix();
    const seen: unknown[] = [];
    mix.registerFullBackwardHook((module, gradInputs, gradOutputs) => {
      seen.push(
        module,
        gradInputs.map((one) => one?.sum().item() ?? null),
        gradOutputs.map((one) => one?.sum().item() ?? null),
      );
    });
    const x = ones();
    mix.forward(x, ones().detach(), 'a').mul(5).sum().backward();
    expect(seen).toEqual([mix, [60, null, null], [20]]);
    expect(x.grad!.tolist()).toEqual([
      [15, 15],
      [15, 15],
    ]);
  });

  it('replaces the gradients of the inputs by what a hook returns', () => {
    const mix = new Mix();
    mix.registerFullBackwardHook((_, [ofX, ofZ]) => [ofX!.mul(10), ofZ!, null]);
    const [x, z] = [ones(), ones()];
    mix.forward(x, z, 'a').sum().backward();
    expect(x.grad!.at(0, 0).item()).toBe(30);
    expect(z.grad!.at(0, 0).item()).toBe(2);
  });

  it('is called when only parameters need gradients', () => {
    const layer = new nn.Linear(2, 1);
    let calls = 0;
    layer.registerFullBackwardHook((_, gradInputs) => {
      calls += 1;
      expect(gradInputs).toEqual([null]);
    });
    layer
      .forward(torch.ones([1, 2]))
      .sum()
      .backward();
    expect(calls).toBe(1);
    expect(layer.weight.grad!.tolist()).toEqual([[1, 1]]);
  });

  it('changes neither values nor gradients, and costs nothing once removed', () => {
    const lstm = new nn.LSTM(2, 3);
    const x = torch.randn(3, 1, 2).requiresGrad_();
    const run = () => {
      x.grad = null;
      lstm.forward(x)[0].sum().backward();
      return x.grad!.tolist();
    };
    const before = run();
    const handle = lstm.registerFullBackwardHook(() => {});
    expect(run()).toEqual(before);
    handle.remove();
    expect(Object.hasOwn(lstm, 'forward')).toBe(false);
    expect(torch.noGrad(() => lstm.forward(x)[0].requiresGrad)).toBe(false);
  });

  it('leaves no tensor in memory', () => {
    const layer = new nn.Linear(2, 2);
    layer.registerFullBackwardHook((_, gradInputs) => [gradInputs[0]!.mul(2)]);
    const run = () => {
      for (let i = 0; i < 20; i++) layer.forward(ones()).sum().backward();
      layer.zeroGrad();
      torch.memory.collect();
      return torch.memory.stats().liveTensors;
    };
    run(); // what the tests before left goes with this one
    const before = run();
    expect(run()).toBe(before);
  });

  it('refuses a wrong number of gradients', () => {
    const mix = new Mix();
    mix.registerFullBackwardHook(() => []);
    expect(() => mix.forward(ones(), ones(), 'a').sum().backward()).toThrow(/returned 0 gradients for 3 inputs/);
  });
});
