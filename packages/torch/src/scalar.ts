/** A complex number, as `item()` of a complex tensor gives it. */
export interface Complex {
  re: number;
  im: number;
}

/**
 * A single number for an operator. JavaScript has one number type, so a whole number counts as an integer; in
 * arithmetic with a tensor the tensor's dtype decides, as in PyTorch.
 */
export type Scalar = number | bigint | boolean | Complex;
