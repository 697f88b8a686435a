import { TorchError } from '../errors.js';
import { onesLike, zerosLike } from '../functions.js';
import type { Tensor } from '../tensor.js';
import {
  type DerivativeOptions,
  filled,
  gradients,
  inFormOf,
  listOf,
  outputsOf,
  prepared,
  requireTracked,
  settled,
  vectorFor,
  withGrad,
} from './derivativeInputs.js';

type Same<T extends Tensor[]> = { -readonly [K in keyof T]: Tensor };
type Run = (...inputs: Tensor[]) => Tensor | Tensor[];

/** The one number that a second derivative is of. */
export function singleOutput(name: string, outputs: Tensor[], value: unknown): Tensor {
  const [only] = outputs;
  if (Array.isArray(value) || only === undefined || only.numel() !== 1)
    throw new TorchError(
      'SHAPE_MISMATCH',
      `${name}: the function must return one tensor with one element, it returned ${outputs.map(({ shape }) => `[${shape.join(', ')}]`).join(', ')}`,
    );
  return only;
}

/**
 * The outputs of `fn`, and vᵀ·J: the gradients of the inputs for the gradients `v` of the outputs.
 *
 * `v` has the outputs' form and shapes; it can be left out where the output is one number. As
 * `torch.autograd.functional.vjp`.
 */
export function vjp<O extends Tensor | Tensor[]>(
  fn: (input: Tensor) => O,
  input: Tensor,
  v?: Tensor | readonly Tensor[] | null,
  options?: DerivativeOptions,
): [outputs: O, vjp: Tensor];
export function vjp<I extends Tensor[], O extends Tensor | Tensor[]>(
  fn: (...inputs: I) => O,
  inputs: [...I],
  v?: Tensor | readonly Tensor[] | null,
  options?: DerivativeOptions,
): [outputs: O, vjp: Same<I>];
export function vjp(
  fn: Run,
  inputs: Tensor | Tensor[],
  v?: Tensor | readonly Tensor[] | null,
  options: DerivativeOptions = {},
): [unknown, unknown] {
  const { createGraph = false, strict = false } = options;
  const [leaves, value, outputs, vectors] = withGrad(true, () => {
    const leaves = prepared(listOf(inputs), createGraph);
    const value = fn(...leaves);
    const outputs = outputsOf('vjp', value);
    requireTracked('vjp', 'output', outputs, strict);
    return [leaves, value, outputs, vectorFor('vjp', v, outputs, 'outputs', createGraph)];
  });
  const found = withGrad(createGraph, () =>
    filled('vjp', gradients(outputs, leaves, vectors, { createGraph }), leaves, { strict, createGraph }),
  );
  return [inFormOf(settled(outputs, createGraph), value), inFormOf(settled(found, createGraph), inputs)];
}

/**
 * The outputs of `fn`, and J·v: how the outputs change along the direction `v` of the inputs.
 *
 * `v` has the inputs' form and shapes; it can be left out where the input is one number. Takes two backwards (the double
 * backward trick), as `torch.autograd.functional.jvp`.
 */
export function jvp<O extends Tensor | Tensor[]>(
  fn: (input: Tensor) => O,
  input: Tensor,
  v?: Tensor | readonly Tensor[] | null,
  options?: DerivativeOptions,
): [outputs: O, jvp: O];
export function jvp<I extends Tensor[], O extends Tensor | Tensor[]>(
  fn: (...inputs: I) => O,
  inputs: [...I],
  v?: Tensor | readonly Tensor[] | null,
  options?: DerivativeOptions,
): [outputs: O, jvp: O];
export function jvp(
  fn: Run,
  inputs: Tensor | Tensor[],
  v?: Tensor | readonly Tensor[] | null,
  options: DerivativeOptions = {},
): [unknown, unknown] {
  const { createGraph = false, strict = false } = options;
  return withGrad(true, () => {
    const leaves = prepared(listOf(inputs), createGraph);
    const vectors = vectorFor('jvp', v, leaves, 'inputs', createGraph) ?? [onesLike(leaves[0]!)];
    const value = fn(...leaves);
    const outputs = outputsOf('jvp', value);
    requireTracked('jvp', 'output', outputs, strict);
    // J·v is the derivative of uᵀ·J by u, which does not depend on where u is.
    const dummies = outputs.map((output) => zerosLike(output).requiresGrad_());
    const back = gradients(outputs, leaves, dummies, { createGraph: true });
    requireTracked('jvp', 'derivative by input', back, strict);
    const found = filled('jvp', gradients(back, dummies, vectors, { createGraph }), outputs, { strict, createGraph });
    return [inFormOf(settled(outputs, createGraph), value), inFormOf(settled(found, createGraph), value)];
  });
}

