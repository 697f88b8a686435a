import { isAutocastCacheEnabled, isAutocastEnabled } from '../../amp/autocast.js';
import { isGradEnabled } from '../../autograd.js';
import { isTensor, wrapHandle } from '../../dispatch.js';
import { TorchError } from '../../errors.js';
import { block } from '../../modeBlock.js';
import { type GeneratorHandle, type Handle, native } from '../../native.js';
import type { Tensor } from '../../tensor.js';
import { Sequential, type UnaryModule } from '../containers.js';

export interface CheckpointOptions {
  /** Give the second run the random numbers of the first; default true. */
  preserveRngState?: boolean;
  /** Only the form without reentrant backward exists: left out or false. Accepted because Python's callers write it. */
  useReentrant?: false;
}

const optionNames = new Set(['preserveRngState', 'useReentrant']);

/** Whether the last argument is the options: a plain object with nothing but their names. */
function isOptions(value: unknown): value is CheckpointOptions {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false;
  const names = Object.keys(value);
  return names.length > 0 && names.every((name) => optionNames.has(name));
}

/** The generators that the function may draw from, with their present states. */
function generatorStates(tensors: Tensor[]): [GeneratorHandle, Handle][] {
  const devices = new Set(['cpu', ...tensors.map((tensor) => String(tensor.device))]);
  return [...devices].map((device) => {
    const generator = native.defaultGenerator(device);
    return [generator, native.generatorState(generator)];
  });
}

const putBack = (states: [GeneratorHandle, Handle][]): void => {
  for (const [generator, state] of states) native.generatorSetState(generator, state);
};

/** The autocast modes of this moment, as something that runs a function in them. */
function presentAutocast(): (fn: () => void) => void {
  const cacheEnabled = isAutocastCacheEnabled();
  const modes = (['cpu', 'cuda'] as const).map((device) => ({
    device,
    dtype: native.autocastDtype(device),
    enabled: isAutocastEnabled(device),
  }));
  return (fn) =>
    block(
      'checkpoint',
      () => {
        for (const { device, dtype, enabled } of modes) native.enterAutocast(device, dtype, enabled, cacheEnabled);
        return () => {
          for (const _ of modes) native.exitAutocast();
        };
      },
      fn,
    );
}

/** What the graph holds: how to run the function again. Made apart, so that it refers to nothing that the first run made. */
function recomputeOf(fn: (...inputs: unknown[]) => unknown, inputs: unknown[], preserveRngState: boolean) {
  const places = inputs.flatMap((input, i) => (isTensor(input) ? [i] : []));
  const others = inputs.map((input) => (isTensor(input) ? null : input));
  const states = preserveRngState ? generatorStates(inputs.filter(isTensor)) : null;
  const inAutocast = presentAutocast();
  return (handles: Handle[]): void => {
    const given = [...others];
    for (const [k, place] of places.entries()) given[place] = wrapHandle(handles[k]!);
    const present =
      states === null
        ? null
        : states.map(([generator]): [GeneratorHandle, Handle] => [generator, native.generatorState(generator)]);
    if (states !== null) putBack(states);
    try {
      inAutocast(() => {
        fn(...given);
      });
    } finally {
      if (present !== null) putBack(present);
    }
  };
}

/**
 * Runs `fn(...inputs)` without keeping the activations that its backward needs: the backward runs `fn` again. Trades time
 * for memory. As `torch.utils.checkpoint` without reentrant backward: it works with `autograd.grad`, inputs that need no
 * gradient, nested checkpoints and higher derivatives.
 *
 * The second run has the first one's random numbers and autocast modes. It must do the same as the first: when it saves
 * other tensors, the backward throws `CHECKPOINT`. Side effects of `fn` (the running statistics of a batch normalisation)
 * happen twice. A tensor among `inputs` that is changed in place before the backward is an `AUTOGRAD` error. The graph
 * holds `fn`: one that refers to its own result, by way of an object for example, is freed by the backward only.
 *
 * @example
 * const hidden = checkpoint((x: Tensor) => block.forward(x), input);
 */
export function checkpoint<I extends unknown[], O>(
  fn: (...inputs: I) => O,
  ...args: [...inputs: I, options: CheckpointOptions] | I
): O {
  const options = isOptions(args.at(-1)) ? (args.at(-1) as CheckpointOptions) : null;
  const inputs = (options === null ? args : args.slice(0, -1)) as I;
  if ((options?.useReentrant as boolean | undefined) === true)
    throw new TorchError(
      'ARGUMENT_RANGE',
      'checkpoint has no reentrant form; leave useReentrant out: the other form does all that it did',
    );
  if (!isGradEnabled()) return fn(...inputs);
  const run = fn as (...inputs: unknown[]) => unknown;
  return block(
    'checkpoint',
    () => {
      native.enterCheckpoint(inputs.filter(isTensor), recomputeOf(run, inputs, options?.preserveRngState ?? true));
      return () => native.leaveCheckpoint();
    },
    () => fn(...inputs),
  );
}

/**
 * Runs modules one after the other in `segments` parts of about equal length, all but the last of them checkpointed. As
 * `torch.utils.checkpoint_sequential`.
 */
export function checkpointSequential(
  modules: Sequential | readonly UnaryModule[],
  segments: number,
  input: Tensor,
  options: CheckpointOptions = {},
): Tensor {
  const list = modules instanceof Sequential ? [...modules] : modules;
  if (!Number.isInteger(segments) || segments < 1 || segments > list.length)
    throw new TorchError(
      'ARGUMENT_RANGE',
      `checkpointSequential: segments must be an integer from 1 to the number of modules, ${list.length}; got ${segments}`,
    );
  const size = Math.floor(list.length / segments);
  const part = (from: number, to: number) => {
    const modules = new Sequential(...list.slice(from, to)); // frees what passes between two layers at once
    return (x: Tensor) => modules.forward(x);
  };
  let output = input;
  for (let i = 0; i < segments - 1; i++)
    output = checkpoint(part(i * size, (i + 1) * size), output, { preserveRngState: true, ...options });
  return part((segments - 1) * size, list.length)(output);
}
