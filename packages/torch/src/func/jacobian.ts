import { TorchError } from '../errors.js';
import { stack, zerosLike } from '../functions.js';
import type { Tensor } from '../tensor.js';
import {
  type DerivativeOptions,
  gradients,
  listOf,
  outputsOf,
  prepared,
  requireTracked,
  settled,
  withGrad,
} from './derivativeInputs.js';
import { singleOutput } from './products.js';

type Run = (...inputs: Tensor[]) => Tensor | Tensor[];

/** The rows of one output by each input, stacked: [...output, ...input]. */
function rowsOf(output: Tensor, leaves: Tensor[], options: { createGraph: boolean; strict: boolean }): Tensor[] {
  const { createGraph, strict } = options;
  const flat = output.reshape([-1]);
  const rows = leaves.map((): Tensor[] => []);
  for (let i = 0; i < flat.numel(); i++) {
    const found = gradients([flat.at(i)], leaves, null, { createGraph, retainGraph: true });
    for (const [k, row] of found.entries()) {
      if (strict && (row === null || (createGraph && !row.requiresGrad)))
        throw new TorchError(
          'AUTOGRAD',
          row === null
            ? `jacobian (strict): the output does not depend on input ${k}`
            : `jacobian (strict): the derivative by input ${k} does not depend on the inputs, so it has no derivative of its own`,
        );
      rows[k]!.push(row ?? zerosLike(leaves[k]!));
    }
  }
  return rows.map((list, k) => {
    const shape = [...output.shape, ...leaves[k]!.shape];
    return list.length === 0 ? leaves[k]!.newZeros(shape) : stack(list, 0).view(shape);
  });
}

function jacobianOf(
  name: string,
  fn: Run,
  inputs: Tensor[],
  options: { createGraph: boolean; strict: boolean },
): { value: unknown; rows: Tensor[][] } {
  const { createGraph, strict } = options;
  return withGrad(true, () => {
    const leaves = prepared(inputs, createGraph);
    const value = fn(...leaves);
    const outputs = outputsOf(name, value);
    requireTracked(name, 'output', outputs, strict);
    return { value, rows: outputs.map((output) => settled(rowsOf(output, leaves, options), createGraph)) };
  });
}

/** One tensor, a list over inputs, a list over outputs, or a list over outputs of lists over inputs. */
type Jacobian<I, O> = O extends Tensor[]
  ? I extends Tensor[]
    ? Tensor[][]
    : Tensor[]
  : I extends Tensor[]
    ? { -readonly [K in keyof I]: Tensor }
    : Tensor;

/**
 * All derivatives of `fn`: [...output, ...input] for each pair of an output and an input, as
 * `torch.autograd.functional.jacobian`. One backward for each element of the outputs, one after the other (there is no
 * vmap).
 */
export function jacobian<O extends Tensor | Tensor[]>(
  fn: (input: Tensor) => O,
  input: Tensor,
  options?: DerivativeOptions,
): Jacobian<Tensor, O>;
export function jacobian<I extends Tensor[], O extends Tensor | Tensor[]>(
  fn: (...inputs: I) => O,
  inputs: [...I],
  options?: DerivativeOptions,
): Jacobian<I, O>;
export function jacobian(fn: Run, inputs: Tensor | Tensor[], options: DerivativeOptions = {}): unknown {
  const { createGraph = false, strict = false } = options;
  const { value, rows } = jacobianOf('jacobian', fn, listOf(inputs), { createGraph, strict });
  const byInput = rows.map((row) => (Array.isArray(inputs) ? row : row[0]!));
  return Array.isArray(value) ? byInput : byInput[0];
}

/**
 * All second derivatives of a function that returns one number: [...input i, ...input k] for each pair of inputs, as
 * `torch.autograd.functional.hessian`.
 */
export function hessian(fn: (input: Tensor) => Tensor, input: Tensor, options?: DerivativeOptions): Tensor;
export function hessian<I extends Tensor[]>(
  fn: (...inputs: I) => Tensor,
  inputs: [...I],
  options?: DerivativeOptions,
): Tensor[][];
export function hessian(fn: Run, inputs: Tensor | Tensor[], options: DerivativeOptions = {}): unknown {
  const { createGraph = false, strict = false } = options;
  const single: Run = (...given) => {
    const value = fn(...given);
    const outputs = outputsOf('hessian', value);
    requireTracked('hessian', 'output', outputs, strict);
    return singleOutput('hessian', outputs, value).squeeze();
  };
  const first: Run = (...given) => {
    const { rows } = jacobianOf('hessian', single, given, { createGraph: true, strict });
    requireTracked('hessian', 'derivative by input', rows[0]!, strict);
    return rows[0]!;
  };
  const { rows } = jacobianOf('hessian', first, listOf(inputs), { createGraph, strict });
  return Array.isArray(inputs) ? rows : rows[0]![0];
}
