import * as torch from '../../functions.js';
import type { Tensor } from '../../tensor.js';
import { hardshrink, softmin, softshrink, softsign, tanhshrink } from '../functional/activation.js';
import { Module } from '../module.js';
import { floatText, numberText } from '../pythonText.js';

/** log(sigmoid(x)). */
export class LogSigmoid extends Module {
  static override readonly keepsNoTensors = true;
  override forward(input: Tensor): Tensor {
    return torch.logSigmoid(input);
  }
}

/** log(1 + e^(beta · x)) / beta; x itself where beta · x exceeds `threshold` (default 20). */
export class Softplus extends Module {
  static override readonly keepsNoTensors = true;
  constructor(
    readonly beta = 1,
    readonly threshold = 20,
  ) {
    super();
  }
  override forward(input: Tensor): Tensor {
    return torch.softplus(input, this.beta, this.threshold);
  }
  override extraRepr(): string {
    return `beta=${numberText(this.beta)}, threshold=${numberText(this.threshold)}`;
  }
}

/** x / (1 + |x|). */
export class Softsign extends Module {
  static override readonly keepsNoTensors = true;
  override forward(input: Tensor): Tensor {
    return softsign(input);
  }
}

/** x − tanh(x). */
export class Tanhshrink extends Module {
  static override readonly keepsNoTensors = true;
  override forward(input: Tensor): Tensor {
    return tanhshrink(input);
  }
}

/** x moved towards 0 by lambd (default 0.5), 0 where |x| ≤ lambd. */
export class Softshrink extends Module {
  static override readonly keepsNoTensors = true;
  constructor(readonly lambd = 0.5) {
    super();
  }
  override forward(input: Tensor): Tensor {
    return softshrink(input, this.lambd);
  }
  override extraRepr(): string {
    return floatText(this.lambd);
  }
}

/** x where |x| > lambd (default 0.5), 0 elsewhere. */
export class Hardshrink extends Module {
  static override readonly keepsNoTensors = true;
  constructor(readonly lambd = 0.5) {
    super();
  }
  override forward(input: Tensor): Tensor {
    return hardshrink(input, this.lambd);
  }
  override extraRepr(): string {
    return floatText(this.lambd);
  }
}

/** x · tanh(softplus(x)) (Misra 2019). */
export class Mish extends Module {
  static override readonly keepsNoTensors = true;
  readonly inplace: boolean;
  constructor(options: { inplace?: boolean } = {}) {
    super();
    this.inplace = options.inplace ?? false;
  }
  override forward(input: Tensor): Tensor {
    return this.inplace ? input.mish_() : torch.mish(input);
  }
  override extraRepr(): string {
    return this.inplace ? 'inplace=True' : '';
  }
}

/** The first half along `dimension` times the sigmoid of the second half: [..., 2n, ...] → [..., n, ...]. */
export class GLU extends Module {
  static override readonly keepsNoTensors = true;
  constructor(readonly dimension = -1) {
    super();
  }
  override forward(input: Tensor): Tensor {
    return torch.glu(input, this.dimension);
  }
  override extraRepr(): string {
    return `dim=${this.dimension}`;
  }
}

/** Probabilities along `dimension` that are largest for the smallest values. */
export class Softmin extends Module {
  static override readonly keepsNoTensors = true;
  constructor(readonly dimension: number) {
    super();
  }
  override forward(input: Tensor): Tensor {
    return softmin(input, this.dimension);
  }
  override extraRepr(): string {
    return `dim=${this.dimension}`;
  }
}
