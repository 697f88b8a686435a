import { empty } from '../../creation.js';
import { bilinear, linear } from '../../functions.js';
import { Parameter } from '../../parameter.js';
import type { Tensor } from '../../tensor.js';
import { calculateFans, kaimingUniform_, uniform_ } from '../init.js';
import { Module } from '../module.js';
import { boolText } from '../pythonText.js';

/** y = x Wᵀ + b for the last dimension: [..., inFeatures] → [..., outFeatures]. Weights U(±1/√inFeatures). */
export class Linear extends Module {
  static override readonly keepsNoTensors = true;
  readonly weight: Parameter; // [outFeatures, inFeatures]
  readonly bias: Parameter | null; // [outFeatures]

  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
    options: { bias?: boolean } = {},
  ) {
    super();
    this.weight = new Parameter(empty([outFeatures, inFeatures]));
    this.bias = (options.bias ?? true) ? new Parameter(empty([outFeatures])) : null;
    this.resetParameters();
  }

  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias !== null) {
      const { fanIn } = calculateFans(this.weight);
      const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
      uniform_(this.bias, -bound, bound);
    }
  }

  override forward(input: Tensor): Tensor {
    return linear(input, this.weight, this.bias);
  }

  override extraRepr(): string {
    return `in_features=${this.inFeatures}, out_features=${this.outFeatures}, bias=${this.bias === null ? 'False' : 'True'}`;
  }
}

/** Returns what it gets. */
export class Identity extends Module {
  static override readonly keepsNoTensors = true;
  override forward<T>(input: T): T {
    return input;
  }
}

/** y = x₁ᵀ W x₂ + b: [..., in1Features] and [..., in2Features] → [..., outFeatures]. Weights U(±1/√in1Features). */
export class Bilinear extends Module {
  static override readonly keepsNoTensors = true;
  readonly weight: Parameter; // [outFeatures, in1Features, in2Features]
  readonly bias: Parameter | null; // [outFeatures]

  constructor(
    readonly in1Features: number,
    readonly in2Features: number,
    readonly outFeatures: number,
    options: { bias?: boolean } = {},
  ) {
    super();
    this.weight = new Parameter(empty([outFeatures, in1Features, in2Features]));
    this.bias = (options.bias ?? true) ? new Parameter(empty([outFeatures])) : null;
    this.resetParameters();
  }

  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.in1Features);
    uniform_(this.weight, -bound, bound);
    if (this.bias !== null) uniform_(this.bias, -bound, bound);
  }

  override forward(input1: Tensor, input2: Tensor): Tensor {
    return bilinear(input1, input2, this.weight, this.bias);
  }

  override extraRepr(): string {
    return `in1_features=${this.in1Features}, in2_features=${this.in2Features}, out_features=${this.outFeatures}, bias=${boolText(this.bias !== null)}`;
  }
}
