import { beforeEach, describe, expect, it } from 'vitest';
import { torchErrorOf } from '../test/encodedTensor.js';
import * as torch from './index.js';

const leaf = (values: number[]) => torch.tensor(values, { dtype: 'float64', requiresGrad: true });

describe('backward', () => {
  it('gives the gradients of a formula', () => {
    const x = leaf([1, 2, 3]);
    const y = leaf([4, 5, 6]);
    x.mul(y).add(x.pow(2)).sum().backward();
    expect(x.grad!.tolist()).toEqual([6, 9, 12]);
    expect(y.grad!.tolist()).toEqual([1, 2, 3]);
  });

  it('adds to the gradients that are there, until they are cleared', () => {
    const x = leaf([1, 2]);
    for (let i = 0; i < 3; i++) x.mul(2).sum().backward();
    expect(x.grad!.tolist()).toEqual([6, 6]);
    x.grad = null;
    x.sum().backward();
    expect(x.grad!.tolist()).toEqual([1, 1]);
    x.grad!.zero_();
    expect(x.grad!.tolist()).toEqual([0, 0]);
  });

  it('takes a gradient for tensors of several elements', () => {
    const x = leaf([1, 2]);
    x.mul(3).backward(torch.tensor([1, 10], { dtype: 'float64' }));
    expect(x.grad!.tolist()).toEqual([3, 30]);
    expect(torchErrorOf(() => x.mul(3).backward(torch.ones(3))).message).toMatch(/shape|size/i);
  });

  it('frees the graph unless it is told to keep it', () => {
    const x = leaf([2]);
    const y = x.pow(3).sum();
    y.backward(undefined, { retainGraph: true });
    y.backward();
    expect(x.grad!.tolist()).toEqual([24]);
    const error = torchErrorOf(() => y.backward());
    expect(error.code).toBe('AUTOGRAD');
    expect(error.message).toContain('second time');
  });

  it('goes only to the inputs that are named', () => {
    const x = leaf([2]);
    const y = leaf([3]);
    x.mul(y)
      .sum()
      .backward(undefined, { inputs: [x] });
    expect(x.grad!.tolist()).toEqual([3]);
    expect(y.grad).toBeNull();
  });

  it('refuses a tensor that was changed after it was saved', () => {
    const x = leaf([1, 2]);
    const y = x.exp();
    const z = y.mul(y).sum();
    y.add_(1);
    const error = torchErrorOf(() => z.backward());
    expect(error.code).toBe('AUTOGRAD');
    expect(error.message).toContain('inplace');
  });

  it('goes through views, broadcasting, in-place operators and conversions', () => {
    const x = torch.tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { dtype: 'float32', requiresGrad: true },
    );
    x.double()
      .t()
      .reshape([4])
      .add(torch.ones([2, 1], { dtype: 'float64' }))
      .mul_(2)
      .sum()
      .float()
      .backward();
    expect(x.grad!.tolist()).toEqual([
      [4, 4],
      [4, 4],
    ]);
    expect(x.grad!.dtype).toBe('float32');
  });
});

describe('grad', () => {
  it('returns the gradients and leaves .grad alone', () => {
    const x = leaf([1, 2]);
    const y = leaf([3, 4]);
    const [gx, gy] = torch.grad(x.mul(y).sum(), [x, y]);
    expect([gx!.tolist(), gy!.tolist()]).toEqual([
      [3, 4],
      [1, 2],
    ]);
    expect([x.grad, y.grad]).toEqual([null, null]);
  });

  it('weights several outputs by gradOutputs', () => {
    const x = leaf([1, 2]);
    const [g] = torch.grad([x.mul(2), x.mul(3)], x, {
      gradOutputs: [torch.ones(2).double(), torch.tensor([0, 1]).double()],
    });
    expect(g!.tolist()).toEqual([2, 5]);
  });

  it('takes second and third derivatives with createGraph', () => {
    const x = leaf([2]);
    const [first] = torch.grad(x.pow(4).sum(), x, { createGraph: true });
    const [second] = torch.grad(first!.sum(), x, { createGraph: true });
    const [third] = torch.grad(second!.sum(), x);
    expect([first!.item(), second!.item(), third!.item()]).toEqual([32, 48, 48]);
    expect([first!.requiresGrad, third!.requiresGrad]).toEqual([true, false]);
    // the same through .grad
    const y = leaf([2]);
    y.pow(3).sum().backward(undefined, { createGraph: true });
    const once = y.grad!;
    y.grad = null;
    once.sum().backward();
    expect(y.grad!.item()).toBe(12);
  });

  it('gives null for inputs that do not matter only when that is allowed', () => {
    const x = leaf([1]);
    const unused = leaf([1]);
    const error = torchErrorOf(() => torch.grad(x.mul(2).sum(), [x, unused]));
    expect(error.message).toContain('not have been used');
    const [gx, none] = torch.grad(x.mul(2).sum(), [x, unused], { allowUnused: true });
    expect([gx!.item(), none]).toEqual([2, null]);
    expect(torchErrorOf(() => torch.grad(x.mul(2).sum(), torch.ones(1))).code).toBe('AUTOGRAD');
  });
});

