import { isTensor } from '../dispatch.js';
import { TorchError } from '../errors.js';
import type { Handle } from '../native.js';
import type { Module } from '../nn/module.js';
import type { Tensor } from '../tensor.js';

type State = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;
type Inputs<M extends Module> = M extends { forward(...inputs: infer I extends unknown[]): unknown } ? I : never;
type Output<M extends Module> = M extends { forward(...inputs: never[]): infer O } ? O : never;

/** A parameter object that stands for another tensor of the engine for a while. */
interface Stand {
  handle: Handle;
}

const entriesOf = (state: State): [string, Tensor][] =>
  state instanceof Map ? [...(state as Map<string, Tensor>)] : Object.entries(state);

/**
 * Runs `module.forward(...inputs)` with other parameters and buffers: those of `state`, by state key; what it does not
 * name stays the module's own. A parameter shared within the module is replaced everywhere. As
 * `torch.func.functional_call`; the module is afterwards as before, also after an error.
 *
 * @param options.strict every parameter and buffer must be named; default false
 */
export function functionalCall<M extends Module>(
  module: M,
  state: State | readonly State[],
  inputs: Inputs<M> | Tensor,
  options: { strict?: boolean } = {},
): Output<M> {
  const given = new Map((Array.isArray(state) ? (state as State[]) : [state as State]).flatMap(entriesOf));
  const own = new Map([...module.namedParameters(), ...module.namedBuffers()]);
  const unknown = [...given.keys()].filter((key) => !own.has(key));
  const missing = options.strict ? [...own.keys()].filter((key) => !given.has(key)) : [];
  if (unknown.length + missing.length > 0)
    throw new TorchError(
      'MODULE_STATE',
      [
        `functionalCall: the tensors given do not fit ${module.constructor.name}:`,
        ...(unknown.length > 0 ? [`  unexpected: ${unknown.join(', ')}`] : []),
        ...(missing.length > 0 ? [`  missing: ${missing.join(', ')}`] : []),
      ].join('\n'),
    );
  // All handles are read before the first is replaced: a tensor given may itself be a parameter of the module.
  const changes = [...given].map(([key, tensor]) => {
    if (!isTensor(tensor))
      throw new TorchError('ARGUMENT_TYPE', `functionalCall: '${key}' must be a tensor, got ${typeof tensor}`);
    const stand = own.get(key) as unknown as Stand;
    return { stand, before: stand.handle, during: tensor.handle };
  });
  try {
    for (const { stand, during } of changes) stand.handle = during;
    const list = isTensor(inputs) ? [inputs] : (inputs as unknown[]);
    return (module as unknown as { forward(...list: unknown[]): Output<M> }).forward(...list);
  } finally {
    for (const { stand, before } of changes) stand.handle = before;
  }
}
