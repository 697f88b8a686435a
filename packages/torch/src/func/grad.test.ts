import { describe, expect, expectTypeOf, it, vi } from 'vitest';
import { torchErrorOf } from '../../test/encodedTensor.js';
import type { FunctionContext, Tensor } from '../index.js';
import * as torch from '../index.js';
import * as nn from '../nn/index.js';
import { functionalCall, grad, gradcheck, gradgradcheck, valueAndGrad } from './index.js';

const double = (...shape: number[]) => torch.rand(shape, { dtype: 'float64', requiresGrad: true });

describe('grad', () => {
  it('gives the gradient by the arguments asked for, in their form', () => {
    const fn = (weights: { w: Tensor; b: Tensor[] }, x: Tensor) =>
      weights.w.mul(x).sum().add(weights.b[0]!.pow(2).sum());
    const weights = { w: torch.ones([2]), b: [torch.tensor([3, 4]).float()] };
    const x = torch.tensor([5, 6]).float();
    const byWeights = grad(fn)(weights, x);
    expectTypeOf(byWeights).toEqualTypeOf<{ w: Tensor; b: Tensor[] }>();
    expect(byWeights.w.tolist()).toEqual([5, 6]);
    expect(byWeights.b[0]!.tolist()).toEqual([6, 8]);
    const [, byX] = grad(fn, { argnums: [0, 1] })(weights, x);
    expect(byX.tolist()).toEqual([1, 1]);
    expect([byX.requiresGrad, weights.w.requiresGrad]).toEqual([false, false]);
  });

  it('is differentiated again, also through what requires gradients already', () => {
    const cubic = (x: Tensor) => x.pow(3);
    const x = torch.tensor(2, { dtype: 'float64' });
    expect(grad(grad(cubic))(x).item()).toBe(12);
    expect(grad(grad(grad(cubic)))(x).item()).toBe(6);
    const leaf = x.clone().requiresGrad_();
    grad(cubic)(leaf).mul(5).backward();
    expect(leaf.grad!.item()).toBe(60);
    const captured = torch.tensor(3, { dtype: 'float64', requiresGrad: true });
    grad((y: Tensor) => y.pow(2).mul(captured), { createGraph: true })(x).backward();
    expect(captured.grad!.item()).toBe(4);
  });

  it('hands the value and what comes with it on', () => {
    const [[value, aux], gradient] = valueAndGrad((x: Tensor) => [x.pow(2).sum(), 'aux'] as const)(torch.ones([3]));
    expect([value.item(), aux, gradient.tolist()]).toEqual([3, 'aux', [2, 2, 2]]);
    expect(grad((x: Tensor) => torch.ones([]).mul(x.detach().sum()))(torch.ones([2])).tolist()).toEqual([0, 0]);
  });

  it('names what does not fit', () => {
    const x = torch.ones([2]);
    expect(torchErrorOf(() => grad((a: Tensor) => a.mul(2))(x)).message).toMatch(/one element.*\[2\]/);
    expect(torchErrorOf(() => grad((a: Tensor) => a.sum(), { argnums: 1 as 0 })(x)).code).toBe('INDEX_OUT_OF_RANGE');
    expect(torchErrorOf(() => grad((a: string) => torch.ones([a.length]))('x')).code).toBe('ARGUMENT_TYPE');
  });
});

