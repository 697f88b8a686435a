import { beforeAll, describe, expect, it } from 'vitest';
import * as torch from '../src/index.js';
import * as nn from '../src/nn/index.js';
import { type EncodedTensor, expectSameBits, readFixture } from './encodedTensor.js';

type Unary = nn.Module & { forward(input: torch.Tensor): torch.Tensor };
type Binary = nn.Module & { forward(input: torch.Tensor, target: torch.Tensor): torch.Tensor };
type Construct<M> = new (...args: unknown[]) => M;
const constructors = nn as unknown as Record<string, Construct<Unary | Binary>>;

const camel = (options: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(options).map(([key, value]) => [key.replace(/_(.)/g, (_, c: string) => c.toUpperCase()), value]),
  );

beforeAll(() => torch.setNumThreads(1));

describe('layers equal Python bit for bit: weights by seed, output, gradients, state and text', () => {
  interface Layer {
    name: string;
    shape: number[];
    args: unknown[];
    options: Record<string, unknown>;
    text: string;
    out: EncodedTensor;
    inputGrad: EncodedTensor;
    grads: Record<string, EncodedTensor>;
    state: Record<string, EncodedTensor>;
    evalOut: EncodedTensor;
  }
  const { layers } = readFixture<{ layers: Layer[] }>('nn/layers.json');

  for (const { name, shape, args, options, text, ...expected } of layers)
    it(`${name}(${[...args, ...(Object.keys(options).length > 0 ? [options] : [])].map((arg) => JSON.stringify(arg)).join(', ')}) of [${shape.join(', ')}]`, () => {
      torch.manualSeed(0);
      const layer = new (constructors[name] as Construct<Unary>)(
        ...args,
        ...(Object.keys(options).length > 0 ? [camel(options)] : []),
      );
      const input = torch.randn(shape, { requiresGrad: true });
      const out = layer.forward(input.mul(1));
      expectSameBits(out, expected.out);
      out.backward(torch.randnLike(out));
      expectSameBits(input.grad!, expected.inputGrad);
      const parameters = layer.namedParameters();
      expect(parameters.map(([key]) => key)).toEqual(Object.keys(expected.grads));
      for (const [key, parameter] of parameters) expectSameBits(parameter.grad!, expected.grads[key]!);
      const state = layer.stateDict();
      expect([...state.keys()]).toEqual(Object.keys(expected.state));
      for (const [key, tensor] of state) expectSameBits(tensor, expected.state[key]!);
      expect(String(layer)).toBe(text);
      layer.eval();
      expectSameBits(layer.forward(input.mul(1)), expected.evalOut);
    });
});

