import { noGrad } from './autograd.js';
import { isTensor, wrapHandle } from './dispatch.js';
import { TorchError } from './errors.js';
import { type Handle, native } from './native.js';
import type { Tensor } from './tensor.js';

/** What forward leaves for backward. One object for each `apply`. */
export interface FunctionContext {
  /** Keeps inputs or outputs of forward for backward; they are freed with the graph. */
  saveForBackward(...tensors: (Tensor | null)[]): void;
  /** In backward: what `saveForBackward` kept, in order. */
  readonly savedTensors: readonly (Tensor | null)[];
  /** In backward: which arguments of `apply` need a gradient. */
  readonly needsInputGrad: readonly boolean[];
  /** Anything else that backward needs; tensors belong in `saveForBackward`. */
  readonly extra: Record<string, unknown>;
}

class Context implements FunctionContext {
  saved: (Tensor | null)[] = [];
  savedTensors: readonly (Tensor | null)[] = [];
  readonly extra: Record<string, unknown> = {};
  constructor(readonly needsInputGrad: readonly boolean[]) {}
  saveForBackward(...tensors: (Tensor | null)[]): void {
    this.saved = tensors;
  }
}

/** A class with the two halves of an operation as static methods. */
interface FunctionClass<Inputs extends unknown[], Output extends Tensor | Tensor[]> {
  readonly name: string;
  forward(context: FunctionContext, ...inputs: Inputs): Output;
  backward(context: FunctionContext, ...gradients: Tensor[]): Tensor | null | (Tensor | null)[];
}

/**
 * An operation whose derivative is written by hand, as `torch.autograd.Function`:
 *
 * ```ts
 * class Cube extends Function {
 *   static forward(context: FunctionContext, x: Tensor) {
 *     context.saveForBackward(x);
 *     return x.pow(3);
 *   }
 *   static backward(context: FunctionContext, gradient: Tensor) {
 *     const [x] = context.savedTensors;
 *     return gradient.mul(x!.pow(2).mul(3));
 *   }
 * }
 * const y = Cube.apply(x);
 * ```
 *
 * `forward` runs without recording. `backward` gets one gradient for each output and returns one for each argument of
 * `forward`: null for those that are no tensors or need none. It may itself be differentiated.
 */
export abstract class Function {
  static apply<Inputs extends unknown[], Output extends Tensor | Tensor[]>(
    this: FunctionClass<Inputs, Output>,
    ...inputs: Inputs
  ): Output {
    const tensors = inputs.filter(isTensor);
    const context = new Context(inputs.map((input) => isTensor(input) && input.requiresGrad));
    const result = noGrad(() => this.forward(context, ...inputs));
    const outputs = Array.isArray(result) ? (result as Tensor[]) : [result as Tensor];
    for (const output of outputs)
      if (!isTensor(output))
        throw new TorchError(
          'BACKWARD_HOOK',
          `${this.name}.forward must return a tensor or an array of tensors, got ${typeof output}`,
        );
    if (!native.isGradEnabled() || !context.needsInputGrad.includes(true)) return result;

    const handles = native.recordFunction(
      `${this.name}Backward`,
      tensors,
      outputs,
      context.saved,
      backwardOf(this, context, inputs.map(isTensor)),
    );
    context.saved = [];
    const recorded = handles.map(wrapHandle);
    return (Array.isArray(result) ? recorded : recorded[0]) as Output;
  }
}

/**
 * What the graph holds. Made apart from `apply`, because closures of one function share its variables: holding the
 * outputs from their own graph would keep both alive for ever.
 */
function backwardOf(
  operation: Pick<FunctionClass<unknown[], Tensor>, 'name' | 'backward'>,
  context: Context,
  isTensorInput: boolean[],
): (gradients: (Handle | null)[], saved: (Handle | null)[]) => unknown[] {
  return (gradients, saved) => {
    context.savedTensors = saved.map(fromHandle);
    let given: Tensor | null | (Tensor | null)[];
    try {
      given = operation.backward(context, ...gradients.map((handle) => fromHandle(handle) as Tensor));
    } finally {
      context.savedTensors = []; // an output among them would keep its own graph alive, which holds this context
    }
    const list = Array.isArray(given) ? given : [given];
    if (list.length !== isTensorInput.length)
      throw new TorchError(
        'BACKWARD_HOOK',
        `${operation.name}.backward returned ${list.length} gradients for the ${isTensorInput.length} arguments of forward; return one for each, null where there is none`,
      );
    return list.filter((_, i) => isTensorInput[i]);
  };
}

const fromHandle = (handle: Handle | null): Tensor | null => (handle === null ? null : wrapHandle(handle));
