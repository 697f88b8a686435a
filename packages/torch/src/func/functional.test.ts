import { beforeAll, describe, expect, it } from 'vitest';
import { type EncodedTensor, expectSameBits, readFixture, torchErrorOf } from '../../test/encodedTensor.js';
import type { Tensor } from '../index.js';
import * as torch from '../index.js';
import { hessian, hvp, jacobian, jvp, vhp, vjp } from './index.js';

type Run = (...inputs: Tensor[]) => Tensor | Tensor[];
interface FunctionalCase {
  name: 'vjp' | 'jvp' | 'hvp' | 'vhp' | 'jacobian' | 'hessian';
  fn: string;
  shapes: number[][];
  outputs?: EncodedTensor[];
  result: EncodedTensor[];
}
const { cases } = readFixture<{ cases: FunctionalCase[] }>('func/functional.json');
/** Written alike in fixtures/func/make.py. */
const functions: Record<string, Run> = {
  pow3: (x) => x!.pow(3).sin(),
  two: (x, y) => [x!.mul(y!.exp()), x!.add(y!).cos().sum([0])],
  unused: (x) => x!.exp(),
  matrix: (x, w) => torch.tanh(x!.matmul(w!)),
  cubic: (x) => x!.pow(3).sum(),
  mixed: (x, y) => x!.mul(y!.pow(2)).sum().mul(x!.exp().sum()),
  linear: (x) => x!.mul(2).sum(),
  logistic: (x, w) => torch.sigmoid(x!.matmul(w!)).log().sum(),
};
const derivatives = { vjp, jvp, hvp, vhp, jacobian, hessian };
const list = (value: unknown): Tensor[] => (Array.isArray(value) ? value.flatMap(list) : [value as Tensor]);
const double = (shape: number[]) => torch.randn(shape, { dtype: 'float64' });

describe('functional derivatives', () => {
  beforeAll(() => torch.setNumThreads(1));

  for (const { name, fn: key, shapes, outputs, result } of cases)
    it(`${name} of '${key}' equals Python bit for bit`, () => {
      torch.manualSeed(3);
      const fn = functions[key]!;
      const inputs = shapes.map(double);
      const given = inputs.length > 1 ? inputs : inputs[0]!;
      // The overloads want to know the number of inputs.
      const run = derivatives[name] as (fn: Run, inputs: Tensor | Tensor[], v?: Tensor | Tensor[]) => unknown;
      if (outputs === undefined) {
        const found = list(run(fn, given));
        for (const [i, tensor] of found.entries()) expectSameBits(tensor, result[i]!);
        expect(found).toHaveLength(result.length);
        return;
      }
      const like = name === 'vjp' ? list(fn(...inputs)) : inputs;
      const v = like.map(({ shape }) => double(shape));
      const [out, product] = run(fn, given, v.length > 1 ? v : v[0]) as [unknown, unknown];
      for (const [i, tensor] of list(out).entries()) expectSameBits(tensor, outputs[i]!);
      for (const [i, tensor] of list(product).entries()) expectSameBits(tensor, result[i]!);
      expect(list(product)).toHaveLength(result.length);
    });

  it('have the form of inputs and outputs, and no history unless createGraph asks for it', () => {
    const [x, y] = [double([2]), double([2])];
    const pair = (a: Tensor, b: Tensor) => [a.mul(b), a.pow(2)];
    expect(jacobian((a) => a.pow(2), x).shape).toEqual([2, 2]);
    expect(jacobian((a: Tensor, b: Tensor) => a.mul(b), [x, y]).map(({ shape }) => shape)).toEqual([
      [2, 2],
      [2, 2],
    ]);
    expect(jacobian(pair, [x, y]).map((row) => row.length)).toEqual([2, 2]);
    const [outputs, [byX]] = vjp(pair, [x, y], [torch.ones([2]), torch.ones([2])]);
    expect([outputs[0]!.requiresGrad, byX.requiresGrad]).toEqual([false, false]);
    const leaf = double([2]).requiresGrad_();
    const second = jacobian((a) => a.pow(3), leaf, { createGraph: true });
    second.sum().backward();
    expect(leaf.grad!.allclose(leaf.detach().mul(6))).toBe(true);
    expect(torch.noGrad(() => jacobian((a) => a.pow(2), x)).equal(x.mul(2).diag())).toBe(true);
  });

  it('is strict on request', () => {
    const [x, y] = [double([2]), double([2])];
    const code = (fn: () => unknown) => torchErrorOf(fn).code;
    const ignores = (a: Tensor, _b: Tensor) => a.exp();
    expect(code(() => vjp(ignores, [x, y], x, { strict: true }))).toBe('AUTOGRAD');
    expect(code(() => jacobian(ignores, [x, y], { strict: true }))).toBe('AUTOGRAD');
    expect(code(() => jvp(() => torch.ones([2]), x, x, { strict: true }))).toBe('AUTOGRAD');
    expect(code(() => hvp((a) => a.mul(2).sum(), x, x, { strict: true }))).toBe('AUTOGRAD');
    expect(code(() => vhp((a) => a.mul(2).sum(), x, x, { strict: true }))).toBe('AUTOGRAD');
    expect(code(() => hessian((a) => a.mul(2).sum(), x, { strict: true }))).toBe('AUTOGRAD');
    expect(hessian((a) => a.mul(2).sum(), x).tolist()).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  it('names what does not fit', () => {
    const x = double([2]);
    const message = (fn: () => unknown) => torchErrorOf(fn).message;
    expect(message(() => vjp((a) => a.exp(), x))).toMatch(/v can be left out/);
    expect(message(() => vjp((a) => a.exp(), x, double([3])))).toMatch(/entry 0 of v is \[3\]/);
    expect(message(() => jvp((a) => a.exp(), x, [x, x]))).toMatch(/v has 2 tensors for the 1 inputs/);
    expect(message(() => hessian((a) => a.exp(), x))).toMatch(/one tensor with one element/);
    expect(message(() => vjp(() => 3 as unknown as Tensor, x))).toMatch(/must return a tensor/);
    expect(vjp((a) => a.sum(), x)[1].tolist()).toEqual([1, 1]);
  });
});
