import { grad, setGradEnabled } from '../autograd.js';
import { TorchError } from '../errors.js';
import { zerosLike } from '../functions.js';
import type { Tensor } from '../tensor.js';

// What vjp, jvp, jacobian, hessian, hvp and vhp share: how inputs become leaves, and what counts as independent.

export interface DerivativeOptions {
  /** Record the computation, so that the result can be differentiated; default false: results stand for themselves. */
  createGraph?: boolean;
  /** An error where an output does not depend on an input; default false: zeros. */
  strict?: boolean;
}

export const listOf = (value: Tensor | readonly Tensor[]): Tensor[] =>
  Array.isArray(value) ? [...(value as readonly Tensor[])] : [value as Tensor];

/** The result in the form of `like`: a bare tensor for a bare tensor. */
export const inFormOf = (values: Tensor[], like: unknown): Tensor | Tensor[] =>
  Array.isArray(like) ? values : values[0]!;

/** Inputs for one derivative: with a history of their own, or that of the caller's when it is to be recorded. */
export const prepared = (inputs: Tensor[], createGraph: boolean, tracked = true): Tensor[] =>
  inputs.map((input) => (createGraph ? input.viewAs(input) : input.detach().requiresGrad_(tracked)));

export const settled = (tensors: Tensor[], createGraph: boolean): Tensor[] =>
  createGraph ? tensors : tensors.map((tensor) => tensor.detach());

/** Runs `fn` with gradients on, or as they are when nothing is to be recorded. */
export function withGrad<T>(enabled: boolean, fn: () => T): T {
  if (!enabled) return fn();
  const previous = setGradEnabled(true);
  try {
    return fn();
  } finally {
    setGradEnabled(previous);
  }
}

export function outputsOf(name: string, value: unknown): Tensor[] {
  const list = Array.isArray(value) ? (value as unknown[]) : [value];
  for (const entry of list)
    if (typeof entry !== 'object' || entry === null || !('handle' in entry))
      throw new TorchError(
        'ARGUMENT_TYPE',
        `${name}: the function must return a tensor or an array of tensors, got ${entry === null ? 'null' : typeof entry}`,
      );
  return list as Tensor[];
}

/** In strict mode: everything must depend on the inputs. */
export function requireTracked(name: string, what: string, tensors: (Tensor | null)[], strict: boolean): void {
  if (!strict) return;
  for (const [i, tensor] of tensors.entries())
    if (tensor === null || !tensor.requiresGrad)
      throw new TorchError(
        'AUTOGRAD',
        `${name} (strict): ${what} ${i} does not depend on the inputs, so it has no derivative`,
      );
}

/** `autograd.grad` that passes by outputs without a history; null for inputs that nothing depends on. */
export function gradients(
  outputs: (Tensor | null)[],
  inputs: Tensor[],
  vectors: Tensor[] | null,
  options: { createGraph: boolean; retainGraph?: boolean },
): (Tensor | null)[] {
  const kept = outputs.flatMap((output, i) => (output?.requiresGrad ? [i] : []));
  if (kept.length === 0) return inputs.map(() => null);
  return grad(
    kept.map((i) => outputs[i]!),
    inputs,
    { ...options, allowUnused: true, ...(vectors === null ? {} : { gradOutputs: kept.map((i) => vectors[i]!) }) },
  );
}

/** Zeros for what is null, or an error in strict mode. */
export function filled(
  name: string,
  found: (Tensor | null)[],
  like: Tensor[],
  options: { strict: boolean; createGraph: boolean },
): Tensor[] {
  return found.map((gradient, i) => {
    if (gradient === null) {
      if (options.strict)
        throw new TorchError('AUTOGRAD', `${name} (strict): the output does not depend on input ${i}`);
      return zerosLike(like[i]!);
    }
    if (options.strict && options.createGraph && !gradient.requiresGrad)
      throw new TorchError(
        'AUTOGRAD',
        `${name} (strict): the derivative by input ${i} does not depend on the inputs, so it has no derivative of its own`,
      );
    return gradient;
  });
}

const sizes = (tensor: Tensor): string => `[${tensor.shape.join(', ')}]`;

/** The vector that belongs to `like`, checked; without one, `like` must be a single number, whose vector is 1. */
export function vectorFor(
  name: string,
  given: Tensor | readonly Tensor[] | null | undefined,
  like: Tensor[],
  what: 'outputs' | 'inputs',
  createGraph: boolean,
): Tensor[] | null {
  if (given === null || given === undefined) {
    if (like.length !== 1 || like[0]!.numel() !== 1)
      throw new TorchError(
        'ARGUMENT_TYPE',
        `${name}: the vector v can be left out only where the ${what} are one tensor with one element; they are ${like.map(sizes).join(', ')}`,
      );
    return null;
  }
  const vectors = prepared(listOf(given), createGraph, false);
  if (vectors.length !== like.length)
    throw new TorchError('SHAPE_MISMATCH', `${name}: v has ${vectors.length} tensors for the ${like.length} ${what}`);
  for (const [i, vector] of vectors.entries())
    if (String(vector.shape) !== String(like[i]!.shape))
      throw new TorchError(
        'SHAPE_MISMATCH',
        `${name}: entry ${i} of v is ${sizes(vector)}, its place in the ${what} is ${sizes(like[i]!)}`,
      );
  return vectors;
}
