import { type DType, isComplex, isFloatingPoint } from './dtype.js';
import { TorchError } from './errors.js';

/** Limits of a floating point dtype. */
export interface FloatInfo {
  readonly dtype: DType;
  readonly bits: number;
  /** The difference between 1 and the next larger number. */
  readonly eps: number;
  readonly max: number;
  readonly min: number;
  /** The smallest positive number that keeps all digits; also called `smallestNormal`. */
  readonly tiny: number;
  readonly smallestNormal: number;
  /** Decimal digits that are always kept. */
  readonly resolution: number;
}

/** Limits of an integer dtype; bigint where a number would be rounded. */
export interface IntegerInfo {
  readonly dtype: DType;
  readonly bits: number;
  readonly max: number | bigint;
  readonly min: number | bigint;
}

/** Bits of the fraction and of the exponent. */
const floats: Partial<Record<DType, [bits: number, fraction: number, exponent: number, digits: number]>> = {
  float16: [16, 10, 5, 3],
  bfloat16: [16, 7, 8, 2],
  float32: [32, 23, 8, 6],
  float64: [64, 52, 11, 15],
};
const integers: Partial<Record<DType, [bits: number, isSigned: boolean]>> = {
  uint8: [8, false],
  int8: [8, true],
  int16: [16, true],
  int32: [32, true],
  int64: [64, true],
};

/** What a floating point dtype can hold; for a complex one, what its parts can. */
export function finfo(dtype: DType): FloatInfo {
  const real = isComplex(dtype) ? (dtype === 'complex64' ? 'float32' : 'float64') : dtype;
  const layout = floats[real];
  if (layout === undefined || !isFloatingPoint(real))
    throw new TorchError('ARGUMENT_TYPE', `finfo() is for floating point dtypes, and ${dtype} is none; use iinfo()`);
  const [bits, fraction, exponent, digits] = layout;
  const bias = 2 ** (exponent - 1) - 1;
  const max = (2 - 2 ** -fraction) * 2 ** bias;
  const tiny = 2 ** (1 - bias);
  const resolution = Number(`1e-${digits}`);
  return { dtype: real, bits, eps: 2 ** -fraction, max, min: -max, tiny, smallestNormal: tiny, resolution };
}

/** What an integer dtype can hold. */
export function iinfo(dtype: DType): IntegerInfo {
  const layout = integers[dtype];
  if (layout === undefined)
    throw new TorchError('ARGUMENT_TYPE', `iinfo() is for integer dtypes, and ${dtype} is none; use finfo()`);
  const [bits, isSigned] = layout;
  const max = 2n ** BigInt(isSigned ? bits - 1 : bits) - 1n;
  const min = isSigned ? -max - 1n : 0n;
  const fits = bits < 54;
  return { dtype, bits, max: fits ? Number(max) : max, min: fits ? Number(min) : min };
}
