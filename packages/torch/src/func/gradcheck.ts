import { noGrad } from '../autograd.js';
import { randn } from '../creation.js';
import { TorchError } from '../errors.js';
import { abs, allclose, argmax, stack, zerosLike } from '../functions.js';
import type { Tensor } from '../tensor.js';
import { warn } from '../warnings.js';
import { gradients, listOf, outputsOf, withGrad } from './derivativeInputs.js';

export interface GradcheckOptions {
  /** Half the width of the differences; default 1e-6. */
  eps?: number;
  /** Absolute tolerance; default 1e-5. */
  atol?: number;
  /** Relative tolerance; default 1e-3. */
  rtol?: number;
  /** By how much two runs of one backward may differ; default 0. */
  nondetTol?: number;
  /** Throw `GRADIENT_CHECK` rather than return false; default true. */
  raiseException?: boolean;
}

type Run = (...inputs: Tensor[]) => Tensor | Tensor[];

const failure = (message: string): TorchError => new TorchError('GRADIENT_CHECK', message);

function checkInputs(inputs: Tensor[]): void {
  if (!inputs.some((input) => input.requiresGrad))
    throw new TorchError('ARGUMENT_TYPE', 'gradcheck: at least one input must require gradients');
  for (const [i, input] of inputs.entries()) {
    if (!input.requiresGrad) continue;
    if (input.isComplex() || input.layout !== 'strided')
      throw new TorchError('DTYPE_MISMATCH', `gradcheck: input ${i} must be a dense tensor of real numbers`);
    if (input.dtype !== 'float64')
      warn(
        'GRADCHECK_PRECISION',
        `gradcheck: input ${i} is ${input.dtype}; differences need float64, or a larger eps and tolerance`,
      );
  }
}

/** Central differences of every differentiable output by input `which`: [input elements, output elements] for each. */
function differences(fn: Run, inputs: Tensor[], which: number, eps: number): Tensor[] {
  return noGrad(() => {
    const count = inputs[which]!.numel();
    const rows: Tensor[][] = [];
    for (let j = 0; j < count; j++) {
      const moved = (by: number): Tensor[] => {
        const given = inputs.map((input) => input.detach().clone());
        given[which]!.view([-1]).at(j).add_(by);
        return listOf(fn(...given)).map((output) => output.detach().clone().reshape([-1]));
      };
      const [above, below] = [moved(eps), moved(-eps)];
      for (const [o, output] of above.entries()) {
        rows[o] ??= [];
        rows[o].push(output.sub(below[o]!).div(2 * eps));
      }
    }
    return rows.map((list) => stack(list, 0));
  });
}

/** What backward says, in the same form: one backward for each element of an output. */
function derivatives(output: Tensor, inputs: Tensor[]): Tensor[] {
  const flat = output.reshape([-1]);
  const columns = inputs.map((): Tensor[] => []);
  for (let i = 0; i < flat.numel(); i++) {
    const found = gradients([flat.at(i)], inputs, null, { createGraph: false, retainGraph: true });
    for (const [k, gradient] of found.entries()) {
      const like = inputs[k]!;
      if (gradient !== null && (gradient.dtype !== like.dtype || String(gradient.shape) !== String(like.shape)))
        throw failure(
          `the gradient of input ${k} is ${gradient.dtype}[${gradient.shape.join(', ')}], the input ${like.dtype}[${like.shape.join(', ')}]`,
        );
      columns[k]!.push((gradient ?? zerosLike(like)).detach().reshape([-1]));
    }
  }
  return columns.map((list) => stack(list, 1));
}

function compare(numerical: Tensor, analytical: Tensor, where: string, options: Required<GradcheckOptions>): void {
  if (allclose(analytical, numerical, options.rtol, options.atol)) return;
  const width = numerical.size(1);
  const worst = Number(argmax(abs(numerical.sub(analytical)).nanToNum(Number.POSITIVE_INFINITY)).item());
  const at = [Math.floor(worst / width), worst % width] as const;
  throw failure(
    `${where}: the derivative of element ${at[1]} of the output by element ${at[0]} of the input is ${numerical.at(...at).item()} by differences, ${analytical.at(...at).item()} by backward`,
  );
}

