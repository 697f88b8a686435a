import { type KnownGlobal, type PickleContext, setPickleState } from './knownGlobal.js';
import { narrow } from './pickleStream.js';
import { PickledObject, PyComplex, Tuple } from './pythonValues.js';

/** numpy's own limit is 64. */
const maxDimensions = 64;
const longestTypeName = 16;

/** A numpy array as it lies in a file. */
export class NumpyArray {
  constructor(
    /** numpy's code of the element type with its byte order, such as `<f4` or `|b1`; a record for structured types. */
    public dtype: string | PickledObject,
    public shape: number[],
    /** The elements' bytes, rows first; for the type `|O` a list of the elements. */
    public data: Uint8Array | unknown[],
    /** True when the first index runs fastest. */
    public fortranOrder = false,
  ) {}

  [setPickleState](state: unknown, context: PickleContext): void {
    const [, shape, type, fortranOrder, data] = Array.isArray(state) ? (state as unknown[]) : [];
    if (
      !Array.isArray(shape) ||
      shape.length > maxDimensions ||
      !shape.every((size) => Number.isSafeInteger(size) && size >= 0)
    ) {
      throw context.corrupt('a numpy array has no shape');
    }
    const bytes = typeof data === 'string' ? new Uint8Array(Buffer.from(data, 'latin1')) : data;
    if (typeof data === 'string') context.charge(data.length);
    if (!(bytes instanceof Uint8Array) && !Array.isArray(bytes)) throw context.corrupt('a numpy array has no data');
    if (!(type instanceof NumpyType) && !(type instanceof PickledObject)) {
      throw context.corrupt('a numpy array has no type');
    }
    const count = shape.reduce((product: number, size: number) => product * size, 1);
    const needed = type instanceof NumpyType ? count * (Array.isArray(bytes) ? 1 : type.itemSize) : bytes.length;
    if (needed !== bytes.length) {
      throw context.corrupt(`a numpy array of the shape [${shape}] has ${bytes.length} bytes, not ${needed}`);
    }
    this.dtype = type instanceof NumpyType ? type.code : type;
    this.shape = Array.from(shape as number[]);
    this.fortranOrder = fortranOrder === true;
    this.data = bytes;
  }
}

/** A numpy element type; its byte order comes as state after the call. */
class NumpyType {
  byteOrder = '|';

  constructor(readonly name: string) {}

  get code(): string {
    return this.byteOrder + this.name;
  }

  get itemSize(): number {
    return Number(this.name.slice(1)) * (this.name[0] === 'U' ? 4 : 1);
  }

  [setPickleState](state: unknown, context: PickleContext): void {
    const order: unknown = Array.isArray(state) ? state[1] : undefined;
    if (order !== '<' && order !== '>' && order !== '|' && order !== '=') {
      throw context.corrupt('a numpy type has no byte order');
    }
    this.byteOrder = order === '=' ? '<' : order;
  }
}

/** numpy's scalars become numbers, bigints, booleans or {@link PyComplex}; its arrays a {@link NumpyArray}. */
export const numpyGlobals: ReadonlyMap<string, KnownGlobal> = new Map<string, KnownGlobal>([
  ['numpy.dtype', { call: makeType }],
  ['numpy.core.multiarray.scalar', { call: makeScalar }],
  ['numpy._core.multiarray.scalar', { call: makeScalar }],
  ['numpy.core.multiarray._reconstruct', { call: () => new NumpyArray('|u1', [0], new Uint8Array(0)) }],
  ['numpy._core.multiarray._reconstruct', { call: () => new NumpyArray('|u1', [0], new Uint8Array(0)) }],
  ['numpy.core.numeric._frombuffer', { call: makeFromBuffer }],
  ['numpy._core.numeric._frombuffer', { call: makeFromBuffer }],
]);

/** Protocol 5's form of an array: `_frombuffer(bytes, type, shape, order)`. */
function makeFromBuffer([data, type, shape, order]: unknown[], context: PickleContext): NumpyArray {
  const array = new NumpyArray('|u1', [0], new Uint8Array(0));
  array[setPickleState]([1, shape, type, order === 'F', data], context);
  return array;
}

