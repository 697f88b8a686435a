import { empty, zeros } from '../../creation.js';
import { TorchError } from '../../errors.js';
import * as torch from '../../functions.js';
import { Parameter } from '../../parameter.js';
import type { Tensor } from '../../tensor.js';
import { warn } from '../../warnings.js';
import { uniform_ } from '../init.js';
import { Module } from '../module.js';
import { floatText } from '../pythonText.js';
import { PackedSequence } from '../utils/packedSequence.js';

export interface RecurrentOptions {
  /** Layers on top of each other; default 1. */
  numLayers?: number;
  /** Default true. */
  bias?: boolean;
  /** [batch, time, features] instead of [time, batch, features] for input and output (not for the states); default false. */
  batchFirst?: boolean;
  /** Dropout between the layers; default 0. */
  dropout?: number;
  /** A second set of weights runs backwards; default false. */
  bidirectional?: boolean;
}

/** Parameters of one layer and direction, as fields `weightIhL0`, `weightIhL0Reverse`, …; keys `weight_ih_l0`, … */
type WeightName = 'weightIh' | 'weightHh' | 'biasIh' | 'biasHh' | 'weightHr';

/** What RNN, LSTM and GRU share: weights U(±1/√hiddenSize), states [layers · directions, batch, size]. */
abstract class Recurrent extends Module {
  readonly numLayers: number;
  readonly bias: boolean;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly bidirectional: boolean;
  private readonly weightFields: string[] = [];

  constructor(
    gates: number,
    readonly inputSize: number,
    readonly hiddenSize: number,
    options: RecurrentOptions,
    readonly projSize: number,
  ) {
    super();
    const { numLayers = 1, bias = true, batchFirst = false, dropout = 0, bidirectional = false } = options;
    if (!(dropout >= 0 && dropout <= 1))
      throw new TorchError('ARGUMENT_RANGE', `a dropout probability must be from 0 to 1, got ${dropout}`);
    if (projSize < 0 || projSize >= hiddenSize)
      throw new TorchError(
        'ARGUMENT_RANGE',
        `projSize must be from 0 to below hiddenSize (${hiddenSize}), got ${projSize}`,
      );
    if (dropout > 0 && numLayers === 1)
      warn(
        'DROPOUT_UNUSED',
        `dropout ${dropout} acts between recurrent layers, and numLayers is 1; set numLayers: 2 or leave dropout out`,
      );
    this.numLayers = numLayers;
    this.bias = bias;
    this.batchFirst = batchFirst;
    this.dropout = dropout;
    this.bidirectional = bidirectional;
    const outputSize = projSize > 0 ? projSize : hiddenSize;
    for (let layer = 0; layer < numLayers; layer++)
      for (const direction of bidirectional ? ['', 'Reverse'] : ['']) {
        const layerInput = layer === 0 ? inputSize : outputSize * this.directions;
        const add = (name: WeightName, shape: number[]) => this.addWeight(`${name}L${layer}${direction}`, shape);
        add('weightIh', [gates * hiddenSize, layerInput]);
        add('weightHh', [gates * hiddenSize, outputSize]);
        if (bias) {
          add('biasIh', [gates * hiddenSize]);
          add('biasHh', [gates * hiddenSize]);
        }
        if (projSize > 0) add('weightHr', [projSize, hiddenSize]);
      }
    this.resetParameters();
  }

  private addWeight(field: string, shape: number[]): void {
    this.weightFields.push(field);
    this.registerParameter(field, new Parameter(empty(shape)));
  }

  resetParameters(): void {
    const bound = this.hiddenSize > 0 ? 1 / Math.sqrt(this.hiddenSize) : 0;
    for (const weight of this.weights) uniform_(weight, -bound, bound);
  }

  /** All parameters in the order the engine wants them. */
  protected get weights(): Parameter[] {
    return this.weightFields.map((field) => (this as unknown as Record<string, Parameter>)[field]!);
  }
  protected get directions(): number {
    return this.bidirectional ? 2 : 1;
  }