describe('losses equal Python bit for bit, with their gradients', () => {
  interface Loss {
    name: string;
    target: 'classes' | 'probabilities' | 'like' | 'zero-one';
    shape: number[];
    drawn: string[];
    options: Record<string, unknown>;
    text: string;
    keys: string[];
    out: EncodedTensor;
    grad: EncodedTensor;
  }
  const { losses } = readFixture<{ losses: Loss[] }>('nn/losses.json');

  for (const { name, target, shape, drawn, options, text, keys, out, grad } of losses)
    it(`${name} ${JSON.stringify({ ...options, ...(drawn.length > 0 ? { drawn } : {}) })}, target ${target} for [${shape.join(', ')}]`, () => {
      torch.manualSeed(0);
      const x = torch.randn(shape, { requiresGrad: true });
      const [batch = 0, classes = 0, ...rest] = shape;
      const y = {
        classes: () => torch.randint(0, classes, [batch, ...rest]),
        probabilities: () => torch.rand(shape).softmax(1),
        like: () => torch.randn(shape),
        'zero-one': () => torch.randint(0, 2, shape).float(),
      }[target]();
      const weightSize = target === 'classes' || target === 'probabilities' ? classes : shape.at(-1)!;
      const tensors = Object.fromEntries(drawn.map((key) => [key, torch.rand([weightSize])]));
      const loss = new (constructors[name] as Construct<Binary>)(camel({ ...options, ...tensors }));
      const result = loss.forward(name === 'BCELoss' ? x.sigmoid() : x, y);
      expectSameBits(result, out);
      result.sum().backward();
      expectSameBits(x.grad!, grad);
      expect([...loss.stateDict().keys()]).toEqual(keys);
      expect(String(loss)).toBe(text);
    });

  it('give the numbers worked out by hand for cross entropy', () => {
    const logits = torch.tensor(
      [
        [1, 2, 3],
        [1, 0, 0],
      ],
      { dtype: 'float32' },
    );
    const loss = (target: number[], options = {}) =>
      new nn.CrossEntropyLoss(options).forward(logits, torch.tensor(target)).item();
    expect(loss([2, 1])).toBeCloseTo(0.979525, 6);
    expect(loss([2, 1], { labelSmoothing: 0.1 })).toBeCloseTo(1.012859, 6);
    expect(loss([2, 1], { weight: torch.tensor([1, 2, 3], { dtype: 'float32' }) })).toBeCloseTo(0.865142, 6);
    expect(loss([2, -100])).toBeCloseTo(0.407606, 6);
  });

  it('refuse a reduction that does not exist, and targets outside the classes', () => {
    const wrong = { reduction: 'average' } as unknown as { reduction: 'mean' };
    const x = torch.randn(2, 3);
    for (const loss of [
      new nn.MSELoss(wrong),
      new nn.CrossEntropyLoss(wrong),
      new nn.BCEWithLogitsLoss(wrong),
    ] as Binary[])
      expect(() => loss.forward(x, x)).toThrow(/'mean', 'sum' or 'none'.*'average'/);
    expect(() => new nn.CrossEntropyLoss().forward(x, torch.tensor([0, 3]))).toThrow(/Target 3 is out of bounds/);
    expect(() => new nn.CrossEntropyLoss().forward(x, torch.tensor([0, 1, 2]))).toThrow(/batch_size/);
  });
});

describe('batch normalisation', () => {
  it('keeps unbiased running statistics', () => {
    const layer = new nn.BatchNorm1d(1);
    layer.forward(torch.tensor([[1], [2], [3], [4]], { dtype: 'float32' }));
    expect(layer.runningMean!.item()).toBeCloseTo(0.25, 6);
    expect(layer.runningVar!.item()).toBeCloseTo(1.0667, 4);
    expect(layer.numBatchesTracked!.item()).toBe(1);
    layer.resetRunningStats();
    expect([layer.runningMean!.item(), layer.runningVar!.item(), layer.numBatchesTracked!.item()]).toEqual([0, 1, 0]);
  });

  it('names a batch of one value per channel and a wrong number of dimensions', () => {
    const layer = new nn.BatchNorm2d(2);
    expect(() => layer.forward(torch.ones(1, 2, 1, 1))).toThrow(/more than one value per channel.*\[1, 2, 1, 1\]/);
    expect(() => layer.forward(torch.ones(2, 2))).toThrow(/BatchNorm2d expects 4 dimensions, got \[2, 2\]/);
    layer.eval();
    expect(layer.forward(torch.ones(1, 2, 1, 1)).shape).toEqual([1, 2, 1, 1]);
  });
});

describe('bad arguments of layers', () => {
  it('are named when the layer is built', () => {
    expect(() => new nn.Dropout(1.5)).toThrow(/from 0 to 1, got 1.5/);
    expect(() => new nn.Conv2d(3, 4, 3, { groups: 2 })).toThrow(/divisible by groups \(2\)/);
    expect(() => new nn.Conv2d(2, 4, 3, { padding: 'same', stride: 2 })).toThrow(/needs stride 1/);
    expect(() => new nn.Conv2d(2, 4, 3, { padding: 'full' as 'same' })).toThrow(/'same' or 'valid', got 'full'/);
    expect(() => new nn.Conv2d(2, 4, 3, { paddingMode: 'mirror' as 'reflect' })).toThrow(/got 'mirror'/);
  });
});