function check(fn: Run, inputs: Tensor[], options: Required<GradcheckOptions>): void {
  const value = withGrad(true, () => fn(...inputs));
  const outputs = outputsOf('gradcheck', value);
  const wanted = inputs.flatMap((input, i) => (input.requiresGrad ? [i] : []));
  const leaves = wanted.map((i) => inputs[i]!);
  const analytical = outputs.map((output) => {
    if (!output.requiresGrad) return null;
    const first = derivatives(output, leaves);
    const second = derivatives(output, leaves);
    for (const [k, one] of first.entries()) {
      const difference = one.numel() === 0 ? 0 : Number(abs(one.sub(second[k]!)).max().item());
      if (difference > options.nondetTol)
        throw failure(
          `two runs of one backward differ by ${difference} in the gradient of input ${wanted[k]}; a backward must be deterministic, or nondetTol allow for it`,
        );
    }
    return first;
  });
  for (const [k, i] of wanted.entries()) {
    if (inputs[i]!.numel() === 0) continue;
    const numerical = differences(fn, inputs, i, options.eps);
    for (const [o, table] of numerical.entries()) {
      const where = `output ${o}, input ${i}`;
      if (!outputs[o]!.isFloatingPoint() || table.numel() === 0) continue;
      compare(table, analytical[o]?.[k] ?? zerosLike(table), where, options);
    }
  }
}

const completed = (options: GradcheckOptions): Required<GradcheckOptions> => ({
  eps: options.eps ?? 1e-6,
  atol: options.atol ?? 1e-5,
  rtol: options.rtol ?? 1e-3,
  nondetTol: options.nondetTol ?? 0,
  raiseException: options.raiseException ?? true,
});

function judged(fn: () => void, raiseException: boolean): boolean {
  try {
    fn();
    return true;
  } catch (error) {
    if (raiseException || !(error instanceof TorchError) || error.code !== 'GRADIENT_CHECK') throw error;
    return false;
  }
}

/**
 * Compares the gradients of `fn` with central differences, as `torch.autograd.gradcheck` does in its slow mode: every
 * element of every input that requires gradients against every element of every output. Inputs should be float64.
 *
 * `fn` must compute from its arguments: it is called with moved copies of them.
 */
export function gradcheck<I extends Tensor[]>(
  fn: (...inputs: I) => Tensor | Tensor[],
  inputs: [...I],
  options: GradcheckOptions = {},
): boolean {
  const all = completed(options);
  const given = listOf(inputs as Tensor[]);
  checkInputs(given);
  return judged(() => check(fn as Run, given, all), all.raiseException);
}

/**
 * Compares second derivatives: `gradcheck` of the gradients themselves, by the inputs and by the gradients `gradOutputs`
 * that the outputs are given (normal random numbers when left out).
 */
export function gradgradcheck<I extends Tensor[]>(
  fn: (...inputs: I) => Tensor | Tensor[],
  inputs: [...I],
  options: GradcheckOptions & { gradOutputs?: Tensor[] } = {},
): boolean {
  const all = completed(options);
  const given = listOf(inputs as Tensor[]);
  checkInputs(given);
  const run = fn as Run;
  const outputs = outputsOf(
    'gradgradcheck',
    withGrad(true, () => run(...given)),
  ).filter((output) => output.requiresGrad);
  const gradOutputs =
    options.gradOutputs ??
    outputs.map((output) => randn(output.shape, { dtype: output.dtype, device: output.device, requiresGrad: true }));
  if (gradOutputs.length !== outputs.length)
    throw new TorchError(
      'ARGUMENT_TYPE',
      `gradgradcheck: gradOutputs has ${gradOutputs.length} tensors for ${outputs.length} outputs with a history`,
    );
  const first: Run = (...all) =>
    withGrad(true, () => {
      const leaves = all.slice(0, given.length).map((leaf, i) => {
        if (!given[i]!.requiresGrad) return leaf;
        return leaf.requiresGrad ? leaf : leaf.requiresGrad_();
      });
      const tracked = listOf(run(...leaves)).filter((output) => output.requiresGrad);
      const wanted = leaves.filter((_, i) => given[i]!.requiresGrad);
      const found = gradients(tracked, wanted, all.slice(given.length), { createGraph: true });
      return found.map((gradient, i) => gradient ?? zerosLike(wanted[i]!));
    });
  return judged(() => check(first, [...given, ...gradOutputs], all), all.raiseException);
}
