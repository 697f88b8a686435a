import { wrapHandle } from '../dispatch.js';
import { TorchError } from '../errors.js';
import { native, type ScriptHandle } from '../native.js';
import { Module } from '../nn/module.js';
import { forkRng } from '../random.js';
import type { Tensor } from '../tensor.js';
import { emptyMirror, mirrorOf } from './scriptMirror.js';
import { ScriptModule } from './scriptModule.js';
import { mapLeaves, tensorsIn } from './scriptValues.js';
import { checkTraced, cloneTensors, keepingBuffers } from './traceCheck.js';

export interface TraceOptions<Inputs extends unknown[] = unknown[]> {
  /** Run the original and the trace once more with the same inputs and random numbers, and compare; default true. */
  checkTrace?: boolean;
  /** The relative and absolute difference the comparison allows; default 1e-5. */
  checkTolerance?: number;
  /** Further inputs to compare with, of other sizes for example: they show sizes that the trace has made constant. */
  checkInputs?: readonly (readonly [...Inputs])[];
  /** Whether to refuse an object among the outputs, because its keys become constants; default true. */
  strict?: boolean;
  /** The names of the arguments in the program's signature; default `input`, `input_1` and so on. */
  inputNames?: readonly string[];
}

type InputsOf<M extends Module> = M extends { forward(...inputs: infer I extends unknown[]): unknown } ? I : never;
type OutputOf<M extends Module> = M extends { forward(...inputs: never[]): infer O } ? O : never;
/** The arguments as an array; a single tensor may stand alone. */
export type ExampleInputs<Inputs extends unknown[]> =
  | readonly [...Inputs]
  | (Inputs extends [infer Only, ...unknown[]] ? Extract<Only, Tensor> : never);

/**
 * Records what a module or function does with example inputs as a TorchScript program, which needs no TypeScript to run:
 * Python and C++ load it too. The module's parameters and buffers are shared with the result, under the same state-dict
 * keys; modules below it become methods of their own.
 *
 * Only operators on tensors are recorded. What JavaScript computes is a constant of the program: branches, loops, the
 * values of `item()` and `tolist()`, and sizes (`x.shape`, `x.size(0)`), so write `flatten(1)` or `view([-1, 8])` rather
 * than `view([x.size(0), 8])` if the batch size is to vary, and give `checkInputs` of another size.
 *
 * Inputs and outputs are tensors, and arrays (tuples) and objects (dicts with string keys) of tensors. Neither the
 * module's buffers nor the random number generator are changed.
 *
 * @throws TorchError `TRACE` when something cannot be recorded or the trace computes something else
 */
export function trace<M extends Module>(
  module: M,
  exampleInputs: ExampleInputs<InputsOf<M>>,
  options?: TraceOptions<InputsOf<M>>,
): ScriptModule<InputsOf<M>, OutputOf<M>>;
export function trace<Inputs extends unknown[], Output>(
  fn: (...inputs: Inputs) => Output,
  exampleInputs: ExampleInputs<Inputs>,
  options?: TraceOptions<Inputs>,
): ScriptModule<Inputs, Output>;
export function trace(
  target: Module | ((...inputs: unknown[]) => unknown),
  exampleInputs: unknown,
  options: TraceOptions = {},
): ScriptModule<unknown[], unknown> {
  const { checkTrace = true, checkTolerance = 1e-5, checkInputs = [], strict = true } = options;
  if (target instanceof ScriptModule) return target;
  const inputs = listOf(exampleInputs);
  const names = inputs.map((_, i) => options.inputNames?.[i] ?? (i === 0 ? 'input' : `input_${i}`));
  for (const [i, input] of inputs.entries()) checkExample(input, names[i]!);

  const module = target instanceof Module ? target : null;
  const run = module === null ? target : module.forward.bind(module);
  const mirror = module === null ? emptyMirror((target as { name: string }).name) : mirrorOf(module);
  return keepingBuffers(module, () => {
    forkRng(() => record(mirror.script, module, run as Run, inputs, names, strict));
    const traced = mirror.finish();
    if (checkTrace)
      for (const given of [inputs, ...checkInputs.map(listOf)]) checkTraced(traced, run as Run, given, checkTolerance);
    return traced;
  });
}

type Run = (...inputs: unknown[]) => unknown;

function record(
  script: ScriptHandle,
  module: Module | null,
  run: Run,
  inputs: unknown[],
  names: string[],
  strict: boolean,
): void {
  const restore = module === null ? () => {} : scopeSubmodules(module);
  try {
    native.scriptTrace(
      script,
      'forward',
      inputs.map(cloneTensors),
      names,
      (handles) => {
        const tensors = handles.map(wrapHandle).values();
        const output = run(...inputs.map((input) => mapLeaves(input, () => tensors.next().value)));
        if (output instanceof Promise) {
          output.catch(() => {}); // the error below is the one to see
          throw new TorchError(
            'TRACE',
            'an asynchronous forward cannot be traced; make it return tensors, not a promise',
          );
        }
        tensorsIn(output, 'output');
        return output;
      },
      strict,
    );
  } catch (error) {
    throw explained(error);
  } finally {
    restore();
  }
}

/** While a submodule of `module` runs, what is recorded goes into a method of its own. */
function scopeSubmodules(module: Module): () => void {
  const restores: (() => void)[] = [];
  for (const [path, child] of module.namedModules().slice(1)) {
    if (child instanceof ScriptModule) continue; // calls of it are recorded as such
    const own = Object.getOwnPropertyDescriptor(child, 'forward');
    const forward = child.forward as Run;
    const scoped = (...inputs: unknown[]): unknown => {
      native.scriptEnter(`__module.${path}`);
      try {
        return forward.apply(child, inputs);
      } finally {
        native.scriptLeave();
      }
    };
    Object.defineProperty(child, 'forward', { value: scoped, configurable: true, writable: true });
    restores.push(() => {
      if (own === undefined) delete (child as { forward?: unknown }).forward;
      else Object.defineProperty(child, 'forward', own);
    });
  }
  return () => {
    for (const restore of restores) restore();
  };
}

const explanations: [part: string, explanation: string][] = [
  [
    'Tensor that requires grad as a constant',
    'the trace uses a parameter that belongs to no module below the traced one. Trace the module that owns it, or detach() it to make it a constant.',
  ],
  [
    'observable data dependence',
    'an output does not depend on the inputs, as far as operators on tensors tell. Return tensors that operators computed from the inputs.',
  ],
  [
    'dict at the output',
    'forward returns an object, whose keys become constants of the program. Pass strict: false if that is meant, or return an array.',
  ],
];

/** The engine's reason after ours, which knows TypeScript. */
function explained(error: unknown): unknown {
  if (!(error instanceof TorchError)) return error;
  const found = explanations.find(([part]) => error.message.includes(part));
  if (found === undefined) return error;
  return new TorchError('TRACE', `${found[1]} (The engine: ${error.message.split('\n')[0]})`, { cause: error });
}

const listOf = (inputs: unknown): unknown[] => (Array.isArray(inputs) ? [...inputs] : [inputs]);

function checkExample(input: unknown, name: string): void {
  if (tensorsIn(input, name).length > 0) return;
  throw new TorchError(
    'TRACE',
    `${name} holds no tensor; example inputs are tensors, and arrays and objects of tensors`,
  );
}
