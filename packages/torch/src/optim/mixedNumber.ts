/**
 * A number as the line search of torch.optim has it: a Python float, or a tensor of one element, whose arithmetic
 * rounds to the tensor's precision. Where both meet, the result is a tensor.
 */
export interface MixedNumber {
  readonly value: number;
  readonly isTensor: boolean;
}

export const float = (value: number): MixedNumber => ({ value, isTensor: false });
export const scalar = (value: number): MixedNumber => ({ value, isTensor: true });

/** Arithmetic with tensors that round by `round`: `Math.fround` for float32, nothing for float64. */
export class MixedArithmetic {
  constructor(readonly round: (value: number) => number) {}

  private combine(a: MixedNumber, b: MixedNumber, operation: (a: number, b: number) => number): MixedNumber {
    if (!a.isTensor && !b.isTensor) return float(operation(a.value, b.value));
    return scalar(this.round(operation(this.round(a.value), this.round(b.value))));
  }

  add(a: MixedNumber, b: MixedNumber): MixedNumber {
    return this.combine(a, b, (x, y) => x + y);
  }

  sub(a: MixedNumber, b: MixedNumber): MixedNumber {
    return this.combine(a, b, (x, y) => x - y);
  }

  mul(a: MixedNumber, b: MixedNumber): MixedNumber {
    return this.combine(a, b, (x, y) => x * y);
  }

  div(a: MixedNumber, b: MixedNumber): MixedNumber {
    // A float over a tensor is the tensor's reciprocal times the float, with a rounding in between.
    if (b.isTensor && !a.isTensor) return this.mul(scalar(this.round(1 / b.value)), a);
    return this.combine(a, b, (x, y) => x / y);
  }

  sqrt(a: MixedNumber): MixedNumber {
    return scalar(this.round(Math.sqrt(a.value)));
  }

  abs(a: MixedNumber): MixedNumber {
    return { ...a, value: Math.abs(a.value) };
  }

  private pair(a: MixedNumber, b: MixedNumber): [number, number] {
    return a.isTensor || b.isTensor ? [this.round(a.value), this.round(b.value)] : [a.value, b.value];
  }

  less(a: MixedNumber, b: MixedNumber): boolean {
    const [x, y] = this.pair(a, b);
    return x < y;
  }

  atMost(a: MixedNumber, b: MixedNumber): boolean {
    const [x, y] = this.pair(a, b);
    return x <= y;
  }

  /** The smaller one; the first when they are equal. */
  min(a: MixedNumber, b: MixedNumber): MixedNumber {
    return this.less(b, a) ? b : a;
  }

  max(a: MixedNumber, b: MixedNumber): MixedNumber {
    return this.less(a, b) ? b : a;
  }
}
