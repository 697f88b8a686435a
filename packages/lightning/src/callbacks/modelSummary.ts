import { LightningError } from '../errors.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import { summarize } from '../summary/modelSummary.js';
import type { Trainer } from '../trainer/trainer.js';
import { Callback } from './callback.js';

export interface ModelSummaryOptions {
  /** How deep to list layers: 1 the model's direct parts, -1 all, 0 prints nothing. Default 1. */
  readonly maxDepth?: number;
}

/** Prints the model's layers and parameters when training starts. */
export class ModelSummary extends Callback {
  private readonly maxDepth: number;

  /** @throws LightningError OPTION_INVALID for a `maxDepth` below -1 */
  constructor(options: ModelSummaryOptions = {}) {
    super();
    const { maxDepth = 1 } = options;
    if (!Number.isInteger(maxDepth) || maxDepth < -1) {
      throw new LightningError(
        'OPTION_INVALID',
        `ModelSummary: maxDepth is ${String(maxDepth)}. Use -1 for all layers, 0 for none, or how many levels to list.`,
      );
    }
    this.maxDepth = maxDepth;
  }

  override onFitStart(trainer: Trainer, module: AnyLightningModule): void {
    if (this.maxDepth === 0 || !trainer.isGlobalZero) return;
    const summary = summarize(module, { maxDepth: this.maxDepth, bitsPerParameter: bitsOf(trainer.precision) });
    trainer.print(String(summary));
  }
}

/** Bits of a stored parameter; mixed precisions keep them in 32. */
function bitsOf(precision: string): number {
  if (precision.startsWith('64')) return 64;
  return precision === '16-true' || precision === 'bf16-true' ? 16 : 32;
}
