import type { Module } from '@lightning-ts/torch/nn';
import { LightningError } from '../errors.js';
import { type ExampleModel, runExample } from './exampleRun.js';
import { summaryText } from './summaryText.js';

export interface SummaryOptions {
  /** How deep to look: 1 lists the model's direct parts, -1 all. Default 1. */
  readonly maxDepth?: number;
  /** Bits of a parameter, for the size in memory. Default 32. */
  readonly bitsPerParameter?: number;
  /** Also measures the time that each layer takes, by one more run of the example input. Default false. */
  readonly time?: boolean;
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
  /** Floating-point operations of its matrix products, convolutions and the like; null without an example input. */
  readonly flops: number | null;
  /** Seconds it took; null without an example input, or when time was not asked for. */
  readonly seconds: number | null;
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
  /** Of one forward of the example input; null without one. */
  readonly totalFlops: number | null;
  /** Seconds of one forward; null without an example input, or when time was not asked for. */
  readonly totalSeconds: number | null;
  toString(): string;
}

/**
 * Lists a model's parts with their parameters. When the model has an `exampleInputArray`, it runs in evaluation mode and
 * without gradients, and the list also has the shapes that pass through the parts, their floating-point operations and, when
 * asked for, their times.
 *
 * ```ts
 * console.log(String(summarize(model, { maxDepth: -1 })));
 * ```
 *
 * @throws LightningError OPTION_INVALID for a `maxDepth` below -1
 */
export function summarize(model: ExampleModel, options: SummaryOptions = {}): ModelDescription {
  const { maxDepth = 1, bitsPerParameter = 32, time = false } = options;
  if (!Number.isInteger(maxDepth) || maxDepth < -1) {
    throw new LightningError(
      'OPTION_INVALID',
      `ModelSummary: maxDepth is ${String(maxDepth)}. Use -1 for all layers, 0 for none, or how many levels to list.`,
    );
  }
  const submodules = model.namedModules().slice(1);
  const listed = submodules.filter(([name]) => maxDepth === -1 || name.split('.').length <= maxDepth);
  const runs = runExample(model, time);
  const layers = listed.map(([name, module]): LayerSummary => {
    const run = runs?.get(module);
    return {
      name,
      type: module.constructor.name,
      parameters: countParameters(module),
      mode: module.training ? 'train' : 'eval',
      inSizes: runs === null ? null : (run?.input ?? '?'),
      outSizes: runs === null ? null : (run?.output ?? '?'),
      flops: runs === null ? null : (run?.flops ?? 0),
      seconds: runs === null || !time ? null : (run?.seconds ?? 0),
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
    totalFlops: runs === null ? null : (runs.get(model)?.flops ?? 0),
    totalSeconds: runs === null || !time ? null : (runs.get(model)?.seconds ?? 0),
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