/**
 * The output of `fn`, one number, and vᵀ·H with its Hessian H. As `torch.autograd.functional.vhp`; faster than `hvp`, and
 * equal to it where the second derivatives are continuous.
 */
export function vhp(
  fn: (input: Tensor) => Tensor,
  input: Tensor,
  v?: Tensor | readonly Tensor[] | null,
  options?: DerivativeOptions,
): [output: Tensor, vhp: Tensor];
export function vhp<I extends Tensor[]>(
  fn: (...inputs: I) => Tensor,
  inputs: [...I],
  v?: Tensor | readonly Tensor[] | null,
  options?: DerivativeOptions,
): [output: Tensor, vhp: Same<I>];
export function vhp(
  fn: Run,
  inputs: Tensor | Tensor[],
  v?: Tensor | readonly Tensor[] | null,
  options: DerivativeOptions = {},
): [unknown, unknown] {
  return secondOrder('vhp', fn, inputs, v, options, (first, leaves, vectors, { createGraph, strict }) =>
    filled('vhp', gradients(first, leaves, vectors, { createGraph }), leaves, { createGraph, strict }),
  );
}

/** The output of `fn`, one number, and H·v with its Hessian H. As `torch.autograd.functional.hvp`. */
export function hvp(
  fn: (input: Tensor) => Tensor,
  input: Tensor,
  v?: Tensor | readonly Tensor[] | null,
  options?: DerivativeOptions,
): [output: Tensor, hvp: Tensor];
export function hvp<I extends Tensor[]>(
  fn: (...inputs: I) => Tensor,
  inputs: [...I],
  v?: Tensor | readonly Tensor[] | null,
  options?: DerivativeOptions,
): [output: Tensor, hvp: Same<I>];
export function hvp(
  fn: Run,
  inputs: Tensor | Tensor[],
  v?: Tensor | readonly Tensor[] | null,
  options: DerivativeOptions = {},
): [unknown, unknown] {
  return secondOrder('hvp', fn, inputs, v, options, (first, leaves, vectors, { createGraph, strict }) => {
    const dummies = leaves.map((leaf) => zerosLike(leaf).requiresGrad_());
    const back = gradients(first, leaves, dummies, { createGraph: true });
    requireTracked('hvp', 'second derivative by input', back, strict);
    return filled('hvp', gradients(back, dummies, vectors, { createGraph }), leaves, { createGraph, strict });
  });
}

function secondOrder(
  name: string,
  fn: Run,
  inputs: Tensor | Tensor[],
  v: Tensor | readonly Tensor[] | null | undefined,
  options: DerivativeOptions,
  product: (
    first: (Tensor | null)[],
    leaves: Tensor[],
    vectors: Tensor[],
    options: { createGraph: boolean; strict: boolean },
  ) => Tensor[],
): [unknown, unknown] {
  const { createGraph = false, strict = false } = options;
  return withGrad(true, () => {
    const leaves = prepared(listOf(inputs), createGraph);
    const vectors = vectorFor(name, v, leaves, 'inputs', createGraph) ?? [onesLike(leaves[0]!)];
    const value = fn(...leaves);
    const outputs = outputsOf(name, value);
    requireTracked(name, 'output', outputs, strict);
    singleOutput(name, outputs, value);
    const first = gradients(outputs, leaves, null, { createGraph: true });
    requireTracked(name, 'derivative by input', first, strict);
    const found = product(first, leaves, vectors, { createGraph, strict });
    return [settled(outputs, createGraph)[0], inFormOf(settled(found, createGraph), inputs)];
  });
}
