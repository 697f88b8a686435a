import { TorchError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import type { Constraint } from './constraints.js';
import * as constraints from './constraints.js';
import { type ParameterLike, sumRightmost } from './parameters.js';

/** An invertible function of random variables, with the logarithm of how much it stretches space. */
export abstract class Transform {
  /** Where it takes values from, and where to. */
  abstract readonly domain: Constraint;
  abstract readonly codomain: Constraint;
  /** Whether every value of the codomain comes from exactly one of the domain. */
  readonly isBijective: boolean = true;

  abstract forward(x: Tensor): Tensor;
  abstract inverse(y: Tensor): Tensor;
  /** log |dy / dx|, summed over the dimensions of one event; y is `forward(x)`. */
  abstract logAbsDetJacobian(x: Tensor, y: Tensor): Tensor;
  /** Whether it computes the same as another. */
  abstract equals(other: Transform): boolean;

  /** 1 where it grows with its argument, -1 where it falls. */
  get sign(): ParameterLike {
    throw new TorchError('DISTRIBUTION_UNSUPPORTED', `${this.constructor.name} neither grows nor falls throughout`);
  }
  /** The transform that undoes this one. */
  get inv(): Transform {
    return new InverseTransform(this);
  }
  forwardShape(shape: readonly number[]): number[] {
    return [...shape];
  }
  inverseShape(shape: readonly number[]): number[] {
    return [...shape];
  }
}

class InverseTransform extends Transform {
  constructor(private readonly original: Transform) {
    super();
  }
  override get domain() {
    return this.original.codomain;
  }
  override get codomain() {
    return this.original.domain;
  }
  override get sign() {
    return this.original.sign;
  }
  override get inv() {
    return this.original;
  }
  forward(x: Tensor): Tensor {
    return this.original.inverse(x);
  }
  inverse(y: Tensor): Tensor {
    return this.original.forward(y);
  }
  logAbsDetJacobian(x: Tensor, y: Tensor): Tensor {
    return this.original.logAbsDetJacobian(y, x).neg();
  }
  equals(other: Transform): boolean {
    return other instanceof InverseTransform && this.original.equals(other.original);
  }
  override forwardShape(shape: readonly number[]): number[] {
    return this.original.inverseShape(shape);
  }
  override inverseShape(shape: readonly number[]): number[] {
    return this.original.forwardShape(shape);
  }
}

/** Several transforms, the first applied first. */
export class ComposeTransform extends Transform {
  override readonly isBijective: boolean;

  constructor(readonly parts: readonly Transform[]) {
    super();
    this.isBijective = parts.every((part) => part.isBijective);
  }
  override get domain(): Constraint {
    const [first] = this.parts;
    if (first === undefined) return constraints.real;
    let dims = (this.parts.at(-1) as Transform).codomain.eventDim;
    for (const part of [...this.parts].reverse())
      dims = Math.max(dims + part.domain.eventDim - part.codomain.eventDim, part.domain.eventDim);
    const extra = dims - first.domain.eventDim;
    return extra > 0 ? constraints.independent(first.domain, extra) : first.domain;
  }
  override get codomain(): Constraint {
    const last = this.parts.at(-1);
    if (last === undefined) return constraints.real;
    let dims = (this.parts[0] as Transform).domain.eventDim;
    for (const part of this.parts)
      dims = Math.max(dims + part.codomain.eventDim - part.domain.eventDim, part.codomain.eventDim);
    const extra = dims - last.codomain.eventDim;
    return extra > 0 ? constraints.independent(last.codomain, extra) : last.codomain;
  }
  override get sign(): ParameterLike {
    return this.parts.map((part) => part.sign).reduce(timesSign, 1);
  }
  forward(x: Tensor): Tensor {
    return this.parts.reduce((value, part) => part.forward(value), x);
  }
  inverse(y: Tensor): Tensor {
    return this.parts.reduceRight((value, part) => part.inverse(value), y);
  }
  logAbsDetJacobian(x: Tensor, y: Tensor): Tensor {
    if (this.parts.length === 0) return x.zerosLike();
    let dims = this.domain.eventDim;
    let value = x;
    let total: Tensor | null = null;
    this.parts.forEach((part, i) => {
      const next = i === this.parts.length - 1 ? y : part.forward(value);
      const term = sumRightmost(part.logAbsDetJacobian(value, next), dims - part.domain.eventDim);
      total = total === null ? term : total.add(term);
      dims += part.codomain.eventDim - part.domain.eventDim;
      value = next;
    });
    return total as unknown as Tensor;
  }
  equals(other: Transform): boolean {
    if (!(other instanceof ComposeTransform) || other.parts.length !== this.parts.length) return false;
    return this.parts.every((part, i) => part.equals(other.parts[i] as Transform));
  }
  override forwardShape(shape: readonly number[]): number[] {
    return this.parts.reduce((sizes, part) => part.forwardShape(sizes), [...shape]);
  }
  override inverseShape(shape: readonly number[]): number[] {
    return this.parts.reduceRight((sizes, part) => part.inverseShape(sizes), [...shape]);
  }
}

export function timesSign(a: ParameterLike, b: ParameterLike): ParameterLike {
  if (typeof a === 'number') return typeof b === 'number' ? a * b : a === 1 ? b : b.mul(a);
  return a.mul(b as number);
}

/** A transform whose last `dims` dimensions more belong to one event. */
export class IndependentTransform extends Transform {
  override readonly isBijective: boolean;
  constructor(
    readonly base: Transform,
    readonly dims: number,
  ) {
    super();
    this.isBijective = base.isBijective;
  }
  override get domain(): Constraint {
    return constraints.independent(this.base.domain, this.dims);
  }
  override get codomain(): Constraint {
    return constraints.independent(this.base.codomain, this.dims);
  }
  override get sign() {
    return this.base.sign;
  }
  forward(x: Tensor): Tensor {
    return this.base.forward(x);
  }
  inverse(y: Tensor): Tensor {
    return this.base.inverse(y);
  }
  logAbsDetJacobian(x: Tensor, y: Tensor): Tensor {
    return sumRightmost(this.base.logAbsDetJacobian(x, y), this.dims);
  }
  equals(other: Transform): boolean {
    return other instanceof IndependentTransform && other.dims === this.dims && this.base.equals(other.base);
  }
  override forwardShape(shape: readonly number[]): number[] {
    return this.base.forwardShape(shape);
  }
  override inverseShape(shape: readonly number[]): number[] {
    return this.base.inverseShape(shape);
  }
}
