import { noGrad, Tensor, warn } from '@lightning-ts/torch';
import type { Module } from '@lightning-ts/torch/nn';
import { LightningError } from '../errors.js';
import { summaryText } from './summaryText.js';

export interface SummaryOptions {
  /** How deep to look: 1 lists the model's direct parts, -1 all. Default 1. */
  readonly maxDepth?: number;
  /** Bits of a parameter, for the size in memory. Default 32. */
  readonly bitsPerParameter?: number;
}

/** One submodule of a model. */
export interface LayerSummary {
  readonly name: string;
  readonly type: string;
  /** Elements of all parameters in it, shared ones counted once. */
  readonly parameters: number;
  readonly mode: 'train' | 'eval';
  /** Shapes of what went in and came out as text, `?` where it was not called; null without an example input. */
  readonly inSizes: string | null;
  readonly outSizes: string | null;
}

/** What a model is made of. `String(summary)` is the table. */
export interface ModelDescription {
  readonly layers: readonly LayerSummary[];
  readonly totalParameters: number;
  readonly trainableParameters: number;
  /** Parameters that are in none of the listed layers. */
  readonly otherParameters: number;
  /** Megabytes (10^6 bytes) of all parameters. */
  readonly sizeInMb: number;
  readonly modulesInTrainMode: number;
  readonly modulesInEvalMode: number;
  toString(): string;
}

/** A model that may bring an example input: a tensor, or an array of positional inputs. */
type SummarizedModel = Module & { readonly exampleInputArray?: Tensor | readonly unknown[] | null };

/**
 * Lists a model's parts with their parameters, and with the shapes that pass through them when the model has an
 * `exampleInputArray`: the model then runs once, in evaluation mode and without gradients.
 *
 * ```ts
 * console.log(String(summarize(model, { maxDepth: -1 })));
 * ```
 *
 * @throws LightningError OPTION_INVALID for a `maxDepth` below -1
 */
export function summarize(model: SummarizedModel, options: SummaryOptions = {}): ModelDescription {
  const { maxDepth = 1, bitsPerParameter = 32 } = options;
  if (!Number.isInteger(maxDepth) || maxDepth < -1) {
    throw new LightningError(
      'OPTION_INVALID',
      `ModelSummary: maxDepth is ${String(maxDepth)}. Use -1 for all layers, 0 for none, or how many levels to list.`,
    );
  }
  const submodules = model.namedModules().slice(1);
  const listed = submodules.filter(([name]) => maxDepth === -1 || name.split('.').length <= maxDepth);
  const sizes = exampleSizes(model, listed);
  const layers = listed.map(([name, module]): LayerSummary => {
    const seen = sizes?.get(module);
    return {
      name,
      type: module.constructor.name,
      parameters: countParameters(module),
      mode: module.training ? 'train' : 'eval',
      inSizes: sizes === null ? null : (seen?.input ?? '?'),
      outSizes: sizes === null ? null : (seen?.output ?? '?'),
    };
  });
  const totalParameters = countParameters(model);
  const trainMode = submodules.filter(([, module]) => module.training).length;
  const description: ModelDescription = {
    layers,
    totalParameters,
    trainableParameters: countParameters(model, true),
    otherParameters: Math.max(0, totalParameters - layers.reduce((sum, layer) => sum + layer.parameters, 0)),
    sizeInMb: (totalParameters * bitsPerParameter) / 8 / 1e6,
    modulesInTrainMode: trainMode,
    modulesInEvalMode: submodules.length - trainMode,
    toString: () => summaryText(description),
  };
  return description;
}

function countParameters(module: Module, onlyTrainable = false): number {
  return module
    .parameters()
    .filter((parameter) => !onlyTrainable || parameter.requiresGrad)
    .reduce((sum, parameter) => sum + parameter.numel(), 0);
}

interface Sizes {
  readonly input: string;
  readonly output: string;
}

/** Runs the example input through the model and notes what passes each of `listed`; null when there is no example. */
function exampleSizes(model: SummarizedModel, listed: readonly [string, Module][]): Map<Module, Sizes> | null {
  const example = model.exampleInputArray ?? null;
  if (example === null) return null;
  const sizes = new Map<Module, Sizes>();
  const handles = listed.map(([, module]) =>
    module.registerForwardHook((_module: unknown, inputs: unknown, output: unknown) => {
      const given = Array.isArray(inputs) && inputs.length === 1 ? (inputs[0] as unknown) : inputs;
      sizes.set(module, { input: shapeText(given), output: shapeText(output) });
    }),
  );
  const modes = model.modules().map((module) => [module, module.training] as const);
  const device = model.parameters()[0]?.device;
  const inputs = (Array.isArray(example) ? example : [example]).map((input: unknown) =>
    input instanceof Tensor && device !== undefined ? input.to(device) : input,
  );
  try {
    model.eval();
    noGrad(() => (model.forward as (...given: unknown[]) => unknown)(...inputs));
  } catch (error) {
    warn(
      'SUMMARY_EXAMPLE_INPUT',
      `exampleInputArray could not be run through ${model.constructor.name}, so the summary shows no sizes: ${(error as Error).message}`,
    );
    return null;
  } finally {
    for (const [module, mode] of modes) module.training = mode;
    for (const handle of handles) handle.remove();
  }
  return sizes;
}

function shapeText(value: unknown): string {
  if (value instanceof Tensor) return `[${value.shape.join(', ')}]`;
  if (Array.isArray(value)) return `[${value.map(shapeText).join(', ')}]`;
  return '?';
}
