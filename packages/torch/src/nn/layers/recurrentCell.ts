import { empty, zeros } from '../../creation.js';
import { TorchError } from '../../errors.js';
import * as torch from '../../functions.js';
import { Parameter } from '../../parameter.js';
import type { Tensor } from '../../tensor.js';
import { uniform_ } from '../init.js';
import { Module } from '../module.js';
import type { LSTMState } from './recurrent.js';

export interface CellOptions {
  /** Default true. */
  bias?: boolean;
}

/** What the cells share: one step, weights U(±1/√hiddenSize), a batch or a single vector. */
abstract class Cell extends Module {
  readonly weightIh: Parameter; // [gates · hiddenSize, inputSize]
  readonly weightHh: Parameter; // [gates · hiddenSize, hiddenSize]
  readonly biasIh: Parameter | null; // [gates · hiddenSize]
  readonly biasHh: Parameter | null; // [gates · hiddenSize]

  constructor(
    gates: number,
    readonly inputSize: number,
    readonly hiddenSize: number,
    { bias = true }: CellOptions,
  ) {
    super();
    this.weightIh = new Parameter(empty([gates * hiddenSize, inputSize]));
    this.weightHh = new Parameter(empty([gates * hiddenSize, hiddenSize]));
    this.biasIh = bias ? new Parameter(empty([gates * hiddenSize])) : null;
    this.biasHh = bias ? new Parameter(empty([gates * hiddenSize])) : null;
    this.resetParameters();
  }

  resetParameters(): void {
    const bound = this.hiddenSize > 0 ? 1 / Math.sqrt(this.hiddenSize) : 0;
    for (const parameter of this.parameters(false)) uniform_(parameter, -bound, bound);
  }

  /** Runs `step` on a batch; a single vector becomes a batch of one and comes back as a vector. */
  protected stepped(
    input: Tensor,
    given: Tensor[] | null,
    states: number,
    step: (input: Tensor, states: Tensor[]) => Tensor[],
  ): Tensor[] {
    const dim = input.dim();
    if (dim !== 1 && dim !== 2)
      throw new TorchError(
        'SHAPE_MISMATCH',
        `${this.constructor.name} expects 1 or 2 dimensions, got [${input.shape.join(', ')}]`,
      );
    const batch = dim === 2 ? input : input.unsqueeze(0);
    const before =
      given === null
        ? Array.from({ length: states }, () =>
            zeros([batch.size(0), this.hiddenSize], { dtype: input.dtype, device: input.device }),
          )
        : dim === 2
          ? given
          : given.map((state) => state.unsqueeze(0));
    const after = step(batch, before);
    return dim === 2 ? after : after.map((state) => state.squeeze(0));
  }

  override extraRepr(): string {
    return `${this.inputSize}, ${this.hiddenSize}${this.biasIh === null ? ', bias=False' : ''}`;
  }
}

/** One step of an Elman network: [batch, inputSize] and state [batch, hiddenSize] → new state. */
export class RNNCell extends Cell {
  readonly nonlinearity: 'tanh' | 'relu';
  constructor(inputSize: number, hiddenSize: number, options: CellOptions & { nonlinearity?: 'tanh' | 'relu' } = {}) {
    super(1, inputSize, hiddenSize, options);
    this.nonlinearity = options.nonlinearity ?? 'tanh';
    if (this.nonlinearity !== 'tanh' && this.nonlinearity !== 'relu')
      throw new TorchError(
        'ARGUMENT_TYPE',
        `nonlinearity must be 'tanh' or 'relu', got '${this.nonlinearity as string}'`,
      );
  }
  override forward(input: Tensor, hx: Tensor | null = null): Tensor {
    const cell = this.nonlinearity === 'tanh' ? torch.rnnTanhCell : torch.rnnReluCell;
    return this.stepped(input, hx && [hx], 1, (x, [h]) => [
      cell(x, h!, this.weightIh, this.weightHh, this.biasIh, this.biasHh),
    ])[0]!;
  }
  override extraRepr(): string {
    return `${super.extraRepr()}${this.nonlinearity === 'tanh' ? '' : `, nonlinearity=${this.nonlinearity}`}`;
  }
}

/** One step of a GRU: [batch, inputSize] and state [batch, hiddenSize] → new state. */
export class GRUCell extends Cell {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super(3, inputSize, hiddenSize, options);
  }
  override forward(input: Tensor, hx: Tensor | null = null): Tensor {
    return this.stepped(input, hx && [hx], 1, (x, [h]) => [
      torch.gruCell(x, h!, this.weightIh, this.weightHh, this.biasIh, this.biasHh),
    ])[0]!;
  }
}

/** One step of an LSTM: [batch, inputSize] and (h, c), each [batch, hiddenSize] → new (h, c). */
export class LSTMCell extends Cell {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super(4, inputSize, hiddenSize, options);
  }
  override forward(input: Tensor, hx: LSTMState | null = null): LSTMState {
    return this.stepped(input, hx, 2, (x, states) =>
      torch.lstmCell(x, states, this.weightIh, this.weightHh, this.biasIh, this.biasHh),
    ) as LSTMState;
  }
}
