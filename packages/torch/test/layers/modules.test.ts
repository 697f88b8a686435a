import { describe, expect, expectTypeOf, it } from 'vitest';
import * as torch from '../../src/index.js';
import * as F from '../../src/nn/functional/index.js';
import * as nn from '../../src/nn/index.js';
import { torchErrorOf } from '../encodedTensor.js';

describe('parameter containers', () => {
  it('list their parameters under Python keys and print them', () => {
    const list = new nn.ParameterList([torch.zeros([2, 3]), torch.zeros(2)]).append(torch.ones(1));
    expect([...list.stateDict().keys()]).toEqual(['0', '1', '2']);
    expect(list.parameters().every((parameter) => parameter.requiresGrad)).toBe(true);
    expect(list.at(-1).tolist()).toEqual([1]);
    expect(torchErrorOf(() => list.at(3)).code).toBe('INDEX_OUT_OF_RANGE');
    const two = new nn.ParameterList([torch.zeros([2, 3]), torch.zeros(2)]);
    expect(String(two)).toBe(
      'ParameterList(\n    (0): Parameter containing: [torch.float32 of size 2x3]\n    (1): Parameter containing: [torch.float32 of size 2]\n)',
    );
    const named = new nn.ParameterDict({ a: torch.zeros([1], { dtype: 'float64' }), b: torch.zeros([2, 3]) });
    expect(String(named)).toBe(
      'ParameterDict(\n    (a): Parameter containing: [torch.DoubleTensor of size 1]\n    (b): Parameter containing: [torch.FloatTensor of size 2x3]\n)',
    );
    expect([...named.stateDict().keys()]).toEqual(['a', 'b']);
    expect(torchErrorOf(() => named.get('c')).code).toBe('MODULE_STATE');
    expect(torchErrorOf(() => named.forward()).code).toBe('MODULE_STATE');
  });
});

describe('Module', () => {
  it('finds buffers by path', () => {
    const net = new nn.Sequential(new nn.BatchNorm1d(2));
    expect(net.getBuffer('0.running_var').tolist()).toEqual([1, 1]);
    expect(torchErrorOf(() => net.getBuffer('0.weight')).code).toBe('MODULE_STATE');
  });
});

describe('lazy layers', () => {
  it('become the plain layer at the first input, with the parameters that an optimizer has already', () => {
    const layer = new nn.LazyLinear(3);
    const [weight] = layer.parameters();
    expect(String(layer)).toBe('LazyLinear(in_features=0, out_features=3, bias=True)');
    layer.forward(torch.randn(2, 4));
    expect(layer.weight).toBe(weight);
    expect(weight!.shape).toEqual([3, 4]);
    expect(String(layer)).toBe('Linear(in_features=4, out_features=3, bias=True)');
  });

  it('take their shapes from a state dict', () => {
    const known = new nn.Sequential(
      new nn.Conv2d(4, 6, 3, { groups: 2 }),
      new nn.BatchNorm2d(6),
      new nn.ConvTranspose2d(6, 2, 2),
      new nn.Flatten(),
      new nn.Linear(8, 2),
    );
    const lazy = new nn.Sequential(
      new nn.LazyConv2d(6, 3, { groups: 2 }),
      new nn.LazyBatchNorm2d(),
      new nn.LazyConvTranspose2d(2, 2),
      new nn.Flatten(),
      new nn.LazyLinear(2),
    );
    expect(lazy.loadStateDict(known.stateDict())).toEqual({ missingKeys: [], unexpectedKeys: [] });
    expect(String(lazy)).toBe(String(known));
    const x = torch.randn(2, 4, 3, 3);
    expect(lazy.eval().forward(x).tolist()).toEqual(known.eval().forward(x).tolist());
  });

  it('run with hooks on them', () => {
    const layer = new nn.LazyConv1d(2, 1);
    let calls = 0;
    layer.registerForwardHook(() => {
      calls += 1;
    });
    layer.forward(torch.randn(1, 3, 4));
    layer.forward(torch.randn(1, 3, 4));
    expect(calls).toBe(2);
  });
});

