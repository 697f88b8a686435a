/** What a known Python name stands for while a pickle is read. Nothing outside such a table is ever built. */
export interface KnownGlobal {
  /** The name itself is a value, such as `torch.float32`. */
  value?: unknown;
  /** Called by the stream as a function or a class; gets the positional arguments. */
  call?: (args: unknown[], context: PickleContext) => unknown;
}

/** What a {@link KnownGlobal} may use. */
export interface PickleContext {
  /** The error to throw when the arguments do not fit. */
  corrupt(message: string): Error;
  /** Counts elements or bytes about to be copied, so that a short stream cannot fill the memory. */
  charge(amount: number): void;
  /** Builds what a name stands for, as the stream would by calling it. */
  call(callee: unknown, args: unknown[]): unknown;
  /** Has `check` run once the elements of all tensors are there; it throws when they do not fit together. */
  defer(check: () => void): void;
}

/** Implemented by values of ours that a stream fills in after making them (Python's `__setstate__`). */
export const setPickleState: unique symbol = Symbol('setPickleState');

export interface TakesPickleState {
  [setPickleState](state: unknown, context: PickleContext): void;
}

export function takesPickleState(value: unknown): value is TakesPickleState {
  return typeof value === 'object' && value !== null && setPickleState in value;
}
