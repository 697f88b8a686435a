import { type AnyLightningModule, Callback, type Trainer } from '@lightning-ts/lightning';

/** Keeps the largest gradient norm of each epoch, and warns when it is out of bounds. Its state is in checkpoints. */
export class GradientWatcher extends Callback {
  private largest = 0;
  history: number[] = [];

  constructor(readonly limit = 100) {
    super();
  }

  /** After backward, before clipping. */
  override onBeforeOptimizerStep(_trainer: Trainer, module: AnyLightningModule): void {
    const norms = module.parameters().flatMap(({ grad }) => (grad === null ? [] : [Number(grad.norm().item())]));
    this.largest = Math.max(this.largest, Math.hypot(...norms));
  }

  override onTrainEpochEnd(trainer: Trainer): void {
    if (this.largest > this.limit) trainer.print(`The gradient's norm reached ${this.largest.toFixed(1)}.`);
    this.history.push(this.largest);
    this.log('largest_gradient', this.largest);
    this.largest = 0;
  }

  override stateDict() {
    return { largest: this.largest, history: this.history };
  }

  override loadStateDict(state: { largest: number; history: number[] }): void {
    this.largest = state.largest;
    this.history = state.history;
  }
}
