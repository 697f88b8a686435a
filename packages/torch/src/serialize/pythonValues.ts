/** A Python tuple. An array in every other respect; make one with `Tuple.of(...)` or `Tuple.from(...)`. */
export class Tuple<T = unknown> extends Array<T> {}

/** A `torch.Size`: a tuple of the lengths of a tensor's dimensions. */
export class Size extends Tuple<number> {}

/** A Python `OrderedDict`, the type of a state dict. */
export class OrderedDict<K = string, V = unknown> extends Map<K, V> {
  /** What Python hung on the object, such as the `_metadata` of a state dict; written back as it came. */
  attributes?: Record<string, unknown>;
}

/** A Python `frozenset`. */
export class FrozenSet<T = unknown> extends Set<T> {}

/** Writes a Python float where a bare `1` would become an int. */
export class PyFloat {
  constructor(readonly value: number) {}

  valueOf(): number {
    return this.value;
  }
}

/** A Python `complex`. */
export class PyComplex {
  constructor(
    readonly re: number,
    readonly im: number,
  ) {}
}

/** A `torch.dtype` kept as a value, such as `torch.float32`; `dtype` is its name without `torch.`. */
export class PyDType {
  constructor(readonly dtype: string) {}

  toString(): string {
    return this.dtype;
  }
}

/** A `torch.layout` kept as a value, such as `torch.sparse_coo`; `layout` is its name without `torch.`. */
export class PyLayout {
  constructor(readonly layout: string) {}

  toString(): string {
    return this.layout;
  }
}

/** An `argparse.Namespace`: its attributes are the object's own fields. */
export class Namespace {
  [name: string]: unknown;
}

/** How a {@link PickledObject} came about: a bare name, a call, or `cls.__new__` without or with keywords. */
export type PickledKind = 'global' | 'call' | 'new' | 'newWithKeywords';

/**
 * A Python object of a class that has no counterpart here: nothing of it was run. It can be looked into, and written
 * back as it came.
 */
export class PickledObject {
  /** Keyword arguments of `__new__`, for the kind `newWithKeywords`. */
  keywords: unknown = null;
  /** What Python would hand to `__setstate__`; undefined when the stream gave none. */
  state: unknown = undefined;
  /** What Python would append to the object. */
  items: unknown[] = [];
  /** What Python would set as keys and values on the object. */
  entries: [unknown, unknown][] = [];
  /** What was called when it was not simply `module.name`, else null. */
  callee: PickledObject | null = null;

  constructor(
    readonly module: string,
    readonly name: string,
    readonly kind: PickledKind = 'global',
    readonly args: unknown[] = [],
  ) {}

  toString(): string {
    return this.kind === 'global' ? `<${this.module}.${this.name}>` : `<${this.module}.${this.name} object>`;
  }
}
