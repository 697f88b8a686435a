import { isGradEnabled } from '../autograd.js';
import { type FunctionContext, Function as GraphFunction } from '../autogradFunction.js';
import { TorchError } from '../errors.js';
import { Tensor } from '../tensor.js';
import type { Module } from './module.js';

type Gradients = (Tensor | null)[];

/**
 * Gets the module, the gradients of its inputs (null for those that need none) and of its outputs. An array it returns
 * replaces the gradients of the inputs.
 */
export type FullBackwardHook<M = Module> = (
  module: M,
  gradInputs: readonly (Tensor | null)[],
  gradOutputs: readonly (Tensor | null)[],
) => (Tensor | null)[] | undefined | void;

type Watch = (gradients: Gradients) => Gradients;

/** Passes tensors on, and shows their gradients to a function on the way back. */
class Watched extends GraphFunction {
  static forward(context: FunctionContext, watch: Watch, ...tensors: Tensor[]): Tensor[] {
    context.extra.watch = watch;
    return tensors.map((tensor) => tensor.detach());
  }
  static backward(context: FunctionContext, ...gradients: Tensor[]): Gradients {
    return [null, ...(context.extra.watch as Watch)(gradients)];
  }
}

const isTracked = (value: unknown): value is Tensor => value instanceof Tensor && value.requiresGrad;

function passed(watch: Watch, values: unknown[]): unknown[] {
  const made = Watched.apply(watch, ...values.filter(isTracked));
  let next = 0;
  return values.map((value) => (isTracked(value) ? made[next++] : value));
}

/** Runs `forward` so that `hooks` see the gradients of its inputs and outputs when the backward comes by. */
export function withBackwardHooks(
  module: Module,
  hooks: readonly FullBackwardHook[],
  inputs: unknown[],
  forward: (inputs: unknown[]) => unknown,
): unknown {
  if (!isGradEnabled()) return forward(inputs);
  const pending: { gradOutputs: Gradients } = { gradOutputs: [] };
  const trackedInputs = inputs.map(isTracked);
  const seesInputs = trackedInputs.includes(true);
  const run: Watch = (gradients) => {
    let next = 0;
    let gradInputs: Gradients = trackedInputs.map((isOne) => (isOne ? gradients[next++]! : null));
    for (const hook of [...hooks]) {
      const replaced = hook(module, gradInputs, pending.gradOutputs) as Gradients | undefined;
      if (replaced === undefined) continue;
      if (replaced.length !== gradInputs.length)
        throw new TorchError(
          'BACKWARD_HOOK',
          `a backward hook of ${module.constructor.name} returned ${replaced.length} gradients for ${gradInputs.length} inputs`,
        );
      gradInputs = replaced;
    }
    pending.gradOutputs = [];
    return gradInputs.filter((_, i) => trackedInputs[i]);
  };
  const output = forward(seesInputs ? passed(run, inputs) : inputs);
  const isList = Array.isArray(output);
  const outputs: unknown[] = isList ? output : [output];
  if (!outputs.some(isTracked)) return output;
  const trackedOutputs = outputs.map(isTracked);
  const watched = passed((gradients) => {
    let next = 0;
    pending.gradOutputs = trackedOutputs.map((isOne) => (isOne ? gradients[next++]! : null));
    if (!seesInputs) run([]); // nothing further back to wait for
    return gradients;
  }, outputs);
  return isList ? watched : watched[0];
}