  protected check(input: Tensor, dimensions: number, states: [state: Tensor, size: number][], batch: number): void {
    const { shape } = input;
    if (shape.length !== dimensions || shape.at(-1) !== this.inputSize)
      throw new TorchError(
        'SHAPE_MISMATCH',
        `${this.constructor.name} expects ${dimensions} dimensions with ${this.inputSize} features last, got [${shape.join(', ')}]`,
      );
    for (const [state, size] of states) {
      const wanted = [this.numLayers * this.directions, batch, size];
      if (String(state.shape) !== String(wanted))
        throw new TorchError(
          'SHAPE_MISMATCH',
          `${this.constructor.name} expects a state [${wanted.join(', ')}], got [${state.shape.join(', ')}]`,
        );
    }
  }

  /**
   * Runs `call` on a padded or packed input. States are given, zeros when null, and returned in the caller's order; an
   * input without a batch has states without a batch.
   */
  protected run(
    input: Tensor | PackedSequence,
    given: Tensor[] | null,
    sizes: number[],
    call: (data: Tensor, batchSizes: Tensor | null, states: Tensor[]) => [Tensor, ...Tensor[]],
  ): [output: Tensor | PackedSequence, states: Tensor[]] {
    const start = (data: Tensor, batch: number) =>
      given ??
      sizes.map((size) =>
        zeros([this.numLayers * this.directions, batch, size], { dtype: data.dtype, device: data.device }),
      );
    const paired = (states: Tensor[]) => states.map((state, i): [Tensor, number] => [state, sizes[i]!]);
    if (input instanceof PackedSequence) {
      const { data, batchSizes, sortedIndices, unsortedIndices } = input;
      const batch = batchSizes.select(0, 0).item();
      let states = start(data, batch);
      if (given !== null && sortedIndices !== null) states = states.map((state) => state.indexSelect(1, sortedIndices));
      this.check(data, 2, paired(states), batch);
      const [output, ...last] = call(data, batchSizes, states);
      return [
        new PackedSequence(output, batchSizes, sortedIndices, unsortedIndices),
        unsortedIndices === null ? last : last.map((state) => state.indexSelect(1, unsortedIndices)),
      ];
    }
    const batchDim = this.batchFirst ? 0 : 1;
    const isBatched = input.dim() === 3;
    const data = isBatched ? input : input.unsqueeze(batchDim);
    if (given !== null && !isBatched) given = given.map((state) => state.unsqueeze(1));
    const batch = data.dim() === 3 ? data.size(batchDim) : 0;
    const states = start(data, batch);
    this.check(data, 3, paired(states), batch);
    const [output, ...last] = call(data, null, states);
    return isBatched ? [output, last] : [output.squeeze(batchDim), last.map((state) => state.squeeze(1))];
  }

  override extraRepr(): string {
    const parts = [`${this.inputSize}, ${this.hiddenSize}`];
    if (this.projSize !== 0) parts.push(`proj_size=${this.projSize}`);
    if (this.numLayers !== 1) parts.push(`num_layers=${this.numLayers}`);
    if (!this.bias) parts.push('bias=False');
    if (this.batchFirst) parts.push('batch_first=True');
    if (this.dropout !== 0) parts.push(`dropout=${floatText(this.dropout)}`);
    if (this.bidirectional) parts.push('bidirectional=True');
    return parts.join(', ');
  }
}

export interface RNNOptions extends RecurrentOptions {
  /** Default `tanh`. */
  nonlinearity?: 'tanh' | 'relu';
}

