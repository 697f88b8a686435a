import { isTensor } from '../dispatch.js';
import { TorchError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import { finfo } from '../typeInfo.js';
import type { Constraint } from './constraints.js';
import * as constraints from './constraints.js';
import { broadcastAll, commonShape, type ParameterLike, sumRightmost } from './parameters.js';
import { Transform } from './transform.js';

/** e to the power of x. */
export class ExpTransform extends Transform {
  readonly domain = constraints.real;
  readonly codomain = constraints.positive;
  override get sign() {
    return 1;
  }
  forward(x: Tensor): Tensor {
    return x.exp();
  }
  inverse(y: Tensor): Tensor {
    return y.log();
  }
  logAbsDetJacobian(x: Tensor): Tensor {
    return x;
  }
  equals(other: Transform): boolean {
    return other instanceof ExpTransform;
  }
}

/** x to a fixed power. */
export class PowerTransform extends Transform {
  readonly domain = constraints.positive;
  readonly codomain = constraints.positive;
  readonly exponent: Tensor;
  constructor(exponent: ParameterLike) {
    super();
    [this.exponent] = broadcastAll('PowerTransform', exponent) as [Tensor];
  }
  override get sign() {
    return 1;
  }
  forward(x: Tensor): Tensor {
    return x.pow(this.exponent);
  }
  inverse(y: Tensor): Tensor {
    return y.pow(this.exponent.reciprocal());
  }
  logAbsDetJacobian(x: Tensor, y: Tensor): Tensor {
    return this.exponent.mul(y).div(x).abs().log();
  }
  equals(other: Transform): boolean {
    return other instanceof PowerTransform && areEqual(this.exponent, other.exponent);
  }
  override forwardShape(shape: readonly number[]): number[] {
    return broadcastWith(shape, this.exponent.shape);
  }
  override inverseShape(shape: readonly number[]): number[] {
    return broadcastWith(shape, this.exponent.shape);
  }
}

/** loc + scale · x. With `eventDim` above 0 the last dimensions of the parameters belong to one event. */
export class AffineTransform extends Transform {
  constructor(
    readonly loc: ParameterLike,
    readonly scale: ParameterLike,
    readonly eventDim: 0 | 1 | 2 = 0,
  ) {
    super();
  }
  override get domain(): Constraint {
    return this.eventDim === 0 ? constraints.real : constraints.independent(constraints.real, this.eventDim);
  }
  override get codomain(): Constraint {
    return this.domain;
  }
  override get sign(): ParameterLike {
    return typeof this.scale === 'number' ? Math.sign(this.scale) : this.scale.sign();
  }
  forward(x: Tensor): Tensor {
    return x.mul(this.scale as Tensor).add(this.loc as Tensor);
  }
  inverse(y: Tensor): Tensor {
    return y.sub(this.loc as Tensor).div(this.scale as Tensor);
  }
  logAbsDetJacobian(x: Tensor): Tensor {
    const { scale } = this;
    let result = typeof scale === 'number' ? x.fullLike(Math.log(Math.abs(scale))) : scale.abs().log();
    if (this.eventDim > 0) result = sumRightmost(result.expandAs(x), this.eventDim);
    return result.expand(x.shape.slice(0, x.dim() - this.eventDim));
  }
  equals(other: Transform): boolean {
    return other instanceof AffineTransform && areEqual(this.loc, other.loc) && areEqual(this.scale, other.scale);
  }
  override forwardShape(shape: readonly number[]): number[] {
    return [this.loc, this.scale].reduce<number[]>((sizes, value) => broadcastWith(sizes, shapeOf(value)), [...shape]);
  }
  override inverseShape(shape: readonly number[]): number[] {
    return this.forwardShape(shape);
  }
}

/** |x|; its inverse gives the positive of the two values. */
export class AbsTransform extends Transform {
  readonly domain = constraints.real;
  readonly codomain = constraints.positive;
  override readonly isBijective = false;
  forward(x: Tensor): Tensor {
    return x.abs();
  }
  inverse(y: Tensor): Tensor {
    return y;
  }
  logAbsDetJacobian(): Tensor {
    throw new TorchError('DISTRIBUTION_UNSUPPORTED', 'AbsTransform folds two values into one, so it has no Jacobian');
  }
  equals(other: Transform): boolean {
    return other instanceof AbsTransform;
  }
}

/** 1 / (1 + e^-x), kept away from 0 and 1. */
export class SigmoidTransform extends Transform {
  readonly domain = constraints.real;
  readonly codomain = constraints.unitInterval;
  override get sign() {
    return 1;
  }
  forward(x: Tensor): Tensor {
    const { tiny, eps } = finfo(x.dtype);
    return x.sigmoid().clamp(tiny, 1 - eps);
  }
  inverse(y: Tensor): Tensor {
    const { tiny, eps } = finfo(y.dtype);
    const inside = y.clamp(tiny, 1 - eps);
    return inside.log().sub(inside.neg().log1p());
  }
  logAbsDetJacobian(x: Tensor): Tensor {
    return x.neg().softplus().neg().sub(x.softplus());
  }
  equals(other: Transform): boolean {
    return other instanceof SigmoidTransform;
  }
}

/** log(1 + e^x). */
export class SoftplusTransform extends Transform {
  readonly domain = constraints.real;
  readonly codomain = constraints.positive;
  override get sign() {
    return 1;
  }
  forward(x: Tensor): Tensor {
    return x.softplus();
  }
  inverse(y: Tensor): Tensor {
    return y.neg().expm1().neg().log().add(y);
  }
  logAbsDetJacobian(x: Tensor): Tensor {
    return x.neg().softplus().neg();
  }
  equals(other: Transform): boolean {
    return other instanceof SoftplusTransform;
  }
}

/** The hyperbolic tangent. Its inverse is infinite at ±1, which `forward` gives for large x. */
export class TanhTransform extends Transform {
  readonly domain = constraints.real;
  readonly codomain: Constraint = constraints.interval(-1, 1);
  override get sign() {
    return 1;
  }
  forward(x: Tensor): Tensor {
    return x.tanh();
  }
  inverse(y: Tensor): Tensor {
    return y.atanh();
  }
  logAbsDetJacobian(x: Tensor): Tensor {
    // 2 (log 2 - x - softplus(-2x)): what log(1 - tanh² x) is, without its loss of digits
    return x.rsub(Math.log(2)).sub(x.mul(-2).softplus()).mul(2);
  }
  equals(other: Transform): boolean {
    return other instanceof TanhTransform;
  }
}

const shapeOf = (value: ParameterLike): number[] => (isTensor(value) ? value.shape : []);

function broadcastWith(a: readonly number[], b: readonly number[]): number[] {
  const shape = commonShape(a, b);
  if (shape !== null) return shape;
  throw new TorchError(
    'SHAPE_MISMATCH',
    `a transform with parameters of the shape [${b}] does not fit values of [${a}]`,
  );
}

function areEqual(a: ParameterLike, b: ParameterLike): boolean {
  if (typeof a === 'number' || typeof b === 'number') {
    if (typeof a === 'number' && typeof b === 'number') return a === b;
    const [number, tensor] = typeof a === 'number' ? [a, b as Tensor] : [b as number, a as Tensor];
    return Boolean(tensor.eq(number).all().item());
  }
  return Boolean(a.eq(b).all().item());
}
