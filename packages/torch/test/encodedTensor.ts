import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import * as torch from '../src/index.js';

/** A tensor as fixtures/encode.py writes it. */
export interface EncodedTensor {
  dtype: torch.DType;
  shape: number[];
  base64: string;
}

/** What fixtures/encode.py makes of an argument or result. */
export type EncodedValue =
  | null
  | boolean
  | number
  | string
  | EncodedValue[]
  | { $tensor: EncodedTensor }
  | { $float: 'nan' | 'inf' | '-inf' }
  | { $complex: [number, number] };

/** A JSON file under test/fixtures/. */
export const readFixture = <T>(path: string): T =>
  JSON.parse(readFileSync(new URL(`fixtures/${path}`, import.meta.url), 'utf8')) as T;

export const decodeTensor = ({ dtype, shape, base64 }: EncodedTensor): torch.Tensor =>
  torch.fromBuffer(Buffer.from(base64, 'base64'), dtype, { shape });

const floats = { nan: Number.NaN, inf: Number.POSITIVE_INFINITY, '-inf': Number.NEGATIVE_INFINITY };

export function decodeValue(value: EncodedValue): unknown {
  if (Array.isArray(value)) return value.map(decodeValue);
  if (typeof value !== 'object' || value === null) return value;
  if ('$tensor' in value) return decodeTensor(value.$tensor);
  if ('$float' in value) return floats[value.$float];
  return { re: value.$complex[0], im: value.$complex[1] };
}

const bytesOf = (tensor: torch.Tensor): string =>
  Buffer.from(
    torch.storageBytes(tensor.detach().resolveConj().resolveNeg().clone({ memoryFormat: 'contiguous_format' })),
  ).toString('base64');

/** Dtype, shape and every bit equal; shows the numbers when they are not. */
export function expectSameBits(actual: torch.Tensor, expected: EncodedTensor): void {
  expect({ dtype: actual.dtype, shape: actual.shape }).toEqual({ dtype: expected.dtype, shape: expected.shape });
  if (actual.numel() === 0 || bytesOf(actual) === expected.base64) return;
  expect(actual.tolist({ bigint: true })).toEqual(decodeTensor(expected).tolist({ bigint: true }));
  expect(bytesOf(actual)).toBe(expected.base64);
}

/** The error that `fn` throws; fails when it throws none, or one that is not a TorchError. */
export function torchErrorOf(fn: () => unknown): torch.TorchError {
  let result: unknown;
  try {
    result = fn();
  } catch (error) {
    expect(error).toBeInstanceOf(torch.TorchError);
    return error as torch.TorchError;
  }
  throw new Error(`expected a TorchError, got ${String(result)}`);
}
