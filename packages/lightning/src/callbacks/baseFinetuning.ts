import type { Parameter, Tensor } from '@lightning-ts/torch';
import type { Optimizer } from '@lightning-ts/torch/optim';
import { LightningError } from '../errors.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import type { Trainer } from '../trainer/trainer.js';
import { Callback } from './callback.js';
import {
  filterParams,
  flattenModules,
  freezeModules,
  freezeStatistics,
  frozenStatistics,
  makeTrainable,
  unfreezeAndAddParamGroup,
} from './frozenModules.js';

/** A parameter group with the parameters' names, as checkpoints keep it. */
type NamedGroup = Record<string, unknown> & { readonly params: readonly string[]; readonly lr: number };

/** What does not change just now, by name. */
interface Frozen {
  readonly parameters: readonly string[];
  readonly statistics: readonly string[];
}

/**
 * Trains some layers from the start and others later: freeze what is to wait in `freezeBeforeTraining`, and let it go in
 * `finetuneFunction`. A resumed run has the groups and the frozen layers that the saved one had.
 *
 * ```ts
 * class HeadFirst extends BaseFinetuning {
 *   override freezeBeforeTraining(module: AnyLightningModule) { BaseFinetuning.freeze((module as Net).features); }
 *   override finetuneFunction(module: AnyLightningModule, epoch: number, optimizer: Optimizer) {
 *     if (epoch === 10) BaseFinetuning.unfreezeAndAddParamGroup((module as Net).features, optimizer);
 *   }
 * }
 * ```
 */
export abstract class BaseFinetuning extends Callback {
  static flattenModules = flattenModules;
  static filterParams = filterParams;
  static makeTrainable = makeTrainable;
  static freeze = freezeModules;
  static unfreezeAndAddParamGroup = unfreezeAndAddParamGroup;

  /** By optimizer: its groups. */
  private groups = new Map<number, NamedGroup[]>();
  private frozen: Frozen | null = null;
  private isRestarting = false;

  /** Freezes what is to wait. Called before the optimizers are made. */
  abstract freezeBeforeTraining(module: AnyLightningModule): void;

  /** Called at the start of every epoch, for each optimizer. */
  abstract finetuneFunction(module: AnyLightningModule, epoch: number, optimizer: Optimizer): void;

  override setup(_trainer: Trainer, module: AnyLightningModule, stage: string): void {
    if (stage !== 'fit') return;
    this.groups = new Map();
    this.frozen = null;
    this.isRestarting = false;
    this.freezeBeforeTraining(module);
  }

  /** @throws LightningError CHECKPOINT_INVALID when the checkpoint's groups have parameters that the model lacks */
  override onFitStart(trainer: Trainer, module: AnyLightningModule): void {
    if (!this.isRestarting) return;
    this.isRestarting = false;
    const named = new Map(module.namedParameters());
    if (this.frozen !== null) {
      for (const [name, parameter] of named) parameter.requiresGrad = !this.frozen.parameters.includes(name);
      freezeStatistics(module, this.frozen.statistics);
    }
    // The optimizers' states, which come after this, need the groups they were saved with.
    for (const [index, { optimizer }] of trainer.optimizers.entries()) {
      for (const { lr, params: names } of (this.groups.get(index) ?? []).slice(optimizer.paramGroups.length)) {
        const params = names.map((name) => this.parameter(named, name));
        if (this.frozen === null) for (const parameter of params) parameter.requiresGrad = true;
        optimizer.addParamGroup({ params, lr });
      }
    }
  }

  override onTrainEpochStart(trainer: Trainer, module: AnyLightningModule): void {
    for (const [index, { optimizer }] of trainer.optimizers.entries()) {
      this.finetuneFunction(module, trainer.currentEpoch, optimizer);
      this.groups.set(index, namedGroups(module, optimizer));
    }
    this.frozen = {
      parameters: module.namedParameters().flatMap(([name, { requiresGrad }]) => (requiresGrad ? [] : [name])),
      statistics: frozenStatistics(module),
    };
  }

  override stateDict(): Record<string, unknown> {
    if (this.groups.size === 0) return {};
    return { internal_optimizer_metadata: new Map(this.groups), frozen: this.frozen };
  }

  override loadStateDict(state: Record<string, unknown>): void {
    const saved = state.internal_optimizer_metadata;
    const entries: [unknown, unknown][] = saved instanceof Map ? [...saved] : Object.entries(saved ?? {});
    this.groups = new Map(entries.map(([index, groups]) => [Number(index), groups as NamedGroup[]]));
    // Python's callback does not keep it.
    this.frozen = (state.frozen ?? null) as Frozen | null;
    this.isRestarting = true;
  }

  private parameter(named: ReadonlyMap<string, Parameter>, name: string): Parameter {
    const found = named.get(name);
    if (found !== undefined) return found;
    throw new LightningError(
      'CHECKPOINT_INVALID',
      `${this.constructor.name}: the checkpoint trains a parameter '${name}' that the model does not have. Use the model it was saved with.`,
    );
  }
}

function namedGroups(module: AnyLightningModule, optimizer: Optimizer): NamedGroup[] {
  const names = new Map(module.namedParameters().map(([name, parameter]) => [parameter as Tensor, name]));
  return optimizer.stateDict().param_groups.map((group, index) => ({
    ...group,
    lr: optimizer.paramGroups[index]!.lr,
    params: optimizer.paramGroups[index]!.params.map((parameter) => names.get(parameter) ?? ''),
  }));
}