describe('layers newer than torch 1.13', () => {
  it('RMSNorm divides by the root mean square and scales', () => {
    const norm = new nn.RMSNorm(4, { eps: 1e-6 });
    expect([...norm.stateDict().keys()]).toEqual(['weight']);
    const x = torch.tensor([[3, -4, 0, 0]], { dtype: 'float32', requiresGrad: true });
    const wanted = [3 / 2.5, -4 / 2.5, 0, 0];
    const [row] = norm.forward(x).tolist() as number[][];
    for (const [i, value] of wanted.entries()) expect(row![i]).toBeCloseTo(value, 5);
    expect(String(norm)).toBe('RMSNorm((4,), eps=1e-06, elementwise_affine=True)');
    expect(torchErrorOf(() => norm.forward(torch.zeros([2, 3]))).code).toBe('SHAPE_MISMATCH');
    norm.forward(x).sum().backward();
    expect(norm.weight!.grad!.shape).toEqual([4]);
    // Scaling the input does not change the output, so the gradient is orthogonal to it.
    expect(torch.dot(x.grad!.view([-1]), x.detach().view([-1])).item()).toBeCloseTo(0, 5);
  });

  it('CircularPad continues with the other side, ZeroPad1d and 3d add zeros', () => {
    const row = torch.tensor([[[1, 2, 3]]], { dtype: 'float32' });
    expect(new nn.CircularPad1d([1, 2]).forward(row).tolist()).toEqual([[[3, 1, 2, 3, 1, 2]]]);
    expect(new nn.ZeroPad1d(1).forward(row).tolist()).toEqual([[[0, 1, 2, 3, 0]]]);
    const block = torch.ones([1, 1, 1, 1, 1]);
    expect(new nn.ZeroPad3d([1, 0, 0, 0, 0, 0]).forward(block).shape).toEqual([1, 1, 1, 1, 2]);
    expect(new nn.CircularPad2d(1).forward(torch.ones([1, 1, 2, 2])).shape).toEqual([1, 1, 4, 4]);
    expect(new nn.CircularPad3d(1).forward(torch.ones([1, 1, 2, 2, 2])).shape).toEqual([1, 1, 4, 4, 4]);
    expect(String(new nn.CircularPad1d([1, 2]))).toBe('CircularPad1d((1, 2))');
  });

  it('ChannelShuffle has a gradient', () => {
    const x = torch.arange(8, { dtype: 'float32', requiresGrad: true });
    const out = new nn.ChannelShuffle(2).forward(x.view([1, 4, 2]));
    expect(out.tolist()).toEqual([
      [
        [0, 1],
        [4, 5],
        [2, 3],
        [6, 7],
      ],
    ]);
    out.mul(out).sum().backward();
    expect(x.grad!.tolist()).toEqual([0, 2, 4, 6, 8, 10, 12, 14]);
  });

  it('scaledDotProductAttention takes a scale of its own', () => {
    const q = torch.randn(1, 2, 3, 4);
    const usual = F.scaledDotProductAttention(q, q, q);
    const same = F.scaledDotProductAttention(q, q, q, { scale: 0.5 });
    expect(torch.allclose(usual, same)).toBe(true);
  });
});

describe('embeddings', () => {
  it('are made of given rows, frozen unless asked', () => {
    const rows = torch.tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { dtype: 'float32' },
    );
    const layer = nn.Embedding.fromPretrained(rows);
    expect(layer.weight.requiresGrad).toBe(false);
    expect(layer.forward(torch.tensor([1, 0])).tolist()).toEqual([
      [3, 4],
      [1, 2],
    ]);
    const bag = nn.EmbeddingBag.fromPretrained(rows, { mode: 'sum', freeze: false });
    expect(bag.weight.requiresGrad).toBe(true);
    expect(bag.forward(torch.tensor([[0, 1]])).tolist()).toEqual([[4, 6]]);
    expect(torchErrorOf(() => nn.Embedding.fromPretrained(torch.zeros([2]))).code).toBe('SHAPE_MISMATCH');
  });
});

describe('AdaptiveLogSoftmaxWithLoss', () => {
  it('gives log-probabilities that sum to one, and the likeliest class', () => {
    const layer = new nn.AdaptiveLogSoftmaxWithLoss(8, 10, [3, 6], { divValue: 2 });
    const x = torch.randn(6, 8).mul(3);
    const all = layer.logProb(x);
    expect(torch.allclose(all.exp().sum([1]), torch.ones(6))).toBe(true);
    expect(layer.predict(x).shape).toEqual([6]);
    const target = torch.tensor([0, 3, 6, 9, 2, 5]);
    expect(torch.allclose(layer.forward(x, target).output, all.gather(1, target.unsqueeze(1)).squeeze(1))).toBe(true);
    expect(torchErrorOf(() => layer.forward(x, target.add(5))).code).toBe('INDEX_OUT_OF_RANGE');
    expect(torchErrorOf(() => new nn.AdaptiveLogSoftmaxWithLoss(8, 10, [6, 3])).code).toBe('ARGUMENT_RANGE');
  });
});

describe('the vector of all parameters', () => {
  it('goes there and back, sharing memory', () => {
    const net = new nn.Linear(2, 3);
    const vector = nn.parametersToVector(net.parameters());
    expect(vector.shape).toEqual([9]);
    const doubled = vector.detach().mul(2);
    nn.vectorToParameters(doubled, net.parameters());
    expect(nn.parametersToVector(net.parameters()).tolist()).toEqual(doubled.tolist());
    doubled.zero_();
    expect(net.weight.abs().sum().item()).toBe(0);
    expect(torchErrorOf(() => nn.vectorToParameters(torch.zeros([3]), net.parameters())).code).toBe('SHAPE_MISMATCH');
  });
});

describe('types', () => {
  it('say what a pooling returns', () => {
    const x = torch.randn(1, 1, 4, 4);
    expectTypeOf(new nn.MaxPool2d(2).forward(x)).toEqualTypeOf<torch.Tensor>();
    expectTypeOf(new nn.MaxPool2d(2, { stride: 1 }).forward(x)).toEqualTypeOf<torch.Tensor>();
    expectTypeOf(new nn.MaxPool2d(2, { returnIndices: true }).forward(x)).toEqualTypeOf<[torch.Tensor, torch.Tensor]>();
    expectTypeOf(new nn.AdaptiveMaxPool2d(2).forward(x)).toEqualTypeOf<torch.Tensor>();
    // @ts-expect-error a pooling that returns indices is no step of a Sequential
    new nn.Sequential(new nn.MaxPool2d(2, { returnIndices: true }));
  });
  it('say what a recurrent layer returns', () => {
    const lstm = new nn.LSTM(2, 3);
    expectTypeOf(lstm.forward(torch.randn(1, 1, 2))).toEqualTypeOf<[output: torch.Tensor, state: nn.LSTMState]>();
    const packed = nn.packSequence([torch.randn(2, 2)]);
    expectTypeOf(lstm.forward(packed)[0]).toEqualTypeOf<nn.PackedSequence>();
  });
});
