/** How values of several ranks become one. Bitwise ones are for integers and bools; AVG cuts integers towards zero. */
export const ReduceOp = {
  SUM: 'sum',
  AVG: 'avg',
  PRODUCT: 'product',
  MIN: 'min',
  MAX: 'max',
  BAND: 'band',
  BOR: 'bor',
  BXOR: 'bxor',
} as const;
export type ReduceOp = (typeof ReduceOp)[keyof typeof ReduceOp];

/** In the order of c10d's own enumeration. */
export const reduceOps: readonly ReduceOp[] = ['sum', 'avg', 'product', 'min', 'max', 'band', 'bor', 'bxor'];
