import type { AnyLightningModule } from '../module/lightningModule.js';
import { OptionReader } from '../optionReader.js';
import { type ModelDescription, summarize } from '../summary/modelSummary.js';
import type { Trainer } from '../trainer/trainer.js';
import { Callback } from './callback.js';

export interface ModelSummaryOptions {
  /** How deep to list layers: 1 the model's direct parts, -1 all, 0 prints nothing. Default 1. */
  readonly maxDepth?: number;
  /** Also shows how long each layer takes; the model needs an `exampleInputArray`. Default false. */
  readonly time?: boolean;
}

/**
 * Prints the model's layers and parameters when training starts; of a model with an `exampleInputArray` also the shapes in and
 * out of each layer and its floating-point operations.
 */
export class ModelSummary extends Callback {
  private readonly maxDepth: number;
  private readonly time: boolean;

  /** @throws LightningError OPTION_INVALID for a `maxDepth` below -1, OPTION_UNKNOWN */
  constructor(options: ModelSummaryOptions = {}) {
    super();
    const reader = new OptionReader<ModelSummaryOptions>(this.constructor.name, options);
    this.maxDepth = reader.integer('maxDepth', 1, -1);
    this.time = reader.boolean('time', false);
    reader.done();
  }

  override onFitStart(trainer: Trainer, module: AnyLightningModule): void {
    if (this.maxDepth === 0 || !trainer.isGlobalZero) return;
    const bitsPerParameter = bitsOf(trainer.precision);
    trainer.print(this.text(summarize(module, { maxDepth: this.maxDepth, bitsPerParameter, time: this.time })));
  }

  /** How the summary is printed; subclasses print it another way. */
  protected text(summary: ModelDescription): string {
    return String(summary);
  }
}

/** Bits of a stored parameter; mixed precisions keep them in 32. */
function bitsOf(precision: string): number {
  if (precision.startsWith('64')) return 64;
  return precision === '16-true' || precision === 'bf16-true' ? 16 : 32;
}