function makeType(args: unknown[], context: PickleContext): NumpyType | PickledObject {
  const [name] = args;
  if (typeof name !== 'string') throw context.corrupt('a numpy type has no name');
  // Dates and structured types carry more state than a byte order; they stay as they came.
  if (name.length > longestTypeName || !/^([biufc]\d+|[SUO]\d*)$/.test(name))
    return new PickledObject('numpy', 'dtype', 'call', Tuple.from(args));
  return new NumpyType(name);
}

function makeScalar(args: unknown[], context: PickleContext): unknown {
  const [type, bytes] = args;
  if (type instanceof PickledObject) {
    return new PickledObject('numpy.core.multiarray', 'scalar', 'call', Tuple.from(args));
  }
  if (!(type instanceof NumpyType)) throw context.corrupt('a numpy scalar has no type');
  if (type.name[0] === 'O') return bytes; // an object is its own scalar
  const data = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
  if (!(data instanceof Uint8Array)) throw context.corrupt('a numpy scalar has no bytes');
  context.charge(data.length);
  const read = scalarReaders[type.name];
  if (read === undefined) return new NumpyArray(type.code, [], new Uint8Array(data));
  if (data.length !== type.itemSize) {
    throw context.corrupt(`a numpy scalar of the type ${type.name} has ${data.length} bytes`);
  }
  return read(new DataView(data.buffer, data.byteOffset, data.byteLength), type.byteOrder !== '>');
}

const scalarReaders: Record<string, (view: DataView, isLittle: boolean) => unknown> = {
  b1: (view) => view.getUint8(0) !== 0,
  i1: (view) => view.getInt8(0),
  i2: (view, isLittle) => view.getInt16(0, isLittle),
  i4: (view, isLittle) => view.getInt32(0, isLittle),
  i8: (view, isLittle) => narrow(view.getBigInt64(0, isLittle)),
  u1: (view) => view.getUint8(0),
  u2: (view, isLittle) => view.getUint16(0, isLittle),
  u4: (view, isLittle) => view.getUint32(0, isLittle),
  u8: (view, isLittle) => narrow(view.getBigUint64(0, isLittle)),
  f2: (view, isLittle) => halfToNumber(view.getUint16(0, isLittle)),
  f4: (view, isLittle) => view.getFloat32(0, isLittle),
  f8: (view, isLittle) => view.getFloat64(0, isLittle),
  c8: (view, isLittle) => new PyComplex(view.getFloat32(0, isLittle), view.getFloat32(4, isLittle)),
  c16: (view, isLittle) => new PyComplex(view.getFloat64(0, isLittle), view.getFloat64(8, isLittle)),
};

/** A 16-bit float: one bit of sign, five of exponent, ten of fraction. */
function halfToNumber(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = (bits & 0x3ff) / 1024;
  if (exponent === 0) return sign * fraction * 2 ** -14;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction) * 2 ** (exponent - 15);
}

/** The call and state that make numpy rebuild the array. */
export function reduceNumpyArray(array: NumpyArray): PickledObject {
  const object = new PickledObject(
    'numpy.core.multiarray',
    '_reconstruct',
    'call',
    Tuple.of<unknown>(new PickledObject('numpy', 'ndarray'), Tuple.of(0), Uint8Array.of(0x62)),
  );
  const type = typeof array.dtype === 'string' ? reduceType(array.dtype) : array.dtype;
  object.state = Tuple.of<unknown>(1, Tuple.from(array.shape), type, array.fortranOrder, array.data);
  return object;
}

function reduceType(code: string): PickledObject {
  const [byteOrder] = code;
  const name = code.slice(1);
  const kind = name[0];
  const object = new PickledObject('numpy', 'dtype', 'call', Tuple.of<unknown>(name, false, true));
  const size = Number(name.slice(1));
  const isText = kind === 'S' || kind === 'U';
  object.state = Tuple.of<unknown>(
    3,
    byteOrder,
    null,
    null,
    null,
    isText ? (kind === 'U' ? 4 * size : size) : -1,
    isText ? (kind === 'U' ? 4 : 1) : -1,
    kind === 'O' ? 63 : kind === 'U' ? 8 : 0, // numpy's flags: object types hold references, text needs byte order
  );
  return object;
}
