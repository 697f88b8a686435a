import { full } from '../../creation.js';
import { TorchError } from '../../errors.js';
import * as torch from '../../functions.js';
import { Parameter } from '../../parameter.js';
import type { Tensor } from '../../tensor.js';
import { Module } from '../module.js';
import { floatText, numberText } from '../pythonText.js';

export interface InplaceOptions {
  /** Write the result over the input; default false. */
  inplace?: boolean;
}

const inplaceText = (inplace: boolean): string => (inplace ? ', inplace=True' : '');

/** x limited to [minVal, maxVal], by default [−1, 1]. */
export class Hardtanh extends Module {
  static override readonly keepsNoTensors = true;
  readonly inplace: boolean;
  constructor(
    readonly minVal = -1,
    readonly maxVal = 1,
    options: InplaceOptions = {},
  ) {
    super();
    if (!(maxVal > minVal))
      throw new TorchError('ARGUMENT_RANGE', `maxVal must exceed minVal, got ${minVal} to ${maxVal}`);
    this.inplace = options.inplace ?? false;
  }
  override forward(input: Tensor): Tensor {
    return this.inplace ? input.hardtanh_(this.minVal, this.maxVal) : torch.hardtanh(input, this.minVal, this.maxVal);
  }
  override extraRepr(): string {
    return `min_val=${floatText(this.minVal)}, max_val=${floatText(this.maxVal)}${inplaceText(this.inplace)}`;
  }
}

/** min(max(x, 0), 6). */
export class ReLU6 extends Hardtanh {
  static override readonly keepsNoTensors = true;
  constructor(options: InplaceOptions = {}) {
    super(0, 6, options);
  }
  override extraRepr(): string {
    return this.inplace ? 'inplace=True' : '';
  }
}

/** x where it exceeds `threshold`, `value` elsewhere. */
export class Threshold extends Module {
  static override readonly keepsNoTensors = true;
  readonly inplace: boolean;
  constructor(
    readonly threshold: number,
    readonly value: number,
    options: InplaceOptions = {},
  ) {
    super();
    this.inplace = options.inplace ?? false;
  }
  override forward(input: Tensor): Tensor {
    const { threshold, value } = this;
    return this.inplace ? input.threshold_(threshold, value) : torch.threshold(input, threshold, value);
  }
  override extraRepr(): string {
    return `threshold=${numberText(this.threshold)}, value=${numberText(this.value)}${inplaceText(this.inplace)}`;
  }
}

/** Leaky ReLU with slopes drawn from U(lower, upper) while training (default 1/8 to 1/3), their mean otherwise. */
export class RReLU extends Module {
  static override readonly keepsNoTensors = true;
  readonly inplace: boolean;
  constructor(
    readonly lower = 1 / 8,
    readonly upper = 1 / 3,
    options: InplaceOptions = {},
  ) {
    super();
    this.inplace = options.inplace ?? false;
  }
  override forward(input: Tensor): Tensor {
    const { lower, upper, training } = this;
    return this.inplace ? input.rrelu_(lower, upper, training) : torch.rrelu(input, lower, upper, training);
  }
  override extraRepr(): string {
    return `lower=${floatText(this.lower)}, upper=${floatText(this.upper)}${inplaceText(this.inplace)}`;
  }
}

/** x where positive, alpha · (eˣ − 1) elsewhere (alpha default 1). */
export class ELU extends Module {
  static override readonly keepsNoTensors = true;
  readonly inplace: boolean;
  constructor(
    readonly alpha = 1,
    options: InplaceOptions = {},
  ) {
    super();
    this.inplace = options.inplace ?? false;
  }
  override forward(input: Tensor): Tensor {
    return this.inplace ? input.elu_(this.alpha) : torch.elu(input, this.alpha);
  }
  override extraRepr(): string {
    return `alpha=${floatText(this.alpha)}${inplaceText(this.inplace)}`;
  }
}

/** x where positive, alpha · (e^(x / alpha) − 1) elsewhere (alpha default 1). */
export class CELU extends Module {
  static override readonly keepsNoTensors = true;
  readonly inplace: boolean;
  constructor(
    readonly alpha = 1,
    options: InplaceOptions = {},
  ) {
    super();
    this.inplace = options.inplace ?? false;
  }
  override forward(input: Tensor): Tensor {
    return this.inplace ? input.celu_(this.alpha) : torch.celu(input, this.alpha);
  }
  override extraRepr(): string {
    return `alpha=${floatText(this.alpha)}${inplaceText(this.inplace)}`;
  }
}

/** The scaled ELU that keeps mean 0 and variance 1 (Klambauer et al. 2017). */
export class SELU extends Module {
  static override readonly keepsNoTensors = true;
  readonly inplace: boolean;
  constructor(options: InplaceOptions = {}) {
    super();
    this.inplace = options.inplace ?? false;
  }
  override forward(input: Tensor): Tensor {
    return this.inplace ? input.selu_() : torch.selu(input);
  }
  override extraRepr(): string {
    return this.inplace ? 'inplace=True' : '';
  }
}

export interface PReLUOptions {
  /** Slopes: one for all (default), or one for each channel. */
  numParameters?: number;
  /** What the slopes start with; default 0.25. */
  init?: number;
}

/** x where positive, a learned slope times x elsewhere: [batch, channels, …]. */
export class PReLU extends Module {
  static override readonly keepsNoTensors = true;
  readonly weight: Parameter; // [numParameters]
  readonly numParameters: number;
  constructor({ numParameters = 1, init = 0.25 }: PReLUOptions = {}) {
    super();
    this.numParameters = numParameters;
    this.weight = new Parameter(full([numParameters], init, { dtype: 'float32' }));
  }
  override forward(input: Tensor): Tensor {
    return torch.prelu(input, this.weight);
  }
  override extraRepr(): string {
    return `num_parameters=${this.numParameters}`;
  }
}

/** 0 below −3, 1 above 3, x / 6 + 1/2 between. */
export class Hardsigmoid extends Module {
  static override readonly keepsNoTensors = true;
  readonly inplace: boolean;
  constructor(options: InplaceOptions = {}) {
    super();
    this.inplace = options.inplace ?? false;
  }
  override forward(input: Tensor): Tensor {
    return this.inplace ? input.hardsigmoid_() : torch.hardsigmoid(input);
  }
}

/** x times its hard sigmoid. */
export class Hardswish extends Module {
  static override readonly keepsNoTensors = true;
  readonly inplace: boolean;
  constructor(options: InplaceOptions = {}) {
    super();
    this.inplace = options.inplace ?? false;
  }
  override forward(input: Tensor): Tensor {
    return this.inplace ? input.hardswish_() : torch.hardswish(input);
  }
}
