import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { torchErrorOf } from '../test/encodedTensor.js';
import * as torch from './index.js';
import * as nn from './nn/index.js';
import { AdamW } from './optim/index.js';

const MB = 2 ** 20;

interface Level {
  tensors: number;
  bytes: number;
}
/** What is reachable now. */
function live(): Level {
  torch.memory.collect();
  const { liveTensors, liveBytes } = torch.memory.stats();
  return { tensors: liveTensors, bytes: liveBytes };
}
/** The system's allocator rounds one and the same request up by a few bytes more or less. */
function expectSameLevel(actual: Level, expected: Level): void {
  expect(actual.tensors).toBe(expected.tensors);
  expect(Math.abs(actual.bytes - expected.bytes)).toBeLessThan(500);
}

describe('memory', () => {
  let base: Level;
  beforeEach(() => {
    base = live();
  });
  afterEach(() => {
    expectSameLevel(live(), base); // whatever a test did, nothing is left
  });

  it('stays bounded in a loop that never yields', () => {
    torch.memory.resetPeak();
    for (let i = 0; i < 3000; i++) torch.empty([MB / 4]).add(1); // 2 MB a turn, 6 GB in all
    const { peakBytes, minorCollections } = torch.memory.stats();
    expect(peakBytes - base.bytes).toBeLessThan(400 * MB);
    expect(minorCollections).toBeGreaterThan(10);
  });

  it('stays bounded with graphs, which hold what they saved', () => {
    const w = torch.ones([MB / 4], { requiresGrad: true });
    torch.memory.resetPeak();
    for (let i = 0; i < 500; i++) {
      w.mul(2).exp().sigmoid().sum().backward();
      w.grad = null;
    }
    expect(torch.memory.stats().peakBytes - base.bytes).toBeLessThan(400 * MB);
  });

  it('keeps what somebody stashed, whatever is allocated meanwhile', () => {
    torch.manualSeed(0);
    const stash: torch.Tensor[] = [];
    const sums: number[] = [];
    for (let i = 0; i < 1000; i++) {
      const x = torch.randn([1000]);
      if (i % 10 === 0) {
        stash.push(x.at('10:20')); // a view: its storage must live
        sums.push(x.at('10:20').sum().item());
      }
      torch.empty([MB / 8]).fill_(i);
    }
    expect(stash.map((t) => t.sum().item())).toEqual(sums);
  });

  it('a view keeps the storage after its base is gone', () => {
    const view = (() => torch.arange(100_000).view([1000, 100]).at(500))();
    torch.memory.collect();
    torch.empty([100_000]).fill_(7);
    expect(view.at(3).item()).toBe(50_003);
    expect(torch.storageByteLength(view)).toBe(800_000);
  });

  it('dispose frees at once, and leaves views and graphs valid', () => {
    const x = torch.ones([MB / 4]);
    const before = torch.memory.stats().liveBytes;
    const y = x.mul(2);
    y.dispose();
    expect(torch.memory.stats().liveBytes).toBe(before);
    const view = x.at('5:10');
    x.dispose();
    expect(view.tolist()).toEqual([1, 1, 1, 1, 1]);
    const w = torch.ones([3], { requiresGrad: true });
    const h = w.exp();
    const loss = h.sum();
    h.dispose(); // exp saved its result
    loss.backward();
    expect(w.grad!.at(0).item()).toBeCloseTo(Math.E, 6);
    expect(torchErrorOf(() => x.add(1)).code).toBe('TENSOR_DISPOSED');
  });

  it('a tensor can be disposed by Symbol.dispose, as `using` does', () => {
    const x = torch.ones(2);
    x[Symbol.dispose]();
    expect(torchErrorOf(() => x.shape).code).toBe('TENSOR_DISPOSED');
  });

  it('errors in the middle of operators leak nothing', () => {
    const x = torch.ones(20, 30);
    for (let i = 0; i < 200; i++) {
      expect(() => x.matmul(x)).toThrow();
      expect(() => torch.cat([x, x.t(), x])).toThrow();
      expect(() => torch.add(x.mul(2), 'no' as unknown as torch.Tensor)).toThrow();
      expect(() => x.clone().requiresGrad_().mul(2).backward()).toThrow();
      expect(() => torch.tensor([[1, 2], [3]])).toThrow();
      expect(() =>
        torch.noGrad(() => {
          throw x.add(1);
        }),
      ).toThrow();
    }
  });

  it('stats count tensors, bytes, allocations and the peak', () => {
    const start = torch.memory.stats();
    const x = torch.ones([MB]);
    const after = torch.memory.stats();
    expect(after.liveTensors - start.liveTensors).toBe(1);
    expect(after.liveBytes - start.liveBytes).toBeGreaterThanOrEqual(4 * MB);
    expect(after.liveBytes - start.liveBytes).toBeLessThan(4.1 * MB);
    expect(after.allocations - start.allocations).toBe(1);
    x.dispose();
    const end = torch.memory.stats();
    expect(end.liveBytes).toBe(start.liveBytes);
    expect(end.peakBytes).toBeGreaterThanOrEqual(after.liveBytes);
    torch.memory.resetPeak();
    expect(torch.memory.stats().peakBytes).toBe(torch.memory.stats().liveBytes);
  });

  it('bytes viewed in a storage keep it alive until they are collected and the event loop has turned', async () => {
    let bytes: Uint8Array | null = (() => torch.storageBytes(torch.full([1000], 7, { dtype: 'uint8' })))();
    torch.memory.collect();
    torch.empty([1000]).fill_(1);
    expect(bytes.every((byte) => byte === 7)).toBe(true);
    bytes = null;
    torch.memory.collect();
    await new Promise((resolve) => setTimeout(resolve, 10));
  });

  it('300 steps of a convnet leave as many tensors and bytes as 20', () => {
    torch.manualSeed(1);
    torch.setNumThreads(1);
    const model = new nn.Sequential(
      new nn.Conv2d(1, 4, 3, { padding: 1, bias: false }),
      new nn.BatchNorm2d(4),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.Dropout(0.2),
      new nn.Linear(4 * 7 * 7, 10),
    );
    const lossFn = new nn.CrossEntropyLoss();
    const optimizer = new AdamW(model.parameters(), { lr: 1e-3 });
    const images = torch.randn(32, 1, 14, 14);
    const labels = torch.randint(10, [32]);
    const levels: Level[] = [];
    for (let step = 1; step <= 300; step++) {
      optimizer.zeroGrad();
      lossFn.forward(model.forward(images), labels).backward();
      nn.clipGradNorm_(model.parameters(), 1);
      optimizer.step();
      if (step === 20 || step === 150 || step === 300) levels.push(live());
    }
    expectSameLevel(levels[1]!, levels[0]!);
    expectSameLevel(levels[2]!, levels[0]!);
  });

  it('every layer, forward and backward in a loop, gives back what it took', () => {
    const layers: [nn.Module & { forward(input: torch.Tensor): torch.Tensor }, number[]][] = [
      [new nn.Linear(4, 3), [2, 4]],
      [new nn.Conv1d(2, 3, 2, { paddingMode: 'circular', padding: 1 }), [2, 2, 5]],
      [new nn.Conv2d(2, 3, 2), [2, 2, 5, 5]],
      [new nn.BatchNorm1d(4, { momentum: null }), [3, 4]],
      [new nn.MaxPool2d(2), [1, 1, 4, 4]],
      [new nn.AvgPool2d(2), [1, 1, 4, 4]],
      [new nn.AdaptiveAvgPool2d(1), [1, 1, 4, 4]],
      [new nn.Dropout(0.5), [4]],
      [new nn.Softmax(0), [4]],
    ];
    const run = () => {
      for (const [layer, shape] of layers) {
        layer.zeroGrad();
        layer
          .forward(torch.randn(shape, { requiresGrad: true }))
          .sum()
          .backward();
      }
    };
    run();
    const before = live();
    for (let i = 0; i < 50; i++) run();
    expectSameLevel(live(), before);
  });
});
