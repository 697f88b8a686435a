import { describe, expect, it } from 'vitest';
import * as torch from '../../src/index.js';
import * as nn from '../../src/nn/index.js';
import { torchErrorOf } from '../encodedTensor.js';

class Symmetric extends nn.Module {
  calls = 0;
  override forward(x: torch.Tensor): torch.Tensor {
    this.calls += 1;
    return x.triu().add(x.triu(1).t());
  }
  rightInverse(value: torch.Tensor): torch.Tensor {
    return value.triu();
  }
}
class Doubled extends nn.Module {
  override forward(x: torch.Tensor): torch.Tensor {
    return x.mul(2);
  }
}
/** Made of two tensors. */
class Product extends nn.Module {
  override forward(a: torch.Tensor, b: torch.Tensor): torch.Tensor {
    return a.mul(b);
  }
  rightInverse(value: torch.Tensor): torch.Tensor[] {
    return [value, torch.onesLike(value)];
  }
}
class Cut extends nn.Module {
  override forward(x: torch.Tensor): torch.Tensor {
    return x.at(0);
  }
}

const { parametrize } = nn;

describe('parametrizations', () => {
  it('compute a parameter and train what it is made of', () => {
    const layer = new nn.Linear(3, 3);
    const { weight } = layer;
    parametrize.registerParametrization(layer, 'weight', new Symmetric());
    expect(layer.weight.tolist()).toEqual(layer.weight.t().tolist());
    expect([...layer.stateDict().keys()]).toEqual(['bias', 'parametrizations.weight.original']);
    expect(layer.parameters()).toContain(weight);
    layer.forward(torch.randn(2, 3)).sum().backward();
    expect(weight.grad).not.toBeNull();
  });

  it('can be assigned to when they have an inverse', () => {
    const layer: { weight: torch.Tensor } & nn.Linear = parametrize.registerParametrization(
      new nn.Linear(2, 2),
      'weight',
      new Symmetric(),
    );
    (layer as { weight: torch.Tensor }).weight = torch.tensor(
      [
        [1, 2],
        [2, 3],
      ],
      { dtype: 'float32' },
    );
    expect(layer.weight.tolist()).toEqual([
      [1, 2],
      [2, 3],
    ]);
    parametrize.registerParametrization(layer, 'weight', new Doubled());
    expect(layer.weight.tolist()).toEqual([
      [2, 4],
      [4, 6],
    ]);
    const assign = () => {
      (layer as { weight: torch.Tensor }).weight = torch.zeros([2, 2]);
    };
    expect(torchErrorOf(assign).message).toMatch(/rightInverse/);
  });

  it('may be made of several tensors', () => {
    const layer = parametrize.registerParametrization(new nn.Linear(2, 2), 'weight', new Product());
    expect([...layer.stateDict().keys()]).toEqual([
      'bias',
      'parametrizations.weight.original0',
      'parametrizations.weight.original1',
    ]);
    const before = layer.weight.tolist();
    expect(
      torchErrorOf(() => parametrize.removeParametrizations(layer, 'weight', { leaveParametrized: false })).code,
    ).toBe('ARGUMENT_TYPE');
    parametrize.removeParametrizations(layer, 'weight');
    expect(layer.weight.tolist()).toEqual(before);
    expect([...layer.stateDict().keys()]).toEqual(['bias', 'weight']);
  });

  it('are computed once inside cached()', () => {
    const symmetric = new Symmetric();
    const layer = parametrize.registerParametrization(new nn.Linear(2, 2), 'weight', symmetric);
    symmetric.calls = 0;
    parametrize.cached(() => {
      layer.forward(torch.ones([1, 2]));
      layer.forward(torch.ones([1, 2]));
    });
    expect(symmetric.calls).toBe(1);
    layer.forward(torch.ones([1, 2]));
    expect(symmetric.calls).toBe(2);
  });

  it('must keep the shape unless asked', () => {
    const layer = new nn.Linear(2, 2);
    const before = layer.weight.tolist();
    expect(torchErrorOf(() => parametrize.registerParametrization(layer, 'weight', new Cut())).code).toBe(
      'SHAPE_MISMATCH',
    );
    expect(parametrize.isParametrized(layer)).toBe(false);
    expect(layer.weight.tolist()).toEqual(before);
    expect(parametrize.registerParametrization(layer, 'weight', new Cut(), { unsafe: true }).weight.shape).toEqual([2]);
  });

  it('work on buffers and leave what was trained when asked', () => {
    const bn = new nn.BatchNorm1d(2);
    parametrize.registerParametrization(bn, 'runningMean', new Doubled());
    expect([...bn.stateDict().keys()]).toContain('parametrizations.running_mean.original');
    parametrize.removeParametrizations(bn, 'runningMean');
    expect([...bn.stateDict().keys()]).toContain('running_mean');
    const layer = parametrize.registerParametrization(new nn.Linear(2, 2), 'weight', new Doubled());
    const original = layer.getParameter('parametrizations.weight.original');
    const values = original.tolist();
    parametrize.removeParametrizations(layer, 'weight', { leaveParametrized: false });
    expect(layer.weight).toBe(original);
    expect(layer.weight.tolist()).toEqual(values);
  });

  it('refuse fields that are no tensors', () => {
    expect(torchErrorOf(() => nn.parametrizations.orthogonal(new nn.Linear(2, 2), 'nothing')).code).toBe(
      'MODULE_STATE',
    );
    expect(torchErrorOf(() => nn.parametrizations.orthogonal(new nn.Linear(2, 2), 'bias')).code).toBe('SHAPE_MISMATCH');
    expect(torchErrorOf(() => parametrize.removeParametrizations(new nn.Linear(2, 2), 'weight')).code).toBe(
      'MODULE_STATE',
    );
  });

  it('keep the length of a weight apart from its direction, as torch 2 does', () => {
    for (const dim of [0, 1, null]) {
      torch.manualSeed(4);
      const layer = new nn.Linear(3, 4);
      const before = layer.weight.tolist();
      const x = torch.randn([2, 3]);
      const older = nn.weightNorm(layer.clone(), 'weight', { dim });
      nn.parametrizations.weightNorm(layer, 'weight', { dim });
      const keys = [...layer.stateDict().keys()];
      expect(keys).toEqual(['bias', 'parametrizations.weight.original0', 'parametrizations.weight.original1']);
      expect(layer.weight.allclose(torch.tensor(before))).toBe(true);
      expect(layer.forward(x).equal(older.forward(x))).toBe(true);
      layer.forward(x).pow(2).sum().backward();
      older.forward(x).pow(2).sum().backward();
      const gradients = (module: nn.Module) => module.parameters().map((p) => p.grad!.tolist());
      expect(gradients(layer).sort()).toEqual(gradients(older).sort());
      parametrize.removeParametrizations(layer, 'weight');
      expect(layer.weight.allclose(torch.tensor(before))).toBe(true);
    }
  });
});
