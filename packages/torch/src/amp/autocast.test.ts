import { beforeAll, describe, expect, it, vi } from 'vitest';
import { type EncodedTensor, expectSameBits, readFixture, torchErrorOf } from '../../test/encodedTensor.js';
import type { Tensor } from '../index.js';
import * as torch from '../index.js';
import * as F from '../nn/functional/index.js';
import * as nn from '../nn/index.js';
import { autocast, clearAutocastCache, getAutocastDtype, isAutocastCacheEnabled, isAutocastEnabled } from './index.js';

interface AutocastCase {
  name: string;
  shapes: number[][];
  output: EncodedTensor;
  grads: (EncodedTensor | null)[];
}
const { cases } = readFixture<{ cases: AutocastCase[] }>('amp/autocast.json');
/** Written alike in fixtures/amp/make.py. */
const runs: Record<string, (...inputs: [Tensor, Tensor, Tensor]) => Tensor> = {
  linear: (x, w, b) => F.linear(x, w, b),
  conv2d: (x, w) => F.conv2d(x, w, null, 1, 1),
  bmm: (x, y) => torch.bmm(x, y),
  matmulTwice: (x, y) => torch.matmul(torch.matmul(x, y), y),
  addOfBoth: (x, y) => torch.matmul(x, y).add(x),
  softmax: (x, y) => F.softmax(torch.matmul(x, y), -1),
  layerNorm: (x, y) => F.layerNorm(torch.matmul(x, y), [5]),
  mseLoss: (x, y, z) => F.mseLoss(torch.matmul(x, y), z),
  cat: (x, y) => torch.cat([torch.matmul(x, y), x]),
};

const random = (...shape: number[]) => torch.randn(shape);

describe('autocast', () => {
  beforeAll(() => torch.setNumThreads(1));

  for (const { name, shapes, output, grads } of cases)
    it(`${name} has Python's dtype and bits, forward and backward`, () => {
      torch.manualSeed(1);
      const inputs = shapes.map((shape) => torch.randn(shape, { requiresGrad: true })) as [Tensor, Tensor, Tensor];
      const out = autocast(() => runs[name]!(...inputs));
      expectSameBits(out, output);
      out.backward(torch.onesLike(out));
      for (const [i, input] of inputs.entries()) expectSameBits(input.grad!, grads[i]!);
    });

  it('nests, and puts the mode back when the function throws', () => {
    const seen: boolean[] = [];
    const look = () => seen.push(isAutocastEnabled());
    expect(() =>
      autocast(() => {
        look();
        autocast({ enabled: false }, look);
        look();
        autocast({ cacheEnabled: false }, () => expect(isAutocastCacheEnabled()).toBe(false));
        throw new RangeError('stop');
      }),
    ).toThrow(RangeError);
    look();
    expect(seen).toEqual([true, false, true, false]);
    expect(isAutocastCacheEnabled()).toBe(true);
    expect(getAutocastDtype()).toBe('bfloat16');
    expect(torch.matmul(random(2, 2), random(2, 2)).dtype).toBe('float32');
  });

  it('keeps the cast copies of weights until the outermost block ends', () => {
    const layer = new nn.Linear(64, 64);
    const x = random(1, 64);
    torch.memory.collect();
    const before = torch.memory.stats().liveBytes;
    let [once, twice, after] = [0, 0, 0];
    autocast(() => {
      layer.forward(x);
      torch.memory.collect();
      once = torch.memory.stats().liveBytes - before;
      layer.forward(x);
      torch.memory.collect();
      twice = torch.memory.stats().liveBytes - before;
      clearAutocastCache();
      torch.memory.collect();
      after = torch.memory.stats().liveBytes - before;
      layer.forward(x);
    });
    expect(once).toBeGreaterThanOrEqual(64 * 64 * 2);
    expect(twice).toBe(once);
    expect(after).toBeLessThan(64 * 64);
    torch.memory.collect();
    expect(torch.memory.stats().liveBytes - before).toBeLessThan(64 * 64);
  });

  it('trains a network to the same place as float32, roughly', () => {
    const train = (enabled: boolean) => {
      torch.manualSeed(0);
      const model = new nn.Sequential(new nn.Linear(4, 16), new nn.ReLU(), new nn.Linear(16, 1));
      const x = random(32, 4);
      const y = x.sum([1], true);
      let loss = 0;
      for (let i = 0; i < 30; i++) {
        model.zeroGrad();
        const error = autocast({ enabled }, () => F.mseLoss(model.forward(x), y));
        error.backward();
        torch.noGrad(() => {
          for (const p of model.parameters()) p.sub_(p.grad!.mul(0.05));
        });
        loss = error.item() as number;
      }
      return loss;
    };
    const [exact, lowered] = [train(false), train(true)];
    expect(exact).toBeLessThan(1);
    expect(Math.abs(lowered - exact)).toBeLessThan(0.1 * exact + 0.02);
  });

  it('says what it cannot do', async () => {
    const emit = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    expect(torchErrorOf(() => autocast({ deviceType: 'tpu' as 'cpu' }, () => 0)).code).toBe('ARGUMENT_RANGE');
    expect(torchErrorOf(() => autocast(async () => 0)).code).toBe('AUTOGRAD');
    autocast({ dtype: 'float64' }, () => expect(isAutocastEnabled()).toBe(false));
    if (!torch.cuda.isAvailable())
      autocast({ deviceType: 'cuda' }, () => expect(isAutocastEnabled('cuda')).toBe(false));
    expect(emit.mock.calls.map(([, options]) => (options as { code: string }).code)).toContain('AUTOCAST_DISABLED');
    emit.mockRestore();
  });
});
