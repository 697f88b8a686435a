import { type DeviceLike, noGrad, Tensor, tensor, warn } from '@lightning-ts/torch';
import { OrderedDict } from '@lightning-ts/torch/serialize';
import { type AverageFunction, getSwaAvgFn, type MultiAverageFunction } from '@lightning-ts/torch/swa';
import { LightningError } from '../errors.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import { OptionReader } from '../optionReader.js';
import type { CheckpointData } from '../trainer/checkpointData.js';
import type { Trainer } from '../trainer/trainer.js';
import { Callback } from './callback.js';

export interface WeightAveragingOptions {
  /** Where the average is kept. Default: beside the weights. */
  readonly device?: DeviceLike | null;
  /** Whether buffers, such as the statistics of batch normalisation, are averaged too rather than copied. Default true. */
  readonly useBuffers?: boolean;
  /** The new average of one tensor. Default: the plain mean, `getSwaAvgFn()`. */
  readonly avgFn?: AverageFunction | null;
  /** The same for all tensors at once. Excludes `avgFn`. */
  readonly multiAvgFn?: MultiAverageFunction | null;
}

/** When the average may take in the present weights: after a step, or after an epoch. */
export interface UpdateMoment {
  /** The optimizer step just made, from 0. */
  readonly stepIdx?: number;
  /** The epoch just ended, from 0. */
  readonly epochIdx?: number;
}

/**
 * Keeps an average of the weights while a model trains. Validation runs with the average, and at the end it becomes the model's
 * weights; override `shouldUpdate` to say when the weights are taken in, by default after every step.
 *
 * In a checkpoint `state_dict` holds the average, so that whoever loads it gets that; the weights in training are beside it, and a
 * resumed run goes on with them. A file of weights alone, which no callback adds to, has those in training until the run ends.
 */
export class WeightAveraging extends Callback {
  private readonly options: Required<WeightAveragingOptions>;
  /** The average by state key; while `isSwapped`, the weights in training instead. */
  private average: Map<string, Tensor> | null = null;
  private nAveraged = 0;
  /** Whether the module holds the average just now. */
  private isSwapped = false;
  private latestUpdateStep = 0;
  private latestUpdateEpoch = -1;

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN, OPTION_CONFLICT */
  constructor(options: WeightAveragingOptions = {}) {
    super();
    const reader = new OptionReader<WeightAveragingOptions>(this.constructor.name, options);
    const fn = <Name extends 'avgFn' | 'multiAvgFn'>(name: Name) => {
      const value = reader.value(name) ?? null;
      if (value !== null && typeof value !== 'function')
        throw reader.invalid(name, 'a function, such as getEmaAvgFn()');
      return value;
    };
    this.options = {
      device: reader.value('device') ?? null,
      useBuffers: reader.boolean('useBuffers', true),
      avgFn: fn('avgFn') as AverageFunction | null,
      multiAvgFn: fn('multiAvgFn') as MultiAverageFunction | null,
    };
    reader.done();
    if (this.options.avgFn !== null && this.options.multiAvgFn !== null) {
      throw new LightningError('OPTION_CONFLICT', `${this.constructor.name} takes avgFn or multiAvgFn, not both.`);
    }
  }

  /** Whether the present weights join the average now. */
  shouldUpdate({ stepIdx }: UpdateMoment): boolean {
    return stepIdx !== undefined;
  }

  override setup(_trainer: Trainer, _module: AnyLightningModule, stage: string): void {
    if (stage !== 'fit') return;
    this.average = null;
    this.nAveraged = 0;
    this.isSwapped = false;
    this.latestUpdateStep = 0;
    this.latestUpdateEpoch = -1;
  }

  override onFitStart(_trainer: Trainer, module: AnyLightningModule): void {
    this.average ??= this.copyOf(module);
  }

  override onTrainBatchEnd(trainer: Trainer, module: AnyLightningModule): void {
    const { globalStep } = trainer;
    if (globalStep <= this.latestUpdateStep) return;
    this.latestUpdateStep = globalStep;
    if (this.shouldUpdate({ stepIdx: globalStep - 1 })) this.update(module);
  }

  override onTrainEpochEnd(trainer: Trainer, module: AnyLightningModule): void {
    const { currentEpoch } = trainer;
    if (currentEpoch <= this.latestUpdateEpoch) return;
    this.latestUpdateEpoch = currentEpoch;
    if (this.shouldUpdate({ epochIdx: currentEpoch })) this.update(module);
  }

