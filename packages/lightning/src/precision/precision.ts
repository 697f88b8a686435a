import type { Closure, Optimizer } from '@lightning-ts/torch/optim';
import { LightningError } from '../errors.js';
import { describe } from '../module/hparams.js';
import type { LightningModule } from '../module/lightningModule.js';

/** The numeric precisions that can be asked for. */
export type PrecisionName = '32-true' | '64-true';

/** What `precision` accepts: a name, or the number of bits. */
export type PrecisionOption = PrecisionName | 32 | 64 | '32' | '64';

/** In which element type a run computes. What a precision does not need, it leaves out, and it costs nothing. */
export interface Precision {
  readonly name: PrecisionName;
  /** Converts parameters and buffers, once. */
  convertModule?(module: LightningModule): void;
  /** Converts a batch before each step. */
  convertInput?<Batch>(batch: Batch): Batch;
  /** Runs a step in the right context. */
  runStep?<T>(step: () => T): T;
  /** Steps the optimizer in another way than `optimizer.step(closure)`. */
  optimizerStep?(optimizer: Optimizer, closure: Closure): ReturnType<Optimizer['step']>;
  /** What a checkpoint keeps, under `stateKey`. */
  readonly stateKey?: string;
  stateDict?(): Record<string, unknown>;
  loadStateDict?(state: Record<string, unknown>): void;
}

const later = [
  '16-true',
  'bf16-true',
  '16-mixed',
  'bf16-mixed',
  'transformer-engine',
  'transformer-engine-float16',
  '16',
  'bf16',
];

/**
 * The canonical name of a precision.
 *
 * @throws LightningError OPTION_UNAVAILABLE for a precision of the reference that is not here, OPTION_INVALID for others
 */
export function precisionName(option: unknown): PrecisionName {
  const text = String(option);
  if (text === '32' || text === '32-true') return '32-true';
  if (text === '64' || text === '64-true') return '64-true';
  if ((typeof option === 'string' || typeof option === 'number') && later.includes(text)) {
    throw new LightningError(
      'OPTION_UNAVAILABLE',
      `precision '${text}' is not available in this version. Use '32-true' (the default) or '64-true'.`,
    );
  }
  throw new LightningError(
    'OPTION_INVALID',
    `precision is ${describe(option)}. Use '32-true' (the default) or '64-true'.`,
  );
}
