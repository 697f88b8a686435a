import { describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import * as nn from '../nn/index.js';
import * as jit from './index.js';

/** Live tensors and bytes after collecting, once `round` has run often enough to have filled every cache. */
function left(round: () => void): { tensors: number; bytes: number }[] {
  return [20, 20].map((rounds) => {
    for (let i = 0; i < rounds; i++) round();
    torch.memory.collect();
    const { liveTensors, liveBytes } = torch.memory.stats();
    return { tensors: liveTensors, bytes: liveBytes };
  });
}

describe('memory', () => {
  const model = new nn.Sequential(new nn.Linear(8, 16), new nn.BatchNorm1d(16), new nn.ReLU(), new nn.Linear(16, 2));
  const x = torch.randn([4, 8]);
  const bytes = jit.saveToBytes(jit.trace(model, x));

  it.each<[string, () => void]>([
    ['tracing, with its check', () => jit.trace(model, x)],
    [
      'tracing that fails',
      () => {
        const broken = (a: torch.Tensor) => ({ a: model.forward(a) });
        expect(() => jit.trace(broken, x as never)).toThrow();
      },
    ],
    ['saving and loading', () => jit.loadSync(jit.saveToBytes(jit.loadSync(bytes)))],
    [
      'training a loaded module',
      () => {
        const module = jit.loadSync<[torch.Tensor], torch.Tensor>(bytes).train();
        for (let i = 0; i < 3; i++) module.forward(x).sum().backward();
      },
    ],
    [
      'calls that fail',
      () => {
        const module = jit.loadSync<[torch.Tensor], torch.Tensor>(bytes);
        expect(() => module.forward(torch.randn([4, 9]))).toThrow();
        expect(() => module.call('forward', [1])).toThrow();
      },
    ],
    ['freezing and cloning', () => jit.freeze(jit.loadSync<[torch.Tensor], torch.Tensor>(bytes).eval().clone())],
  ])('%s leaves nothing behind', (_name, round) => {
    const [first, second] = left(round);
    expect(second).toEqual(first);
  });
});
