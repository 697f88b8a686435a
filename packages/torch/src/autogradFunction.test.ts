import { describe, expect, it } from 'vitest';
import * as torch from './index.js';
import { Function, type FunctionContext, type Tensor } from './index.js';

class Cube extends Function {
  static forward(context: FunctionContext, x: Tensor): Tensor {
    context.saveForBackward(x);
    return x.pow(3);
  }
  static backward(context: FunctionContext, gradient: Tensor): Tensor {
    const [x] = context.savedTensors;
    return gradient.mul(x!.pow(2).mul(3));
  }
}

class Exp extends Function {
  static forward(context: FunctionContext, x: Tensor, scale: number): Tensor {
    const y = x.exp().mul(scale);
    context.saveForBackward(y);
    return y;
  }
  static backward(context: FunctionContext, gradient: Tensor): (Tensor | null)[] {
    return [gradient.mul(context.savedTensors[0]!), null];
  }
}

const live = () => {
  torch.memory.collect(); // frees the graphs, then what only their hooks referred to
  torch.memory.collect();
  return torch.memory.stats().liveTensors;
};

describe('a function with a backward in TypeScript', () => {
  it('gives the gradient that its backward computes', () => {
    const x = torch.tensor([1, 2, 3], { dtype: 'float64', requiresGrad: true });
    Cube.apply(x).sum().backward();
    expect(x.grad!.tolist()).toEqual([3, 12, 27]);
  });

  it('is differentiated twice when its backward uses recorded operators', () => {
    const x = torch.tensor([2], { dtype: 'float64', requiresGrad: true });
    const [first] = torch.grad(Cube.apply(x).sum(), x, { createGraph: true });
    const [second] = torch.grad(first!.sum(), x);
    expect(second!.item()).toBe(12);
  });

  it('takes arguments that are no tensors, and saves an output without keeping the graph alive', () => {
    const base = live();
    const once = (runsBackward: boolean) => {
      const x = torch.tensor([0, 1], { dtype: 'float64', requiresGrad: true });
      const y = Exp.apply(x, 2);
      if (runsBackward) y.sum().backward();
    };
    for (let i = 0; i < 50; i++) once(i % 2 === 0);
    expect(live()).toBe(base);
    const x = torch.tensor([0], { dtype: 'float64', requiresGrad: true });
    Exp.apply(x, 2).sum().backward();
    expect(x.grad!.item()).toBe(2);
  });

  it('records nothing when no argument needs a gradient', () => {
    expect(Cube.apply(torch.ones([2])).requiresGrad).toBe(false);
    const x = torch.ones([2], { requiresGrad: true });
    expect(torch.noGrad(() => Cube.apply(x)).requiresGrad).toBe(false);
  });

  it('passes the error of a backward on as it is, and the engine works on', () => {
    const failure = new Error('no derivative today');
    class Broken extends Function {
      static forward(_: FunctionContext, x: Tensor): Tensor {
        return x.mul(2);
      }
      static backward(): Tensor {
        throw failure;
      }
    }
    const x = torch.ones([2], { requiresGrad: true });
    expect(() => Broken.apply(x).sum().backward()).toThrow(failure);
    x.mul(3).sum().backward();
    expect(x.grad!.tolist()).toEqual([3, 3]);
  });

  it('keeps nothing alive when its backward throws', () => {
    class Failing extends Exp {
      static override backward(context: FunctionContext): (Tensor | null)[] {
        expect(context.savedTensors).toHaveLength(1);
        throw new RangeError('no derivative today');
      }
    }
    const base = live();
    const run = () => {
      const x = torch.ones([2], { requiresGrad: true });
      Failing.apply(x, 2).sum().backward();
    };
    for (let i = 0; i < 10; i++) expect(run).toThrow(RangeError);
    expect(live()).toBe(base);
  });

  it('says what a backward must return', () => {
    class Short extends Function {
      static forward(_: FunctionContext, x: Tensor, y: Tensor): Tensor {
        return x.add(y);
      }
      static backward(_: FunctionContext, gradient: Tensor): Tensor {
        return gradient;
      }
    }
    const x = torch.ones([2], { requiresGrad: true });
    expect(() => Short.apply(x, x).sum().backward()).toThrow(/returned 1 gradients for the 2 arguments/);
  });

  it('refuses a second backward through a freed graph', () => {
    const x = torch.ones([2], { requiresGrad: true });
    const y = Cube.apply(x).sum();
    y.backward();
    expect(() => y.backward()).toThrow(expect.objectContaining({ code: 'AUTOGRAD' }));
  });
});

const stop = () => {
  throw new RangeError('stop');
};

describe('tensor hooks', () => {
  it('see the gradient and may replace it, until they are removed', () => {
    const x = torch.ones([2], { requiresGrad: true });
    const seen: unknown[] = [];
    const y = x.mul(2);
    const hook = y.registerHook((gradient) => {
      seen.push(gradient.tolist());
      return gradient.mul(10);
    });
    y.sum().backward(null, { retainGraph: true });
    expect(seen).toEqual([[1, 1]]);
    expect(x.grad!.tolist()).toEqual([20, 20]);
    hook.remove();
    x.grad = null;
    y.sum().backward();
    expect(x.grad!.tolist()).toEqual([2, 2]);
    expect(seen.length).toBe(1);
  });

  it('throw through backward, and leave nothing behind', () => {
    const base = live();
    for (let i = 0; i < 20; i++) {
      const x = torch.ones([2], { requiresGrad: true });
      x.registerHook(stop);
      expect(() => x.sum().backward()).toThrow(RangeError);
    }
    expect(live()).toBe(base);
  });

  it('keep the gradient of a tensor that is no leaf when asked to', () => {
    const x = torch.ones([2], { requiresGrad: true });
    const y = x.mul(2);
    y.retainGrad();
    y.pow(2).sum().backward();
    expect(y.grad!.tolist()).toEqual([4, 4]);
  });
});
