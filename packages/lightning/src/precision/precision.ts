import type { Device, Tensor } from '@lightning-ts/torch';
import { warn } from '@lightning-ts/torch';
import type { Closure, Optimizer } from '@lightning-ts/torch/optim';
import { describe } from '../describe.js';
import { LightningError } from '../errors.js';
import type { LightningModule } from '../module/lightningModule.js';

/** The numeric precisions that can be asked for by name. */
export type PrecisionName = '64-true' | '32-true' | '16-true' | 'bf16-true' | '16-mixed' | 'bf16-mixed';

/** What `precision` accepts: a name, or the number of bits; `16` and `'bf16'` mean the mixed ones. */
export type PrecisionOption = PrecisionName | 64 | 32 | 16 | '64' | '32' | '16' | 'bf16';

/**
 * In which element type a run computes. Extend it and give it to `plugins` for one of your own. What a precision does not
 * need, it leaves out, and it costs nothing.
 */
export abstract class Precision {
  /** How `trainer.precision` calls it. */
  abstract readonly name: string;
  /** The key of its state in checkpoints; undefined when it has none. */
  readonly stateKey: string | undefined = undefined;
}

export interface Precision {
  /** Told where the run computes, before anything else. */
  connect?(device: Device): void;
  /** Converts parameters and buffers, once. */
  convertModule?(module: LightningModule): void;
  /** Converts a batch before each step. */
  convertInput?<Batch>(batch: Batch): Batch;
  /** Makes a module whose parameters are in the right type from the start. */
  initModule?<T>(create: () => T): T;
  /** Runs a step in the right context. */
  runStep?<T>(step: () => T): T;
  /** Changes the loss before `onBeforeBackward` and backward. */
  scaleLoss?(loss: Tensor): Tensor;
  /** Undoes `scaleLoss` in the gradients: before `onBeforeOptimizerStep` and clipping. */
  unscaleGradients?(optimizer: Optimizer): void;
  /** Steps the optimizer in another way than `optimizer.step(closure)`. */
  optimizerStep?(optimizer: Optimizer, closure: Closure): ReturnType<Optimizer['step']>;
  /** What a checkpoint keeps, under `stateKey`. */
  stateDict?(): Record<string, unknown>;
  loadStateDict?(state: Record<string, unknown>): void;
}

const names: readonly PrecisionName[] = ['32-true', '64-true', '16-true', 'bf16-true', '16-mixed', 'bf16-mixed'];
const aliases: Readonly<Record<string, PrecisionName>> = {
  '64': '64-true',
  '32': '32-true',
  '16': '16-mixed',
  bf16: 'bf16-mixed',
};
const unavailable: readonly string[] = ['transformer-engine', 'transformer-engine-float16'];

/**
 * The canonical name of a precision.
 *
 * @throws LightningError OPTION_UNAVAILABLE for a precision of the reference that is not here, OPTION_INVALID for others
 */
export function precisionName(option: unknown): PrecisionName {
  const text = typeof option === 'string' || typeof option === 'number' ? String(option) : '';
  const name = aliases[text] ?? names.find((candidate) => candidate === text);
  if (name === undefined) {
    const isKnown = unavailable.includes(text);
    throw new LightningError(
      isKnown ? 'OPTION_UNAVAILABLE' : 'OPTION_INVALID',
      `precision is ${describe(option)}${isKnown ? ', which needs a library that is not here' : ''}. Use ` +
        `${names.map((candidate) => `'${candidate}'`).join(', ')}; the default is '32-true'.`,
    );
  }
  if (text === '16' || text === 'bf16')
    warn(
      'PRECISION_ALIAS',
      `precision ${describe(option)} is read as '${name}'. Write that, so that it cannot be mistaken.`,
    );
  return name;
}
