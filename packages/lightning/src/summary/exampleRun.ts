import { forkRng, noGrad, observeOperators, Tensor, warn } from '@lightning-ts/torch';
import type { Module } from '@lightning-ts/torch/nn';
import { isPlainObject } from '../describe.js';
import { type ExampleInput, exampleArguments } from '../exampleInputs.js';
import { operatorFlops } from './operatorFlops.js';

/** A model that may bring an example of what its `forward` takes. */
export type ExampleModel = Module & { readonly exampleInputArray?: ExampleInput | null };

/** What one module did with the example input. */
export interface ModuleRun {
  /** Shapes as text; those of the last call when it was called several times. */
  input: string;
  output: string;
  /** Of all its calls, with the modules inside. */
  flops: number;
  /** Seconds of all its calls, with the modules inside. */
  seconds: number;
}

/**
 * Runs the example input through a model, in evaluation mode, without gradients and with the random numbers left as they were.
 *
 * @param measuresTime runs it a second time, for the clock alone: the first run is slower, and is watched
 * @returns what each module that was called did; null when there is no example or it does not fit, with a warning
 */
export function runExample(model: ExampleModel, measuresTime: boolean): Map<Module, ModuleRun> | null {
  const example = model.exampleInputArray ?? null;
  if (example === null) return null;
  const runs = new Map<Module, ModuleRun>();
  const inputs = exampleArguments(example, model);
  const forward = (): unknown => (model.forward as (...given: unknown[]) => unknown)(...inputs);
  const modes = model.modules().map((module) => [module, module.training] as const);
  try {
    model.eval();
    forkRng(() =>
      noGrad(() => {
        watchShapesAndFlops(model, runs, forward);
        if (measuresTime) watchTime(model, runs, forward);
      }),
    );
  } catch (error) {
    warn(
      'SUMMARY_EXAMPLE_INPUT',
      `exampleInputArray could not be run through ${model.constructor.name}, so the summary shows no sizes: ${(error as Error).message}`,
    );
    return null;
  } finally {
    for (const [module, mode] of modes) module.training = mode;
  }
  return runs;
}

function watchShapesAndFlops(model: Module, runs: Map<Module, ModuleRun>, forward: () => unknown): void {
  const running: Module[] = [];
  const handles = model.modules().flatMap((module) => [
    module.registerForwardPreHook((_module, inputs) => {
      const given: unknown = inputs.length === 1 ? inputs[0] : inputs;
      const run = runs.get(module) ?? { input: '?', output: '?', flops: 0, seconds: 0 };
      run.input = shapeText(given);
      runs.set(module, run);
      running.push(module);
    }),
    module.registerForwardHook((_module: unknown, _inputs: unknown, output: unknown) => {
      running.pop();
      runs.get(module)!.output = shapeText(output);
    }),
  ]);
  try {
    observeOperators((call) => {
      const flops = operatorFlops(call);
      // A module that calls itself counts once.
      if (flops > 0) for (const module of new Set(running)) runs.get(module)!.flops += flops;
    }, forward);
  } finally {
    for (const handle of handles) handle.remove();
  }
}

function watchTime(model: Module, runs: Map<Module, ModuleRun>, forward: () => unknown): void {
  const starts: number[] = [];
  const handles = model.modules().flatMap((module) => [
    module.registerForwardPreHook(() => {
      starts.push(performance.now());
    }),
    module.registerForwardHook(() => {
      const run = runs.get(module);
      if (run !== undefined) run.seconds += (performance.now() - starts.pop()!) / 1000;
    }),
  ]);
  try {
    forward();
  } finally {
    for (const handle of handles) handle.remove();
  }
}

function shapeText(value: unknown): string {
  if (value instanceof Tensor) return `[${value.shape.join(', ')}]`;
  if (Array.isArray(value)) return `[${value.map(shapeText).join(', ')}]`;
  if (isPlainObject(value))
    return `{${Object.entries(value)
      .map(([name, item]) => `${name}: ${shapeText(item)}`)
      .join(', ')}}`;
  return '?';
}
