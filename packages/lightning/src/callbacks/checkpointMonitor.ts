import { type Tensor, warn } from '@lightning-ts/torch';
import type { Trainer } from '../trainer/trainer.js';
import { type CheckpointTemplate, unknownKey } from './checkpointName.js';
import { loggedNamesLike } from './monitoredMetric.js';

/**
 * What a ModelCheckpoint knows of the values it waits for: its monitored metric, of which each value is used once, and those in
 * its file name.
 */
export class CheckpointMonitor {
  /** Whether the metric came at all in this run. */
  wasSeen = false;
  /** Whether the metric is logged by validation, as far as is known. */
  comesFromValidation = true;
  private hasValidated = false;
  /** Whatever an epoch logs has been logged once. */
  private finishedCycle = false;
  private used: Tensor | null = null;
  private beforeValidation: Tensor | null = null;

  /** @param name the monitored metric, null for none */
  constructor(
    private readonly name: string | null,
    private readonly template: CheckpointTemplate,
  ) {}

  /** Training begins. @param isUsed whether the value that a checkpoint brought along was used before */
  begin(trainer: Trainer, isUsed: boolean): void {
    this.wasSeen = false;
    this.hasValidated = false;
    this.finishedCycle = false;
    this.used = isUsed ? this.valueIn(trainer) : null;
  }

  validationBegins(trainer: Trainer): void {
    this.beforeValidation = this.valueIn(trainer);
  }

  validationEnds(trainer: Trainer): void {
    const value = this.valueIn(trainer);
    this.comesFromValidation = value === null || value !== this.beforeValidation;
    this.hasValidated = true;
    this.finishedCycle = true;
  }

  epochEnds(trainer: Trainer): void {
    if (trainer.numValBatches.every((count) => count === 0)) this.finishedCycle = true;
  }

  /** The metric's latest value; null when it was not logged yet, or there is none to watch. */
  valueIn(trainer: Trainer): Tensor | null {
    return this.name === null ? null : (trainer.callbackMetrics[this.name] ?? null);
  }

  /** Whether the latest value is the one that the last save used. */
  isUsedIn(trainer: Trainer): boolean {
    const value = this.valueIn(trainer);
    return value !== null && value === this.used;
  }

  /** Takes the latest value for a save. */
  use(trainer: Trainer): Tensor | null {
    this.used = this.valueIn(trainer);
    if (this.used !== null) this.wasSeen = true;
    return this.used;
  }

  /** Whether the metric is not there, or is the one that the last save used. */
  awaitsNew(trainer: Trainer): boolean {
    if (this.name === null) return false;
    const value = this.valueIn(trainer);
    return value === null || value === this.used;
  }

  /**
   * Whether a save has to wait for the metric, or for a value in its file name.
   *
   * @throws LightningError CHECKPOINT_NAME_KEY when everything was logged once, and that value was not
   */
  mustWait(trainer: Trainer): boolean {
    const known = Object.keys(trainer.callbackMetrics);
    if (this.awaitsNew(trainer)) {
      if (this.hasValidated && this.name !== null && this.valueIn(trainer) === null) {
        warn(
          'MONITOR_WAITING',
          `ModelCheckpoint waits for '${this.name}', which validation did not log. ${loggedNamesLike(this.name, known)}`,
        );
      }
      return true;
    }
    const missing = this.template.keys.find((key) => key !== 'epoch' && key !== 'step' && !known.includes(key));
    if (missing === undefined) return false;
    if (this.finishedCycle) throw unknownKey(this.template, missing, ['epoch', 'step', ...known]);
    return true;
  }
}
