import { TorchError } from '../../errors.js';
import * as torch from '../../functions.js';
import type { Tensor } from '../../tensor.js';
import { logSoftmax, softmax } from '../functional/activation.js';
import { Module } from '../module.js';
import { floatText } from '../pythonText.js';

/** max(x, 0), element by element. */
export class ReLU extends Module {
  static override readonly keepsNoTensors = true;
  readonly inplace: boolean;
  constructor(options: { inplace?: boolean } = {}) {
    super();
    this.inplace = options.inplace ?? false;
  }
  override forward(input: Tensor): Tensor {
    return this.inplace ? input.relu_() : torch.relu(input);
  }
  override extraRepr(): string {
    return this.inplace ? 'inplace=True' : '';
  }
}

/** x · Φ(x), exact or by tanh (Hendrycks and Gimpel 2016). */
export class GELU extends Module {
  static override readonly keepsNoTensors = true;
  readonly approximate: 'none' | 'tanh';
  constructor(options: { approximate?: 'none' | 'tanh' } = {}) {
    super();
    this.approximate = options.approximate ?? 'none';
  }
  override forward(input: Tensor): Tensor {
    return torch.gelu(input, { approximate: this.approximate });
  }
  override extraRepr(): string {
    return `approximate='${this.approximate}'`;
  }
}

/** x · sigmoid(x). */
export class SiLU extends Module {
  static override readonly keepsNoTensors = true;
  readonly inplace: boolean;
  constructor(options: { inplace?: boolean } = {}) {
    super();
    this.inplace = options.inplace ?? false;
  }
  override forward(input: Tensor): Tensor {
    return this.inplace ? input.silu_() : torch.silu(input);
  }
  override extraRepr(): string {
    return this.inplace ? 'inplace=True' : '';
  }
}

/** x where positive, negativeSlope · x elsewhere (default 0.01). */
export class LeakyReLU extends Module {
  static override readonly keepsNoTensors = true;
  readonly inplace: boolean;
  constructor(
    readonly negativeSlope = 0.01,
    options: { inplace?: boolean } = {},
  ) {
    super();
    this.inplace = options.inplace ?? false;
  }
  override forward(input: Tensor): Tensor {
    return this.inplace ? input.leakyRelu_(this.negativeSlope) : torch.leakyRelu(input, this.negativeSlope);
  }
  override extraRepr(): string {
    return `negative_slope=${floatText(this.negativeSlope)}${this.inplace ? ', inplace=True' : ''}`;
  }
}

export class Sigmoid extends Module {
  static override readonly keepsNoTensors = true;
  override forward(input: Tensor): Tensor {
    return torch.sigmoid(input);
  }
}

export class Tanh extends Module {
  static override readonly keepsNoTensors = true;
  override forward(input: Tensor): Tensor {
    return torch.tanh(input);
  }
}

/** Probabilities along `dim`. */
export class Softmax extends Module {
  static override readonly keepsNoTensors = true;
  constructor(readonly dimension: number) {
    super();
  }
  override forward(input: Tensor): Tensor {
    return softmax(input, this.dimension);
  }
  override extraRepr(): string {
    return `dim=${this.dimension}`;
  }
}

/** Log-probabilities along `dim`. */
export class LogSoftmax extends Module {
  static override readonly keepsNoTensors = true;
  constructor(readonly dimension: number) {
    super();
  }
  override forward(input: Tensor): Tensor {
    return logSoftmax(input, this.dimension);
  }
  override extraRepr(): string {
    return `dim=${this.dimension}`;
  }
}

/** Probabilities over the channels of each position: [batch, channels, height, width]. */
export class Softmax2d extends Module {
  static override readonly keepsNoTensors = true;
  override forward(input: Tensor): Tensor {
    if (input.dim() !== 3 && input.dim() !== 4)
      throw new TorchError('SHAPE_MISMATCH', `Softmax2d expects 3 or 4 dimensions, got [${input.shape.join(', ')}]`);
    return softmax(input, -3);
  }
}
