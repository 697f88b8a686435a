import { grad as gradientsOf, isGradEnabled } from '../autograd.js';
import { isTensor } from '../dispatch.js';
import { TorchError } from '../errors.js';
import { zerosLike } from '../functions.js';
import type { Tensor } from '../tensor.js';
import { withGrad } from './derivativeInputs.js';
import { mapTree, type SameTree } from './tensorTree.js';

export interface GradFunctionOptions<N extends number | readonly number[] = number> {
  /** Which argument to differentiate by, or a list of several; default 0. */
  argnums?: N;
  /**
   * Record the gradient's computation even where no argument requires gradients, so that it can be differentiated by
   * tensors that the function captures; default: where one of the arguments in `argnums` requires gradients.
   */
  createGraph?: boolean;
}

type ByArgument<A extends unknown[], N> = N extends readonly number[]
  ? { -readonly [K in keyof N]: N[K] extends number ? SameTree<A[N[K]]> : never }
  : N extends number
    ? SameTree<A[N]>
    : never;

/** What `fn` returns: the number itself, or that and something to pass through. */
type Result = Tensor | readonly [Tensor, unknown];

function lossOf(result: unknown): Tensor {
  const loss: unknown = Array.isArray(result) ? result[0] : result;
  if (!isTensor(loss) || loss.numel() !== 1)
    throw new TorchError(
      'SHAPE_MISMATCH',
      `grad: the function must return a tensor with one element (or [that, anything]), got ${isTensor(loss) ? `[${loss.shape.join(', ')}]` : typeof loss}; use jacobian or vjp for others`,
    );
  return loss;
}

function differentiate<A extends unknown[]>(
  fn: (...args: A) => Result,
  args: A,
  options: GradFunctionOptions<number | readonly number[]>,
): { result: unknown; gradients: unknown } {
  const { argnums = 0 } = options;
  const numbers = typeof argnums === 'number' ? [argnums] : argnums;
  for (const n of numbers)
    if (!Number.isInteger(n) || n < 0 || n >= args.length)
      throw new TorchError('INDEX_OUT_OF_RANGE', `grad: argnums says ${n}, the function got ${args.length} arguments`);
  const leaves: Tensor[] = [];
  const wasEnabled = isGradEnabled();
  let isTracked = options.createGraph ?? false;
  const given: unknown[] = [...args];
  for (const n of numbers)
    given[n] = mapTree('grad', args[n], (tensor) => {
      // An argument with a history keeps it: that is how a gradient of a gradient comes about.
      const hasHistory = wasEnabled && tensor.requiresGrad;
      isTracked ||= hasHistory;
      const leaf = hasHistory ? withGrad(true, () => tensor.viewAs(tensor)) : tensor.detach().requiresGrad_();
      leaves.push(leaf);
      return leaf;
    });
  const createGraph = isTracked && wasEnabled;
  const result = withGrad(true, () => fn(...(given as A)));
  const loss = lossOf(result);
  const found = loss.requiresGrad
    ? gradientsOf(loss, leaves, { createGraph, allowUnused: true })
    : leaves.map(() => null);
  let next = 0;
  const byArgument = numbers.map((n) => mapTree('grad', given[n], (leaf) => found[next++] ?? zerosLike(leaf.detach())));
  const value = createGraph ? loss : loss.detach();
  return {
    result: Array.isArray(result) ? [value, result[1]] : value,
    gradients: typeof argnums === 'number' ? byArgument[0] : byArgument,
  };
}

/**
 * The function that gives the gradient of `fn`, which returns one number, by its first argument (or those in `argnums`),
 * as `torch.func.grad`. An argument may be a tensor or tensors nested in arrays, maps and objects; the gradient has its
 * form. `grad(grad(fn))` is the second derivative. What `fn` returns besides the number is dropped; see `valueAndGrad`.
 *
 * @example
 * const gradients = grad((weights: Record<string, Tensor>, x: Tensor) =>
 *   functionalCall(model, weights, [x]).pow(2).mean())(weights, x);
 */
export function grad<A extends unknown[], const N extends number | readonly number[] = 0>(
  fn: (...args: A) => Result,
  options: GradFunctionOptions<N> = {},
): (...args: A) => ByArgument<A, N> {
  return (...args) => differentiate(fn, args, options).gradients as ByArgument<A, N>;
}

/** The function that gives what `fn` returns and its gradient, as `torch.func.grad_and_value` (value first). */
export function valueAndGrad<A extends unknown[], R extends Result, const N extends number | readonly number[] = 0>(
  fn: (...args: A) => R,
  options: GradFunctionOptions<N> = {},
): (...args: A) => [value: R, gradients: ByArgument<A, N>] {
  return (...args) => {
    const { result, gradients } = differentiate(fn, args, options);
    return [result as R, gradients as ByArgument<A, N>];
  };
}
