import { Tensor, tensor, warn } from '@lightning-ts/torch';
import { describe } from '../describe.js';
import { LightningError } from '../errors.js';
import { sizesIn } from '../logging/batchSize.js';
import type { FitRun } from './run.js';

/** What a checkpoint keeps of a window that is open. */
export interface WindowState {
  weight: number;
  unit: number;
  /** Whether nothing but skipped batches was in it. */
  is_empty: boolean;
}

/**
 * The batches whose gradients are added up for one optimizer step, and what part each loss has in it.
 *
 * With `accumulationDivisor: 'weight'` how much all losses weigh is known only at the end. Until then each counts in a unit, and
 * the gradients are divided once before the update. The unit is a power of two near the usual weight: losses keep their size,
 * which half precision needs, and no digit depends on it.
 */
export class AccumulationWindow {
  /** Whether the batch in progress is the first of its window. */
  opens = true;
  /** Whether the optimizer steps after it. */
  closes = true;
  /** Whether gradients of the batch in progress may have been added already: those of the others alone are gone then. */
  isMixed = false;
  private batchIdx = 0;
  /** Batches by which each loss is divided. */
  private length = 1;
  /** What the losses so far weigh together. */
  private weight = 0;
  private unit = 1;
  private knowsUnit = false;
  /** Whether the batches so far were left out, so that the next one is the first. */
  private isEmpty = false;

  constructor(private readonly run: Pick<FitRun, 'data' | 'module' | 'optimizers' | 'settings' | 'strategy'>) {}

  private get isWeighted(): boolean {
    return this.run.settings.accumulationDivisor === 'weight';
  }

  /** Goes on to a batch. */
  enter(batchIdx: number, isLast: boolean): void {
    const { accumulateGradBatches: size } = this.run.settings;
    this.batchIdx = batchIdx;
    this.opens = batchIdx % size === 0 || this.isEmpty;
    this.closes = isLast || (batchIdx + 1) % size === 0;
    this.length = this.lengthOf(size);
    if (this.opens) this.weight = 0;
  }

  /** The batch is done. */
  leave(): void {
    this.isMixed = false;
    this.isEmpty = false;
  }

  /** Leaves a batch out. @returns whether the optimizer has to step now, with the gradients of the others */
  skip(batchIdx: number, isLast: boolean): boolean {
    this.enter(batchIdx, isLast);
    this.isEmpty = this.opens && !this.closes;
    return this.closes && !this.opens;
  }

  /**
   * The part of the window's loss that a batch has.
   *
   * @throws LightningError TRAINING_STEP_OUTPUT for a weight that is none, or when there is none and no batch size either
   */
  partOf(loss: Tensor, output: unknown, batch: unknown): Tensor {
    this.isMixed = true;
    if (!this.isWeighted) return this.length === 1 ? loss : loss.div(this.length);
    const weight = this.weightOf(output, batch);
    if (this.opens) {
      // Once more for an optimizer that computes the loss several times.
      this.weight = 0;
      if (!this.knowsUnit) this.findUnit(weight);
    }
    this.weight += weight;
    return this.isAlone ? loss : loss.mul(weight / this.unit);
  }

  /** What a step that returned `output` lost, as its hooks are told. */
  reported(loss: Tensor, part: Tensor): Tensor {
    return this.isWeighted ? loss : part;
  }

  /** Before the update: what could not be known when the losses were computed. */
  correct(): void {
    const { optimizers } = this.run;
    const factor = this.isWeighted ? this.weightFactor() : this.lengthFactor();
    if (factor === 1) return;
    for (const group of optimizers.only.paramGroups) {
      for (const parameter of group.params) parameter.grad?.mul_(factor);
    }
  }

  state(): WindowState {
    return { weight: this.weight, unit: this.unit, is_empty: this.isEmpty };
  }

  /** Puts back a window that was open. */
  loadState({ is_empty: isEmpty, unit, weight }: WindowState): void {
    this.isEmpty = isEmpty;
    this.weight = Number(weight);
    this.unit = Number(unit);
    this.knowsUnit = this.unit !== 1;
  }

  /** Whether the update is that of one batch of one process, whose weight does not matter. */
  private get isAlone(): boolean {
    return this.opens && this.closes && this.run.strategy.worldSize === 1;
  }

  private lengthOf(size: number): number {
    const { data, settings } = this.run;
    const { total } = data;
    if (size === 1 || settings.accumulationDivisor === 'option' || total === Number.POSITIVE_INFINITY) return size;
    return Math.min(size, total - (this.batchIdx - (this.batchIdx % size)));
  }

  /** Of a stream of unknown length only its end tells that the last window is shorter than its losses were divided by. */
  private lengthFactor(): number {
    const { data, settings } = this.run;
    const actual = (this.batchIdx % settings.accumulateGradBatches) + 1;
    const isKnown = data.total !== Number.POSITIVE_INFINITY || settings.accumulationDivisor === 'option';
    return isKnown ? 1 : this.length / actual;
  }

  /** The gradients are averaged over the processes, and weights are added up over them. */
  private weightFactor(): number {
    const { strategy } = this.run;
    const { worldSize } = strategy;
    if (this.isAlone) return 1;
    const all = worldSize === 1 ? this.weight : this.together(this.weight, 'sum');
    return all > 0 ? (worldSize * this.unit) / all : 1;
  }

  private weightOf(output: unknown, batch: unknown): number {
    const given: unknown = output instanceof Tensor ? undefined : (output as { weight?: unknown }).weight;
    if (given === undefined) return this.samplesOf(batch);
    const weight =
      given instanceof Tensor && given.numel() === 1 ? Number(given.item()) : typeof given === 'number' ? given : -1;
    if (weight >= 0 && weight < Number.POSITIVE_INFINITY) return weight;
    throw new LightningError(
      'TRAINING_STEP_OUTPUT',
      `${this.run.module.constructor.name}.trainingStep returned the weight ${describe(given)}. Return how much of the loss's mean the ` +
        'batch is, from 0 up: the number of tokens, say.',
    );
  }

  private samplesOf(batch: unknown): number {
    const [size, another] = sizesIn(batch);
    const { name } = this.run.module.constructor;
    if (size === undefined) {
      throw new LightningError(
        'TRAINING_STEP_OUTPUT',
        `accumulationDivisor is 'weight', but ${name}.trainingStep returned no weight, and its batch holds no tensor whose first size ` +
          'could be it. Return { loss, weight }.',
      );
    }
    if (another !== undefined) {
      warn(
        'WEIGHT_GUESSED',
        `The tensors of a batch have different first sizes (${size}, ${another}), so the weight of its loss was guessed as ${size}. ` +
          `Return { loss, weight } from ${name}.trainingStep to be sure.`,
      );
    }
    return size;
  }

  /** The same for all processes, whose gradients are added up. */
  private findUnit(weight: number): void {
    const usual = this.run.strategy.worldSize === 1 ? weight : this.together(weight, 'mean');
    this.knowsUnit = usual > 0;
    this.unit = usual > 0 ? 2 ** Math.round(Math.log2(usual)) : 1;
  }

  private together(value: number, op: 'mean' | 'sum'): number {
    const { strategy } = this.run;
    return strategy.reduce(tensor(value, { dtype: 'float64', device: strategy.rootDevice }), op).item();
  }
}