describe('functionalCall', () => {
  it('runs a module with other tensors, and leaves it as it was', () => {
    const model = new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3), new nn.Linear(3, 1));
    model.eval();
    const other = new Map([...model.stateDict()].map(([key, value]) => [key, torch.onesLike(value)]));
    const x = torch.ones([4, 2]);
    const before = model.forward(x).tolist();
    const out = functionalCall(model, other, [x]);
    expectTypeOf(out).toEqualTypeOf<Tensor>();
    expect(out.at(0, 0).item()).toBeCloseTo(3 * (2 / Math.sqrt(1 + 1e-5) + 1) + 1, 5);
    expect(model.forward(x).tolist()).toEqual(before);
    expect(
      functionalCall(model, { '2.bias': torch.full([1], 100).float() }, x)
        .at(0, 0)
        .item(),
    ).toBeGreaterThan(90);
    expect(() => functionalCall(model, other, [torch.ones([4, 7])])).toThrow();
    expect(model.forward(x).tolist()).toEqual(before);
  });

  it('gives gradients by the tensors passed in, as training does', () => {
    const model = new nn.Linear(3, 1);
    const weights = Object.fromEntries(model.stateDict());
    const x = torch.randn([5, 3]);
    const gradients = grad((w: Record<string, Tensor>) => functionalCall(model, w, [x]).pow(2).mean())(weights);
    model.forward(x).pow(2).mean().backward();
    expect(gradients.weight!.equal(model.weight.grad!)).toBe(true);
    expect(gradients.bias!.equal(model.bias!.grad!)).toBe(true);
  });

  it('replaces a shared parameter everywhere, and swaps parameters', () => {
    class Tied extends nn.Module {
      first = new nn.Linear(2, 2, { bias: false });
      second = this.first;
      third = new nn.Linear(2, 2, { bias: false });
      override forward(x: Tensor): Tensor {
        return this.second.forward(this.first.forward(x)).sub(this.third.forward(x));
      }
    }
    const tied = new Tied();
    const x = torch.eye(2);
    const three = torch.eye(2).mul(3);
    expect(functionalCall(tied, [{ 'first.weight': three }, { 'third.weight': three }], [x]).tolist()).toEqual([
      [6, 0],
      [0, 6],
    ]);
    const [a, b] = [tied.first.weight, tied.third.weight];
    const swapped = functionalCall(tied, { 'first.weight': b, 'third.weight': a }, [x]);
    const by = torch.noGrad(() => x.matmul(b.t()).matmul(b.t()).sub(x.matmul(a.t())));
    expect(swapped.allclose(by)).toBe(true);
  });

  it('lists keys that do not fit', () => {
    const model = new nn.Linear(2, 1);
    const error = torchErrorOf(() =>
      functionalCall(model, { wight: torch.ones([1, 2]) }, [torch.ones([2])], { strict: true }),
    );
    expect(error.code).toBe('MODULE_STATE');
    expect(error.message).toMatch(/unexpected: wight\n {2}missing: weight, bias/);
  });
});

class WrongSquare extends torch.Function {
  static forward(context: FunctionContext, x: Tensor): Tensor {
    context.saveForBackward(x);
    return x.pow(2);
  }
  static backward(context: FunctionContext, gradient: Tensor): Tensor {
    return gradient.mul(context.savedTensors[0]!.mul(2.1));
  }
}
class Unsteady extends torch.Function {
  static forward(context: FunctionContext, x: Tensor): Tensor {
    context.saveForBackward(x);
    return x.pow(2);
  }
  static backward(context: FunctionContext, gradient: Tensor): Tensor {
    return gradient.mul(context.savedTensors[0]!.mul(2)).add(torch.rand([]).mul(1e-9));
  }
}

describe('gradcheck', () => {
  it('passes what is right: operators, several inputs and outputs, unused ones, whole layers', () => {
    expect(gradcheck((x, y) => [x.mul(y).sin(), y.exp()], [double(2, 2), double(2)])).toBe(true);
    expect(gradcheck((x, _y) => x.exp(), [double(2), double(3)])).toBe(true);
    const layer = new nn.GRUCell(3, 2).double();
    expect(gradcheck((x, h) => layer.forward(x, h), [double(2, 3), double(2, 2)])).toBe(true);
    expect(gradgradcheck((x, y) => [x.mul(y).sin(), y.exp()], [double(2, 2), double(2)])).toBe(true);
  });

  it('finds what is wrong, and says where', () => {
    const x = torch.tensor([1, 2], { dtype: 'float64', requiresGrad: true });
    const error = torchErrorOf(() => gradcheck((a) => WrongSquare.apply(a), [x]));
    expect(error.code).toBe('GRADIENT_CHECK');
    expect(error.message).toMatch(/output 0, input 0: the derivative of element 1 .* is 4\.0*.* by differences, 4\.2/);
    expect(gradcheck((a) => WrongSquare.apply(a), [x], { raiseException: false })).toBe(false);
    expect(torchErrorOf(() => gradcheck((a) => Unsteady.apply(a), [x])).message).toMatch(/deterministic/);
    expect(gradcheck((a) => Unsteady.apply(a), [x], { nondetTol: 1e-8 })).toBe(true);
    expect(gradgradcheck((a) => WrongSquare.apply(a), [x], { raiseException: false })).toBe(true); // of its own kind
  });

  it('warns of inputs in low precision, and refuses those it cannot move', () => {
    const emit = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    gradcheck((x) => x.mul(2), [torch.ones([1], { requiresGrad: true })], { eps: 1e-2, atol: 1e-2 });
    expect(emit.mock.calls[0]![1]).toMatchObject({ code: 'GRADCHECK_PRECISION' });
    emit.mockRestore();
    expect(torchErrorOf(() => gradcheck((x) => x, [torch.ones([1])])).code).toBe('ARGUMENT_TYPE');
  });
});
