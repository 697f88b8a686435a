import { Module } from '@lightning-ts/torch/nn';
import type { Optimizer } from '@lightning-ts/torch/optim';
import { LightningError } from '../errors.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import { OptionReader } from '../optionReader.js';
import type { Trainer } from '../trainer/trainer.js';
import { BaseFinetuning } from './baseFinetuning.js';

export interface BackboneFinetuningOptions {
  /** The epoch from which the backbone trains too, from 0. Default 10. */
  readonly unfreezeBackboneAtEpoch?: number;
  /** By how much the backbone's rate is multiplied at the start of each later epoch, from the epoch's number plus 1. Default 2. */
  readonly lambdaFunc?: (epoch: number) => number;
  /** The backbone's first rate, as a part of the first group's. Default 0.1. */
  readonly backboneInitialRatioLr?: number;
  /** The backbone's first rate. Default: by `backboneInitialRatioLr`. */
  readonly backboneInitialLr?: number | null;
  /** Whether the backbone's rate never exceeds the first group's. Default true. */
  readonly shouldAlign?: boolean;
  /** Whether the backbone's batch normalisations train too once it does. Default true. */
  readonly trainBn?: boolean;
  /** Print both rates when they change. Default false. */
  readonly verbose?: boolean;
  /** Digits after the point of printed rates. Default 12. */
  readonly rounding?: number;
}

/**
 * Trains the head of a pretrained model first, then its `backbone` as well, at a rate that grows from epoch to epoch until it is
 * that of the head. Give the optimizer only what takes gradients.
 */
export class BackboneFinetuning extends BaseFinetuning {
  private readonly options: Required<BackboneFinetuningOptions>;
  private previousBackboneLr: number | null = null;

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN */
  constructor(options: BackboneFinetuningOptions = {}) {
    super();
    const reader = new OptionReader<BackboneFinetuningOptions>(this.constructor.name, options);
    const lambdaFunc = reader.value('lambdaFunc') ?? (() => 2);
    if (typeof lambdaFunc !== 'function') throw reader.invalid('lambdaFunc', 'a function of the epoch: (epoch) => 1.5');
    this.options = {
      lambdaFunc,
      unfreezeBackboneAtEpoch: reader.integer('unfreezeBackboneAtEpoch', 10, 0),
      backboneInitialRatioLr: reader.number('backboneInitialRatioLr', 0.1, { least: 0 }),
      backboneInitialLr: reader.number('backboneInitialLr', null, { least: 0 }),
      shouldAlign: reader.boolean('shouldAlign', true),
      trainBn: reader.boolean('trainBn', true),
      verbose: reader.boolean('verbose', false),
      rounding: reader.integer('rounding', 12, 0),
    };
    reader.done();
  }

  override setup(trainer: Trainer, module: AnyLightningModule, stage: string): void {
    if (stage === 'fit') this.previousBackboneLr = null;
    super.setup(trainer, module, stage);
    this.print = (text) => trainer.print(text);
  }

  override freezeBeforeTraining(module: AnyLightningModule): void {
    BaseFinetuning.freeze(backboneOf(module));
  }

  override finetuneFunction(module: AnyLightningModule, epoch: number, optimizer: Optimizer): void {
    const { backboneInitialLr, backboneInitialRatioLr, lambdaFunc, shouldAlign, trainBn } = this.options;
    const { unfreezeBackboneAtEpoch } = this.options;
    const headLr = optimizer.paramGroups[0]!.lr;
    if (epoch === unfreezeBackboneAtEpoch) {
      const lr = backboneInitialLr ?? headLr * backboneInitialRatioLr;
      this.previousBackboneLr = lr;
      BaseFinetuning.unfreezeAndAddParamGroup(backboneOf(module), optimizer, { lr, trainBn });
      this.say(headLr, lr);
    } else if (epoch > unfreezeBackboneAtEpoch && this.previousBackboneLr !== null) {
      const grown = lambdaFunc(epoch + 1) * this.previousBackboneLr;
      const lr = shouldAlign && grown > headLr ? headLr : grown;
      // Where all was in the optimizer from the start there is no group of the backbone's own.
      if (optimizer.paramGroups.length > 1) optimizer.paramGroups.at(-1)!.lr = lr;
      this.previousBackboneLr = lr;
      this.say(headLr, lr);
    }
  }

  override stateDict(): Record<string, unknown> {
    const state = super.stateDict();
    return Object.keys(state).length === 0 ? {} : { ...state, previous_backbone_lr: this.previousBackboneLr };
  }

  override loadStateDict(state: Record<string, unknown>): void {
    super.loadStateDict(state);
    this.previousBackboneLr = (state.previous_backbone_lr ?? null) as number | null;
  }

  private print: (text: string) => void = () => {};

  private say(headLr: number, backboneLr: number): void {
    const { rounding, verbose } = this.options;
    const rounded = (lr: number): number => Number(lr.toFixed(rounding));
    if (verbose) this.print(`Current lr: ${rounded(headLr)}, Backbone lr: ${rounded(backboneLr)}`);
  }
}

/** @throws LightningError OPTION_CONFLICT for a model without one */
function backboneOf(module: AnyLightningModule): Module {
  const { backbone } = module as { backbone?: unknown };
  if (backbone instanceof Module) return backbone;
  throw new LightningError(
    'OPTION_CONFLICT',
    `BackboneFinetuning needs a model with a module called 'backbone', and ${module.constructor.name} has none. Call it so, or extend BaseFinetuning.`,
  );
}
