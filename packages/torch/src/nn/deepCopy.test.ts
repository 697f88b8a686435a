import { describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import * as nn from './index.js';

class Net extends nn.Module {
  readonly first = new nn.Linear(2, 2);
  readonly same = this.first;
  readonly norm = new nn.BatchNorm1d(2);
  readonly sizes = { hidden: [2, 2] };
  calls: string[] = [];
  override forward(x: torch.Tensor): torch.Tensor {
    return this.same.forward(this.norm.forward(this.first.forward(x)));
  }
}

describe('clone', () => {
  it('has the same values in tensors of its own', () => {
    const net = new Net();
    const copy = net.clone();
    expect(copy).toBeInstanceOf(Net);
    expect([...copy.stateDict().keys()]).toEqual([...net.stateDict().keys()]);
    const x = torch.randn(3, 2);
    expect(copy.eval().forward(x).tolist()).toEqual(net.eval().forward(x).tolist());
    torch.noGrad(() => {
      net.first.weight.zero_();
      net.norm.runningMean!.fill_(7);
    });
    expect(copy.first.weight.abs().sum().item()).toBeGreaterThan(0);
    expect(copy.norm.runningMean!.sum().item()).toBe(0);
  });

  it('keeps what is shared within the module shared within the copy', () => {
    const copy = new Net().clone();
    expect(copy.same).toBe(copy.first);
    expect(copy.parameters()).toHaveLength(4);
    expect(copy.sizes).toEqual({ hidden: [2, 2] });
    copy.sizes.hidden.push(3);
    expect(new Net().sizes.hidden).toHaveLength(2);
  });

  it('copies whether parameters are trained, and no gradients', () => {
    const net = new Net();
    net.norm.requiresGrad_(false);
    net.forward(torch.randn(3, 2)).sum().backward();
    const copy = net.clone();
    expect(copy.parameters().map((parameter) => parameter.requiresGrad)).toEqual([true, true, false, false]);
    expect(copy.parameters().every((parameter) => parameter.grad === null)).toBe(true);
  });

  it('gives the copy hooks that see the copy, apart from those of the original', () => {
    const net = new Net();
    const handle = net.registerForwardHook((module) => {
      module.calls.push('ran');
    });
    const copy = net.clone();
    handle.remove();
    copy.forward(torch.randn(3, 2));
    expect(copy.calls).toEqual(['ran']);
    expect(net.calls).toEqual([]);
    expect(Object.hasOwn(net, 'forward')).toBe(false);
  });

  it('copies containers, computed weights and parametrizations', () => {
    const normed = nn.weightNorm(new nn.Linear(2, 2));
    const orthogonal = nn.parametrizations.orthogonal(new nn.Linear(2, 2));
    const net = new nn.Sequential(normed, new nn.ReLU(), orthogonal);
    const copy = net.clone();
    const x = torch.randn(3, 2);
    expect(copy.forward(x).tolist()).toEqual(net.forward(x).tolist());
    const before = net.forward(x).tolist();
    torch.noGrad(() => {
      for (const parameter of copy.parameters()) parameter.mul_(2);
    });
    expect(net.forward(x).tolist()).toEqual(before);
    expect(copy.forward(x).tolist()).not.toEqual(before);
  });
});