describe('modes', () => {
  beforeEach(() => expect([torch.isGradEnabled(), torch.isInferenceModeEnabled()]).toEqual([true, false]));
  const x = leaf([1, 2]);

  it('noGrad records nothing, enableGrad inside it does, and both give back the value', () => {
    const [inside, again] = torch.noGrad(() => [x.mul(2), torch.enableGrad(() => x.mul(2))] as const);
    expect([inside.requiresGrad, again.requiresGrad, x.mul(2).requiresGrad]).toEqual([false, true, true]);
    expect(torch.noGrad(() => 7)).toBe(7);
  });

  it('nest, and end when something throws', () => {
    expect(() =>
      torch.noGrad(() => {
        torch.enableGrad(() => {
          expect(torch.isGradEnabled()).toBe(true);
          try {
            torch.noGrad(() => {
              throw new Error('inner');
            });
          } catch {
            expect(torch.isGradEnabled()).toBe(true);
          }
          throw new Error('outer');
        });
      }),
    ).toThrow('outer');
    expect(torch.isGradEnabled()).toBe(true);
    expect(() => torch.noGrad(() => x.matmul(torch.ones(5)))).toThrow(torch.TorchError);
    expect(torch.isGradEnabled()).toBe(true);
  });

  it('inferenceMode makes tensors that autograd never takes, also after a throw', () => {
    const y = torch.inferenceMode(() => {
      expect([torch.isInferenceModeEnabled(), torch.isGradEnabled()]).toEqual([true, false]);
      expect(torch.inferenceMode(() => torch.isInferenceModeEnabled(), false)).toBe(false);
      return x.mul(2);
    });
    expect(torchErrorOf(() => x.mul(y)).message).toContain('nference');
    expect(() =>
      torch.inferenceMode(() => {
        throw new Error('stop');
      }),
    ).toThrow('stop');
    expect(torch.isInferenceModeEnabled()).toBe(false);
    expect(y.clone().add(1).tolist()).toEqual([3, 5]);
  });

  it('refuse async functions, because the mode would leak into other code', () => {
    for (const mode of [torch.noGrad, torch.enableGrad, torch.inferenceMode] as ((fn: () => unknown) => unknown)[]) {
      const error = torchErrorOf(() => mode(async () => 1));
      expect(error.code).toBe('AUTOGRAD');
      expect(error.message).toContain('promise');
      expect([torch.isGradEnabled(), torch.isInferenceModeEnabled()]).toEqual([true, false]);
    }
  });

  it('a rejected async function is reported as well, and not as an unhandled rejection', async () => {
    const unhandled: unknown[] = [];
    const listen = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', listen);
    try {
      expect(torchErrorOf(() => torch.noGrad(() => Promise.reject(new Error('late')))).code).toBe('AUTOGRAD');
      await new Promise((resolve) => setTimeout(resolve, 20));
    } finally {
      process.off('unhandledRejection', listen);
    }
    expect(unhandled).toEqual([]);
  });

  it('setGradEnabled returns what it was', () => {
    expect(torch.setGradEnabled(false)).toBe(true);
    expect(torch.setGradEnabled(true)).toBe(false);
  });
});

describe('requiresGrad', () => {
  it('is for leaves of floating point and complex dtypes', () => {
    expect(torchErrorOf(() => torch.tensor([1]).requiresGrad_()).code).toBe('DTYPE_MISMATCH');
    expect(torchErrorOf(() => torch.tensor([true]).requiresGrad_()).code).toBe('DTYPE_MISMATCH');
    expect(torch.zeros([1], { dtype: 'complex64' }).requiresGrad_().requiresGrad).toBe(true);
    const x = leaf([1]);
    expect(torchErrorOf(() => x.mul(2).requiresGrad_(false)).code).toBe('AUTOGRAD');
    x.requiresGrad = false;
    expect(x.mul(2).requiresGrad).toBe(false);
  });

  it('passes from inputs to results, with leaves and histories told apart', () => {
    const x = leaf([1]);
    const y = x.mul(2);
    expect([x.isLeaf, y.isLeaf, y.requiresGrad, x.gradFn, y.gradFn?.startsWith('MulBackward')]).toEqual([
      true,
      false,
      true,
      null,
      true,
    ]);
    expect([y.detach().requiresGrad, y.detach().isLeaf, y.data.requiresGrad]).toEqual([false, true, false]);
    expect(x.gt(0).requiresGrad).toBe(false);
    expect(x.long().requiresGrad).toBe(false);
  });

  it('a leaf cannot be changed in place while recording, and can in noGrad', () => {
    const x = leaf([1]);
    const error = torchErrorOf(() => x.add_(1));
    expect(error.code).toBe('AUTOGRAD');
    torch.noGrad(() => x.add_(1));
    expect(x.item()).toBe(2);
  });

  it('.data shares memory, and assigning it keeps the identity', () => {
    const x = leaf([1, 2]);
    x.data.fill_(5);
    expect(x.tolist()).toEqual([5, 5]);
    x.data = torch.zeros([3], { dtype: 'float64' });
    expect([x.shape, x.requiresGrad, x.isLeaf]).toEqual([[3], true, true]);
  });

  it('.grad must have the shape of its tensor', () => {
    const x = leaf([1, 2]);
    x.grad = torch.ones([2]).double();
    expect(x.grad.tolist()).toEqual([1, 1]);
    expect(
      torchErrorOf(() => {
        x.grad = torch.ones([3]).double();
      }).code,
    ).toBe('SHAPE_MISMATCH');
    expect(x.grad!.isSame(x.grad!)).toBe(true);
  });
});