/** Elman's recurrent network: [time, batch, inputSize] → output [time, batch, hiddenSize · directions] and the last state. */
export class RNN extends Recurrent {
  readonly nonlinearity: 'tanh' | 'relu';
  constructor(inputSize: number, hiddenSize: number, options: RNNOptions = {}) {
    super(1, inputSize, hiddenSize, options, 0);
    this.nonlinearity = options.nonlinearity ?? 'tanh';
    if (this.nonlinearity !== 'tanh' && this.nonlinearity !== 'relu')
      throw new TorchError(
        'ARGUMENT_TYPE',
        `nonlinearity must be 'tanh' or 'relu', got '${this.nonlinearity as string}'`,
      );
  }
  override forward(input: PackedSequence, hx?: Tensor | null): [output: PackedSequence, hn: Tensor];
  override forward(input: Tensor, hx?: Tensor | null): [output: Tensor, hn: Tensor];
  override forward(input: Tensor | PackedSequence, hx: Tensor | null = null): [Tensor | PackedSequence, Tensor] {
    const { weights, bias, numLayers, dropout, training, bidirectional, batchFirst } = this;
    const cell = this.nonlinearity === 'tanh' ? torch.rnnTanh : torch.rnnRelu;
    const [output, [hn]] = this.run(input, hx && [hx], [this.hiddenSize], (data, batchSizes, [h]) =>
      batchSizes === null
        ? cell(data, h!, weights, bias, numLayers, dropout, training, bidirectional, batchFirst)
        : cell(data, batchSizes, h!, weights, bias, numLayers, dropout, training, bidirectional),
    );
    return [output, hn!];
  }
}

/** Gated recurrent units (Cho et al. 2014): [time, batch, inputSize] → output [time, batch, hiddenSize · directions] and the last state. */
export class GRU extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super(3, inputSize, hiddenSize, options, 0);
  }
  override forward(input: PackedSequence, hx?: Tensor | null): [output: PackedSequence, hn: Tensor];
  override forward(input: Tensor, hx?: Tensor | null): [output: Tensor, hn: Tensor];
  override forward(input: Tensor | PackedSequence, hx: Tensor | null = null): [Tensor | PackedSequence, Tensor] {
    const { weights, bias, numLayers, dropout, training, bidirectional, batchFirst } = this;
    const [output, [hn]] = this.run(input, hx && [hx], [this.hiddenSize], (data, batchSizes, [h]) =>
      batchSizes === null
        ? torch.gru(data, h!, weights, bias, numLayers, dropout, training, bidirectional, batchFirst)
        : torch.gru(data, batchSizes, h!, weights, bias, numLayers, dropout, training, bidirectional),
    );
    return [output, hn!];
  }
}

export interface LSTMOptions extends RecurrentOptions {
  /** The output is projected to this size (Sak et al. 2014); default 0, not at all. */
  projSize?: number;
}

/** State and cell of an LSTM, each [layers · directions, batch, size]. */
export type LSTMState = [h: Tensor, c: Tensor];

/** Long short-term memory: [time, batch, inputSize] → output [time, batch, (projSize or hiddenSize) · directions] and the last (h, c). */
export class LSTM extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options: LSTMOptions = {}) {
    super(4, inputSize, hiddenSize, options, options.projSize ?? 0);
  }
  override forward(input: PackedSequence, hx?: LSTMState | null): [output: PackedSequence, state: LSTMState];
  override forward(input: Tensor, hx?: LSTMState | null): [output: Tensor, state: LSTMState];
  override forward(input: Tensor | PackedSequence, hx: LSTMState | null = null): [Tensor | PackedSequence, LSTMState] {
    const { weights, bias, numLayers, dropout, training, bidirectional, batchFirst } = this;
    const sizes = [this.projSize > 0 ? this.projSize : this.hiddenSize, this.hiddenSize];
    const [output, [hn, cn]] = this.run(input, hx, sizes, (data, batchSizes, states) =>
      batchSizes === null
        ? torch.lstm(data, states, weights, bias, numLayers, dropout, training, bidirectional, batchFirst)
        : torch.lstm(data, batchSizes, states, weights, bias, numLayers, dropout, training, bidirectional),
    );
    return [output, [hn!, cn!]];
  }
}