  override onValidationEpochStart(trainer: Trainer, module: AnyLightningModule): void {
    if (trainer.state.fn === 'fit' && !this.isSwapped) this.swap(module);
  }

  override onValidationEpochEnd(trainer: Trainer, module: AnyLightningModule): void {
    if (trainer.state.fn === 'fit' && this.isSwapped) this.swap(module);
  }

  /** The average becomes the model's weights; those in training stay here, for checkpoints that are yet to come. */
  override onTrainEnd(_trainer: Trainer, module: AnyLightningModule): void {
    if (!this.isSwapped) this.swap(module);
  }

  override onException(trainer: Trainer, module: AnyLightningModule): void {
    if (trainer.state.fn === 'fit' && this.isSwapped) this.swap(module);
  }

  override onSaveCheckpoint(_trainer: Trainer, module: AnyLightningModule, checkpoint: CheckpointData): void {
    if (this.average === null) return;
    const own = module.stateDict();
    const other = new OrderedDict([...own.keys()].map((key) => [key, this.average!.get(key)!] as const));
    const ofModule = checkpoint.state_dict;
    checkpoint.state_dict = this.isSwapped ? ofModule : other;
    checkpoint.current_model_state = this.isSwapped ? other : ofModule;
    checkpoint.averaging_state = { n_averaged: tensor(this.nAveraged, { dtype: 'int64' }) };
  }

  override onLoadCheckpoint(trainer: Trainer, module: AnyLightningModule, checkpoint: CheckpointData): void {
    if (trainer.state.fn !== 'fit') return;
    // The module has got what state_dict holds: the average, or plain weights, from which the average starts then.
    this.average = this.copyOf(module);
    const { averaging_state: saved, current_model_state: current } = checkpoint as {
      averaging_state?: { n_averaged?: unknown };
      current_model_state?: ReadonlyMap<string, Tensor> | Record<string, Tensor>;
    };
    if (current === undefined) {
      warn(
        'WEIGHT_AVERAGE_MISSING',
        `The checkpoint has no average of weights, so ${this.constructor.name} starts one with the weights in it.`,
      );
      return;
    }
    const count = saved?.n_averaged;
    this.nAveraged = Number(count instanceof Tensor ? count.item() : (count ?? 0));
    module.loadStateDict(current as never);
  }

  override stateDict(): Record<string, unknown> {
    return { latest_update_step: this.latestUpdateStep, latest_update_epoch: this.latestUpdateEpoch };
  }

  override loadStateDict(state: Record<string, unknown>): void {
    this.latestUpdateStep = Number(state.latest_update_step ?? 0);
    // Python's callback does not keep it.
    this.latestUpdateEpoch = Number(state.latest_update_epoch ?? -1);
  }

  private copyOf(module: AnyLightningModule): Map<string, Tensor> {
    const { device } = this.options;
    const copied = ([key, value]: [string, Tensor]): [string, Tensor] => {
      const copy = value.detach().clone();
      return [key, device === null ? copy : copy.to({ device })];
    };
    return new Map([...module.stateDict()].map(copied));
  }

  private update(module: AnyLightningModule): void {
    const { avgFn, multiAvgFn, useBuffers } = this.options;
    const parameters = new Set(module.namedParameters().map(([name]) => name));
    const isFirst = this.nAveraged === 0;
    const averaged: Tensor[] = [];
    const current: Tensor[] = [];
    noGrad(() => {
      for (const [key, value] of module.stateDict()) {
        const mean = this.average!.get(key)!;
        const given = value.detach().to({ device: mean.device });
        if (isFirst || (!useBuffers && !parameters.has(key))) mean.copy_(given);
        else {
          averaged.push(mean);
          current.push(given);
        }
      }
      if (multiAvgFn !== null) multiAvgFn(averaged, current, this.nAveraged);
      else {
        const average = avgFn ?? getSwaAvgFn();
        for (const [i, mean] of averaged.entries()) mean.copy_(average(mean, current[i]!, this.nAveraged));
      }
    });
    this.nAveraged += 1;
  }

  private swap(module: AnyLightningModule): void {
    if (this.average === null) return;
    noGrad(() => {
      for (const [key, value] of module.stateDict()) {
        const here = value.detach();
        const other = this.average!.get(key)!;
        const kept = here.clone();
        here.copy_(other);
        other.copy_(kept);
      }
    });
    this.isSwapped = !this.isSwapped;
  }
}
