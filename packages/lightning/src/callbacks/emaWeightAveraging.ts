import type { DeviceLike } from '@lightning-ts/torch';
import { getEmaAvgFn } from '@lightning-ts/torch/swa';
import { OptionReader } from '../optionReader.js';
import { type UpdateMoment, WeightAveraging } from './weightAveraging.js';

export interface EMAWeightAveragingOptions {
  /** Where the average is kept. Default: beside the weights. */
  readonly device?: DeviceLike | null;
  /** Whether buffers are averaged too rather than copied. Default true. */
  readonly useBuffers?: boolean;
  /** How much of the average is kept at each update, from 0 to 1. Default 0.999. */
  readonly decay?: number;
  /** Steps from one update to the next; 0 for none by steps. Default 1. */
  readonly updateEveryNSteps?: number;
  /** The first step that may be taken in, from 0. Default: any. */
  readonly updateStartingAtStep?: number | null;
  /** Also updates after each epoch from this one on. Default: not by epochs. */
  readonly updateStartingAtEpoch?: number | null;
}

/** Keeps an exponential moving average of the weights; see {@link WeightAveraging} for what becomes of it. */
export class EMAWeightAveraging extends WeightAveraging {
  private readonly everyNSteps: number;
  private readonly firstStep: number;
  private readonly firstEpoch: number | null;

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN */
  constructor(options: EMAWeightAveragingOptions = {}) {
    const reader = new OptionReader<EMAWeightAveragingOptions>('EMAWeightAveraging', options);
    const decay = reader.number('decay', 0.999, { least: 0, most: 1 });
    const useBuffers = reader.boolean('useBuffers', true);
    const device = reader.value('device') ?? null;
    super({ device, useBuffers, avgFn: getEmaAvgFn(decay) });
    this.everyNSteps = reader.integer('updateEveryNSteps', 1, 0);
    this.firstStep = reader.integer('updateStartingAtStep', null, 0) ?? 0;
    this.firstEpoch = reader.integer('updateStartingAtEpoch', null, 0);
    reader.done();
  }

  override shouldUpdate({ epochIdx, stepIdx }: UpdateMoment): boolean {
    if (stepIdx !== undefined && stepIdx >= this.firstStep && this.everyNSteps > 0 && stepIdx % this.everyNSteps === 0)
      return true;
    return epochIdx !== undefined && this.firstEpoch !== null && epochIdx >= this.firstEpoch;
  }
}
