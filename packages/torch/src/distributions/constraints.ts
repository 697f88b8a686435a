import { full } from '../creation.js';
import { fullLike, logicalAnd } from '../functions.js';
import type { Tensor } from '../tensor.js';

/** A bound of an interval: one number for all elements, or a tensor that broadcasts with the value. */
export type Bound = number | Tensor;

/**
 * A region that parameters and values must lie in. `check` tells for every event whether it does: a bool tensor of the
 * value's shape without the last `eventDim` dimensions.
 */
export interface Constraint {
  readonly name: string;
  /** Whether the region has whole numbers only. */
  readonly isDiscrete: boolean;
  /** How many dimensions at the end make up one event. */
  readonly eventDim: number;
  readonly lowerBound?: Bound;
  readonly upperBound?: Bound;
  check(value: Tensor): Tensor;
}

type Check = (value: Tensor) => Tensor;
const continuous = (name: string, check: Check, bounds: Partial<Constraint> = {}): Constraint => ({
  name,
  isDiscrete: false,
  eventDim: 0,
  ...bounds,
  check,
});
const discrete = (name: string, check: Check, bounds: Partial<Constraint> = {}): Constraint => ({
  name,
  isDiscrete: true,
  eventDim: 0,
  ...bounds,
  check,
});

const show = (bound: Bound): string => (typeof bound === 'number' ? String(bound) : `[${bound.shape.join(', ')}]`);
const and = (...checks: Tensor[]): Tensor => checks.reduce((left, right) => logicalAnd(left, right));
const isWhole = (value: Tensor): Tensor => value.remainder(1).eq(0);
const atLeast = (value: Tensor, bound: Bound): Tensor =>
  typeof bound === 'number' ? value.ge(bound) : value.ge(bound);
const above = (value: Tensor, bound: Bound): Tensor => (typeof bound === 'number' ? value.gt(bound) : value.gt(bound));
const atMost = (value: Tensor, bound: Bound): Tensor => (typeof bound === 'number' ? value.le(bound) : value.le(bound));
const below = (value: Tensor, bound: Bound): Tensor => (typeof bound === 'number' ? value.lt(bound) : value.lt(bound));

/** Any number but NaN. */
export const real: Constraint = continuous('real', (value) => value.eq(value));
export const boolean: Constraint = discrete('boolean', (value) => value.eq(0).logicalOr(value.eq(1)));
export const greaterThan = (lowerBound: Bound): Constraint =>
  continuous(`greaterThan(${show(lowerBound)})`, (value) => above(value, lowerBound), { lowerBound });
export const greaterThanEq = (lowerBound: Bound): Constraint =>
  continuous(`greaterThanEq(${show(lowerBound)})`, (value) => atLeast(value, lowerBound), { lowerBound });
export const lessThan = (upperBound: Bound): Constraint =>
  continuous(`lessThan(${show(upperBound)})`, (value) => below(value, upperBound), { upperBound });
/** Both bounds belong to it. */
export const interval = (lowerBound: Bound, upperBound: Bound): Constraint =>
  continuous(
    `interval(${show(lowerBound)}, ${show(upperBound)})`,
    (value) => and(atLeast(value, lowerBound), atMost(value, upperBound)),
    { lowerBound, upperBound },
  );
/** The lower bound belongs to it, the upper does not. */
export const halfOpenInterval = (lowerBound: Bound, upperBound: Bound): Constraint =>
  continuous(
    `halfOpenInterval(${show(lowerBound)}, ${show(upperBound)})`,
    (value) => and(atLeast(value, lowerBound), below(value, upperBound)),
    { lowerBound, upperBound },
  );
/** Whole numbers between the bounds, both included. */
export const integerInterval = (lowerBound: Bound, upperBound: Bound): Constraint =>
  discrete(
    `integerInterval(${show(lowerBound)}, ${show(upperBound)})`,
    (value) => and(isWhole(value), atLeast(value, lowerBound), atMost(value, upperBound)),
    { lowerBound, upperBound },
  );
