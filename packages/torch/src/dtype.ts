/** The element types a tensor can have. */
export const dtypes = [
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int64',
  'int32',
  'int16',
  'int8',
  'uint8',
  'bool',
  'complex64',
  'complex128',
] as const;

/** Element type by name, as `torch.float32` and the like in Python. */
export type DType = (typeof dtypes)[number];

export type Layout = 'strided' | 'sparse_coo' | 'sparse_csr';
export type MemoryFormat = 'contiguous_format' | 'preserve_format' | 'channels_last' | 'channels_last_3d';

const dtypeSet = new Set<string>(dtypes);

export const isDType = (value: unknown): value is DType => typeof value === 'string' && dtypeSet.has(value);
export const isFloatingPoint = (dtype: DType): boolean =>
  dtype === 'float32' || dtype === 'float64' || dtype === 'float16' || dtype === 'bfloat16';
export const isComplex = (dtype: DType): boolean => dtype === 'complex64' || dtype === 'complex128';

/** The typed array that holds one dtype's elements bit for bit; 16-bit floats and complex numbers have none. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | Uint16Array;
