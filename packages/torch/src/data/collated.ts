import type { TypedArray } from '../dtype.js';
import type { Tensor } from '../tensor.js';

/** Typed arrays that become tensors; `Buffer` stands for bytes and stays as it is. */
export type NumericArray = TypedArray | Uint8ClampedArray;

/** What `defaultCollate` makes of samples of type T. */
export type Collated<T> = T extends Tensor | number | boolean | bigint
  ? Tensor
  : T extends string | Buffer | ArrayBuffer
    ? T[]
    : T extends NumericArray
      ? Tensor
      : T extends Map<infer K, infer V>
        ? Map<K, Collated<V>>
        : T extends readonly unknown[] | object
          ? { -readonly [K in keyof T]: Collated<T[K]> }
          : unknown;

/** What `defaultConvert` makes of a value of type T. */
export type Converted<T> = T extends Tensor | Buffer | ArrayBuffer
  ? T
  : T extends NumericArray
    ? Tensor
    : T extends Map<infer K, infer V>
      ? Map<K, Converted<V>>
      : T extends readonly unknown[] | object
        ? { -readonly [K in keyof T]: Converted<T[K]> }
        : T;