const integersFrom = (name: string, lowerBound: number): Constraint =>
  discrete(name, (value) => and(isWhole(value), value.ge(lowerBound)), { lowerBound });

export const positive: Constraint = { ...greaterThan(0), name: 'positive' };
export const nonnegative: Constraint = { ...greaterThanEq(0), name: 'nonnegative' };
export const unitInterval: Constraint = { ...interval(0, 1), name: 'unitInterval' };
export const nonnegativeInteger: Constraint = integersFrom('nonnegativeInteger', 0);
export const positiveInteger: Constraint = integersFrom('positiveInteger', 1);

/** Probabilities along the last dimension: not negative, and 1 together. */
export const simplex: Constraint = continuous(
  'simplex',
  (value) => and(value.ge(0).all(-1), value.sum(-1).sub(1).abs().lt(1e-6)),
  { eventDim: 1 },
);
/** Exactly one 1 along the last dimension, and 0 elsewhere. */
export const oneHot: Constraint = discrete(
  'oneHot',
  (value) => and(boolean.check(value).all(-1), value.sum(-1).eq(1)),
  { eventDim: 1 },
);
/** Counts along the last dimension that are at most `upperBound` together. */
export const multinomial = (upperBound: number): Constraint =>
  discrete(`multinomial(${upperBound})`, (value) => and(value.ge(0).all(-1), value.sum(-1).le(upperBound)), {
    eventDim: 1,
    upperBound,
  });

/** `base`, with `dims` more dimensions at the end that belong to one event. */
export const independent = (base: Constraint, dims: number): Constraint => ({
  ...base,
  name: `independent(${base.name}, ${dims})`,
  eventDim: base.eventDim + dims,
  check: (value) => {
    const result = base.check(value);
    if (dims === 0) return result;
    const { shape } = result;
    return result.reshape([...shape.slice(0, Math.max(shape.length - dims, 0)), -1]).all(-1);
  },
});
export const realVector: Constraint = { ...independent(real, 1), name: 'realVector' };

const matrix = (name: string, check: Check): Constraint => continuous(name, check, { eventDim: 2 });
const isLower = (value: Tensor): Tensor => value.tril().eq(value).flatten(-2).all(-1);

export const square: Constraint = matrix('square', (value) => {
  const { shape } = value;
  return full(shape.slice(0, -2), shape.at(-1) === shape.at(-2), { dtype: 'bool', device: value.device });
});
export const lowerTriangular: Constraint = matrix('lowerTriangular', isLower);
/** Lower triangular with a positive diagonal. */
export const lowerCholesky: Constraint = matrix('lowerCholesky', (value) =>
  and(isLower(value), value.diagonal({ dim1: -2, dim2: -1 }).gt(0).all(-1)),
);
export const symmetric: Constraint = matrix('symmetric', (value) => {
  const isSquare = square.check(value);
  if (value.size(-1) !== value.size(-2)) return isSquare;
  return value.isclose(value.mT, { atol: 1e-6 }).all(-2).all(-1);
});
/** Symmetric, and with no negative eigenvalue. */
export const positiveSemidefinite: Constraint = matrix('positiveSemidefinite', (value) => {
  const isSymmetric = symmetric.check(value);
  return isSymmetric.all().item() ? value.linalgEigvalsh().ge(0).all(-1) : isSymmetric;
});
/** Symmetric, and with positive eigenvalues only. */
export const positiveDefinite: Constraint = matrix('positiveDefinite', (value) => {
  const isSymmetric = symmetric.check(value);
  return isSymmetric.all().item() ? value.linalgCholeskyEx().info.eq(0) : isSymmetric;
});

/** No region of its own: what is allowed depends on other parameters and is checked elsewhere. */
export const dependent: Constraint = continuous('dependent', (value) => fullLike(value, true, { dtype: 'bool' }));
