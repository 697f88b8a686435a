import { beforeAll, describe, expect, it } from 'vitest';
import * as torch from '../../src/index.js';
import * as nn from '../../src/nn/index.js';
import { type EncodedTensor, expectSameBits, readFixture } from '../encodedTensor.js';

const { scenarios } = readFixture<{ scenarios: { name: string; keys: string[][]; tensors: EncodedTensor[] }[] }>(
  'layers/utils.json',
);

type Layer = nn.Module & { forward(input: torch.Tensor): unknown };

/** What a scenario shows, in order, as Record of make.py. */
class Seen {
  readonly keys: string[][] = [];
  readonly tensors: torch.Tensor[] = [];

  state(layer: nn.Module): void {
    const state = layer.stateDict();
    this.keys.push([...state.keys()]);
    for (const tensor of state.values()) this.tensors.push(tensor.clone());
  }
  run(layer: Layer, ...shape: number[]): void {
    const x = torch.randn(shape);
    layer.zeroGrad();
    const result = layer.forward(x);
    const output = (Array.isArray(result) ? result[0] : result) as torch.Tensor;
    output.backward(torch.randn(output.shape));
    this.tensors.push(output.detach(), ...layer.parameters().map((parameter) => parameter.grad!.clone()));
  }
}

const normed = <M extends nn.BatchNorm1d | nn.BatchNorm2d>(bn: M): M => {
  torch.noGrad(() => {
    bn.runningMean!.normal_();
    bn.runningVar!.uniform_(0.5, 2);
    bn.weight?.normal_();
    bn.bias?.normal_();
  });
  bn.eval();
  return bn;
};

