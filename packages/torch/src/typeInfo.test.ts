import { describe, expect, it } from 'vitest';
import { torchErrorOf } from '../test/encodedTensor.js';
import { finfo, iinfo } from './index.js';

describe('finfo', () => {
  it('gives the limits of every floating point dtype, for complex ones those of their parts', () => {
    expect(finfo('float32')).toEqual({
      dtype: 'float32',
      bits: 32,
      eps: 1.1920928955078125e-7,
      max: 3.4028234663852886e38,
      min: -3.4028234663852886e38,
      tiny: 1.1754943508222875e-38,
      smallestNormal: 1.1754943508222875e-38,
      resolution: 1e-6,
    });
    expect(finfo('float64')).toMatchObject({
      eps: Number.EPSILON,
      max: Number.MAX_VALUE,
      tiny: 2.2250738585072014e-308,
    });
    expect(finfo('float16')).toMatchObject({ eps: 0.0009765625, max: 65504, tiny: 6.103515625e-5, resolution: 1e-3 });
    expect(finfo('bfloat16')).toMatchObject({ eps: 0.0078125, max: 3.3895313892515355e38, resolution: 0.01 });
    expect(finfo('complex64')).toEqual(finfo('float32'));
  });

  it('is not for integers', () => {
    expect(torchErrorOf(() => finfo('int64')).message).toMatch(/use iinfo/);
  });
});

describe('iinfo', () => {
  it('gives the limits of integers, exactly', () => {
    expect(iinfo('int8')).toEqual({ dtype: 'int8', bits: 8, min: -128, max: 127 });
    expect(iinfo('uint8')).toMatchObject({ min: 0, max: 255 });
    expect(iinfo('int32')).toMatchObject({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    expect(iinfo('int64')).toMatchObject({ bits: 64, min: -(2n ** 63n), max: 2n ** 63n - 1n });
    expect(torchErrorOf(() => iinfo('bool')).code).toBe('ARGUMENT_TYPE');
  });
});
