import { afterEach, beforeAll, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import { torchErrorOf } from '../../../test/encodedTensor.js';
import { autocast } from '../../amp/index.js';
import type { Tensor } from '../../index.js';
import * as torch from '../../index.js';
import * as nn from '../index.js';

const live = () => {
  torch.memory.collect(); // frees the graphs, then what only their functions referred to
  torch.memory.collect();
  const { liveTensors, liveBytes } = torch.memory.stats();
  return { liveTensors, liveBytes };
};

const network = (dropout = 0): nn.Sequential =>
  new nn.Sequential(
    new nn.Linear(6, 16),
    new nn.Tanh(),
    new nn.Dropout(dropout),
    new nn.Linear(16, 16),
    new nn.GELU(),
    new nn.Linear(16, 3),
  );
const gradientsOf = (model: nn.Module) => model.parameters().map((p) => p.grad!.tolist());

/** Loss and gradients of a model run by `forward`, from one seed. */
function trained(model: nn.Module, forward: (x: Tensor) => Tensor) {
  model.zeroGrad();
  torch.manualSeed(2);
  const x = torch.randn([5, 6], { requiresGrad: true });
  const loss = forward(x).pow(2).sum();
  loss.backward();
  return { loss: loss.item(), x: x.grad!.tolist(), gradients: gradientsOf(model), next: torch.rand([1]).item() };
}

describe('checkpoint', () => {
  beforeAll(() => torch.setNumThreads(1));
  let base: ReturnType<typeof live>;
  beforeEach(() => {
    base = live();
  });
  afterEach(() => {
    expect(live().liveTensors).toBe(base.liveTensors);
  });

  it('gives the gradients of the plain run bit for bit, with dropout and within autocast', () => {
    const model = network(0.5);
    const plain = trained(model, (x) => model.forward(x));
    expect(trained(model, (x) => nn.checkpoint((y: Tensor) => model.forward(y), x))).toEqual(plain);
    expect(trained(model, (x) => nn.checkpointSequential(model, 3, x))).toEqual(plain);
    const lowered = trained(model, (x) => autocast(() => model.forward(x)));
    expect(lowered.loss).not.toBe(plain.loss);
    // The second run is outside of the block, in the backward.
    expect(trained(model, (x) => autocast(() => nn.checkpoint((y: Tensor) => model.forward(y), x)))).toEqual(lowered);
  });

  it('runs the function once without gradients, and twice with', () => {
    let runs = 0;
    const fn = (x: Tensor, scale: number, { bias }: { bias: Tensor }) => {
      runs += 1;
      return [x.mul(scale).exp(), x.add(bias)] as const;
    };
    const bias = torch.ones([2]);
    const out = torch.noGrad(() => nn.checkpoint(fn, torch.ones([2]), 3, { bias }));
    expectTypeOf(out).toEqualTypeOf<readonly [Tensor, Tensor]>();
    expect(runs).toBe(1);
    const x = torch.ones([2], { requiresGrad: true });
    const [y, z] = nn.checkpoint(fn, x, 3, { bias }, { preserveRngState: false });
    expect(runs).toBe(2);
    y.sum().add(z.sum()).backward();
    expect(runs).toBe(3);
    expect(x.grad!.at(0).item()).toBeCloseTo(3 * Math.exp(3) + 1, 4);
  });

  it('serves autograd.grad, inputs that need no gradient, and derivatives of derivatives', () => {
    const layer = new nn.Linear(3, 3);
    const x = torch.randn([2, 3]);
    const fn = (y: Tensor) => torch.tanh(layer.forward(y));
    const [plain] = torch.grad(fn(x).sum(), layer.weight);
    const [again] = torch.grad(nn.checkpoint(fn, x).sum(), layer.weight);
    expect(again!.equal(plain!)).toBe(true);

    const leaf = torch.randn([4], { dtype: 'float64', requiresGrad: true });
    const cubic = (y: Tensor) => y.pow(3).sin();
    const second = (run: (y: Tensor) => Tensor) => {
      const [first] = torch.grad(run(leaf).sum(), leaf, { createGraph: true });
      return torch.grad(first!.pow(2).sum(), leaf)[0]!;
    };
    expect(second((y) => nn.checkpoint(cubic, y)).equal(second(cubic))).toBe(true);
    // A gradient inside of the function.
    const withInner = (y: Tensor) => {
      const [inner] = torch.grad(y.pow(3).sum(), y, { createGraph: true });
      return inner!.sin();
    };
    const gradientOf = (run: (y: Tensor) => Tensor) => torch.grad(run(leaf.mul(1)).sum(), leaf)[0]!;
    expect(gradientOf((y) => nn.checkpoint(withInner, y)).equal(gradientOf(withInner))).toBe(true);
  });

  it('nests, and runs again for a second backward through a kept graph', () => {
    const runs = { outer: 0, inner: 0 };
    const inner = (x: Tensor) => {
      runs.inner += 1;
      return x.sin().exp();
    };
    const outer = (x: Tensor) => {
      runs.outer += 1;
      return nn.checkpoint(inner, x.pow(2)).cos();
    };
    const x = torch.tensor([0.3, 0.7], { dtype: 'float64', requiresGrad: true });
    const [plain] = torch.grad(x.pow(2).sin().exp().cos().sum(), x);
    const loss = nn.checkpoint(outer, x).sum();
    const [first] = torch.grad(loss, x, { retainGraph: true });
    const ran = { ...runs };
    const [second] = torch.grad(loss, x);
    expect(first!.equal(plain!)).toBe(true);
    expect(second!.equal(plain!)).toBe(true);
    expect(ran.outer).toBe(2);
    expect(runs.outer).toBe(3);
  });

  it('needs far less memory at its peak', () => {
    const depth = 16;
    const width = 256;
    const layers = Array.from({ length: depth }, () => [new nn.Linear(width, width), new nn.Tanh()]).flat();
    const x = torch.randn([1024, width], { requiresGrad: true }); // 1 MB, as every activation
    const peak = (run: (x: Tensor) => Tensor) => {
      for (const layer of layers) layer.zeroGrad();
      x.grad = null;
      torch.memory.collect();
      torch.memory.collect();
      torch.memory.resetPeak();
      const before = torch.memory.stats().liveBytes;
      run(x).sum().backward();
      return torch.memory.stats().peakBytes - before;
    };
    const straight = peak((input) => new nn.Sequential(...layers).forward(input));
    const parts = peak((input) => nn.checkpointSequential(layers, 4, input));
    expect(straight).toBeGreaterThan(depth * 2 ** 20);
    expect(parts).toBeLessThan(0.6 * straight);
  });

  it('leaves nothing behind, whether or not a backward follows, and when the function throws', () => {
    const layer = new nn.Linear(8, 8);
    const run = (i: number) => {
      const x = torch.randn([4, 8], { requiresGrad: true });
      let calls = 0;
      const fn = (y: Tensor) => {
        calls += 1;
        const out = layer.forward(y).tanh();
        if (i % 3 === 2 && calls === 2) throw new RangeError('the second run');
        if (i % 4 === 3 && calls === 1) throw new RangeError('the first run');
        return out;
      };
      try {
        const loss = nn.checkpoint(fn, x).sum();
        if (i % 2 === 0) loss.backward();
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
      layer.zeroGrad();
    };
    for (let i = 0; i < 12; i++) run(i);
    const before = live();
    for (let i = 0; i < 48; i++) run(i);
    const after = live();
    expect(after.liveTensors).toBe(before.liveTensors);
    expect(Math.abs(after.liveBytes - before.liveBytes)).toBeLessThan(500);
  });

  it('tells when the second run does not do the same', () => {
    const check = (second: (x: Tensor) => Tensor, message: RegExp) => {
      let runs = 0;
      const run = () => {
        const x = torch.ones([2, 2], { requiresGrad: true });
        nn.checkpoint((y: Tensor) => (runs++ === 0 ? y.exp().sin() : second(y)), x)
          .sum()
          .backward();
      };
      const error = torchErrorOf(run);
      expect(error.code).toBe('CHECKPOINT');
      expect(error.message).toMatch(message);
    };
    check((x) => x.exp(), /saved 1 tensors, the first time 2/);
    check((x) => x.exp().sin().cos(), /more than the 2 tensors/);
    check((x) => x.double().exp().sin(), /tensor 0 that it saved was float32\[2, 2\] on cpu and is now float64/);
    check((x) => x.at(0).exp().sin(), /is now float32\[2\]/);
  });

  it('refuses an input changed in place, and options it has no use for', () => {
    const x = torch.ones([2], { requiresGrad: true });
    const fn = (y: Tensor) => y.exp().sin();
    const changed = () => {
      const input = x.mul(1);
      const loss = nn.checkpoint(fn, input).sum();
      input.add_(1);
      loss.backward();
    };
    expect(torchErrorOf(changed).code).toBe('AUTOGRAD');
    const reentrant = { useReentrant: true } as unknown as { useReentrant: false };
    expect(torchErrorOf(() => nn.checkpoint((y: Tensor) => y, x, reentrant)).code).toBe('ARGUMENT_RANGE');
    expect(nn.checkpoint((y: Tensor) => y.mul(2), x, { useReentrant: false }).tolist()).toEqual([2, 2]);
    expect(torchErrorOf(() => nn.checkpointSequential(network(), 7, torch.ones([1, 6]))).code).toBe('ARGUMENT_RANGE');
    expect(torchErrorOf(() => nn.checkpoint(async (y: Tensor) => y, x)).code).toBe('AUTOGRAD');
    x.mul(2).sum().backward(); // the mode is closed
    expect(x.grad!.tolist()).toEqual([2, 2]);
  });
});