const steps: Record<string, (seen: Seen) => void> = {
  weight_norm(seen) {
    const made: [() => Layer, string, number | null, number[]][] = [
      [() => new nn.Linear(3, 4), 'weight', 0, [2, 3]],
      [() => new nn.Conv1d(2, 3, 2), 'weight', null, [1, 2, 4]],
      [() => new nn.Conv1d(2, 3, 2), 'weight', 1, [1, 2, 4]],
      [() => new nn.LSTM(2, 2), 'weightHhL0', 0, [3, 1, 2]],
    ];
    for (const [layer, [, name, dim, shape]] of made.map((entry) => [entry[0](), entry] as const)) {
      nn.weightNorm(layer, name, { dim });
      seen.state(layer);
      seen.run(layer, ...shape);
      nn.removeWeightNorm(layer, name);
      expect(Object.hasOwn(layer, 'forward')).toBe(false);
      seen.state(layer);
    }
  },
  spectral_norm(seen) {
    const made: [Layer, nn.SpectralNormOptions, number[]][] = [
      [new nn.Linear(3, 4), {}, [2, 3]],
      [new nn.Conv2d(2, 3, 2), { nPowerIterations: 2 }, [1, 2, 3, 3]],
      [new nn.ConvTranspose2d(2, 3, 2), { eps: 1e-3 }, [1, 2, 2, 2]],
    ];
    for (const [layer, options, shape] of made) {
      nn.spectralNorm(layer, 'weight', options);
      seen.state(layer);
      seen.run(layer, ...shape);
      seen.run(layer, ...shape);
      layer.eval();
      seen.run(layer, ...shape);
      seen.state(layer);
      nn.removeSpectralNorm(layer);
      seen.state(layer);
    }
  },
  fusion(seen) {
    seen.state(nn.fuseConvBnEval(new nn.Conv2d(2, 3, 2).eval(), normed(new nn.BatchNorm2d(3))));
    seen.state(
      nn.fuseConvBnEval(
        new nn.Conv1d(2, 3, 2, { bias: false }).eval(),
        normed(new nn.BatchNorm1d(3, { affine: false })),
      ),
    );
    seen.state(
      nn.fuseConvBnEval(new nn.ConvTranspose2d(2, 3, 2).eval(), normed(new nn.BatchNorm2d(3)), { transpose: true }),
    );
    seen.state(nn.fuseLinearBnEval(new nn.Linear(2, 3).eval(), normed(new nn.BatchNorm1d(3))));
  },
  prune(seen) {
    const layer = new nn.Linear(5, 4);
    const { weight } = layer;
    nn.prune.l1Unstructured(layer, 'weight', 0.3);
    seen.state(layer);
    seen.run(layer, 2, 5);
    nn.prune.randomUnstructured(layer, 'weight', 4);
    seen.state(layer);
    nn.prune.lnStructured(layer, 'weight', 0.5, 2, 0);
    seen.state(layer);
    nn.prune.randomUnstructured(layer, 'bias', 0.5);
    seen.run(layer, 2, 5);
    expect(nn.prune.isPruned(new nn.Sequential(layer))).toBe(true);
    nn.prune.remove(layer, 'weight');
    expect(layer.weight).toBe(weight);
    seen.state(layer);
    const conv = new nn.Conv1d(4, 6, 3);
    nn.prune.randomStructured(conv, 'weight', 0.5, 1);
    nn.prune.randomStructured(conv, 'weight', 1, 0);
    nn.prune.customFromMask(conv, 'bias', torch.tensor([1, 0, 1, 1, 0, 1]));
    seen.state(conv);
    nn.prune.identity(conv, 'bias');
    nn.prune.l1Unstructured(conv, 'bias', 2, {
      importanceScores: torch.tensor([5, 4, 3, 2, 1, 0], { dtype: 'float32' }),
    });
    seen.state(conv);
    const first = new nn.Linear(3, 4);
    const second = new nn.Linear(4, 2);
    const net = new nn.Sequential(first, second);
    nn.prune.l1Unstructured(first, 'weight', 2);
    nn.prune.globalUnstructured(
      [
        [first, 'weight'],
        [second, 'weight'],
      ],
      'l1Unstructured',
      { amount: 0.4 },
    );
    seen.state(net);
    nn.prune.globalUnstructured(
      [
        [first, 'weight'],
        [second, 'bias'],
      ],
      'randomUnstructured',
      { amount: 3 },
    );
    seen.state(net);
  },
  parametrized(seen) {
    const { parametrizations, parametrize } = nn;
    const made: [Layer & { weight: torch.Tensor }, number[]][] = [
      [new nn.Linear(3, 4), [2, 3]],
      [new nn.ConvTranspose1d(2, 3, 2), [1, 2, 4]],
    ];
    for (const [layer, shape] of made) {
      parametrizations.spectralNorm(layer);
      expect(parametrize.isParametrized(layer, 'weight')).toBe(true);
      expect(String(layer).startsWith('Parametrized')).toBe(true);
      seen.state(layer);
      seen.run(layer, ...shape);
      layer.eval();
      seen.run(layer, ...shape);
      parametrize.removeParametrizations(layer, 'weight');
      expect(parametrize.isParametrized(layer)).toBe(false);
      seen.state(layer);
    }
    const settings: [number, number, nn.parametrizations.OrthogonalOptions][] = [
      [3, 3, {}],
      [3, 4, {}],
      [4, 3, {}],
      [3, 3, { orthogonalMap: 'cayley' }],
      [3, 4, { orthogonalMap: 'matrix_exp', useTrivialization: false }],
      [4, 3, { orthogonalMap: 'householder', useTrivialization: false }],
    ];
    for (const [inputs, outputs, options] of settings) {
      const layer: Layer & { weight: torch.Tensor } = new nn.Linear(inputs, outputs, { bias: false });
      if (options.useTrivialization === false && options.orthogonalMap !== 'householder') continue;
      parametrizations.orthogonal(layer, 'weight', options);
      seen.state(layer);
      seen.run(layer, 2, inputs);
      layer.weight = nn.init.orthogonal_(torch.empty([outputs, inputs]));
      seen.tensors.push(layer.weight.detach());
      seen.state(layer);
    }
  },
};

describe('utils equal Python bit for bit', () => {
  beforeAll(() => torch.setNumThreads(1));

  it.each(scenarios)('$name', ({ name, keys, tensors }) => {
    torch.manualSeed(9);
    const seen = new Seen();
    steps[name]!(seen);
    expect(seen.keys).toEqual(keys);
    expect(seen.tensors).toHaveLength(tensors.length);
    for (const [i, tensor] of seen.tensors.entries()) expectSameBits(tensor, tensors[i]!);
  });
});
