import { isTensor, wrapHandle } from './dispatch.js';
import { operatorNames } from './generated/operatorNames.js';
import { type Handle, native } from './native.js';
import type { Tensor } from './tensor.js';

/** One call of an operator from JavaScript. */
export interface OperatorCall {
  /** The schema's name without its overload: `aten::linear`, `aten::add_`. */
  readonly operator: string;
  /** As they were passed, in the schema's order; tensors also inside arrays. */
  readonly inputs: readonly unknown[];
  /** A tensor, an array of tensors, or a plain value; of an operator that works in place its first input. */
  readonly output: unknown;
}

/**
 * Runs `body` and tells `observer` of every operator that JavaScript calls meanwhile, after it ran. Operators that libtorch
 * calls itself, and those of `backward`, are not seen. A tensor that passes through several calls is the same object in all of
 * them. Costs nothing when nobody observes.
 *
 * ```ts
 * const names: string[] = [];
 * observeOperators(({ operator }) => names.push(operator), () => model.forward(x));
 * ```
 *
 * @param body synchronous: what an async one does after its first `await` is not seen
 */
export function observeOperators<T>(observer: (call: OperatorCall) => void, body: () => T): T {
  const { call, run } = native;
  const names = operatorNames.split('\n');
  const tensors = new Map<unknown, Tensor>();
  let isObserving = false;
  const seen = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(seen);
    if (isTensor(value)) return seen(value.handle);
    const known = tensors.get(value);
    if (known !== undefined) return known;
    if (!isTensorHandle(value)) return value;
    const tensor = wrapHandle(value);
    tensors.set(value, tensor);
    return tensor;
  };
  const tell = (id: number, args: readonly unknown[], output: unknown): void => {
    // What the observer computes is not part of what it observes.
    if (isObserving) return;
    isObserving = true;
    try {
      observer({ operator: names[id]!, inputs: args.map(seen), output: seen(output) });
    } finally {
      isObserving = false;
    }
  };
  replace('call', (id: number, ...args: unknown[]) => {
    const output = call(id, ...args);
    tell(id, args, output);
    return output;
  });
  replace('run', (id: number, ...args: unknown[]) => {
    run(id, ...args);
    tell(id, args, args[0]);
  });
  try {
    return body();
  } finally {
    replace('call', call);
    replace('run', run);
    tensors.clear(); // V8 may hold on to the functions above for a while
  }
}

function replace<Name extends 'call' | 'run'>(name: Name, value: (typeof native)[Name]): void {
  Object.defineProperty(native, name, { value, configurable: true });
}

function isTensorHandle(value: unknown): value is Handle {
  if (typeof value !== 'object' || value === null) return false;
  try {
    native.dim(value as Handle);
    return true;
  } catch {
    return false; // a generator, a complex number, ...
  }
}
