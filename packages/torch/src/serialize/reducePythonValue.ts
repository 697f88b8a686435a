import { NumpyArray, reduceNumpyArray } from './numpyValues.js';
import {
  FrozenSet,
  Namespace,
  PickledObject,
  PyComplex,
  PyDType,
  PyFloat,
  PyLayout,
  Size,
  Tuple,
} from './pythonValues.js';

/** How Python writes the values of `pythonValues.ts`, sets and bytes; undefined for anything else. */
export function reducePythonValue(value: object): PickledObject | undefined {
  if (value instanceof Uint8Array) return reduceBytes(value);
  if (value instanceof FrozenSet) return call('__builtin__', 'frozenset', [[...value]]);
  if (value instanceof Set) return call('__builtin__', 'set', [[...value]]);
  if (value instanceof Size) return call('torch', 'Size', [Tuple.from(value)]);
  if (value instanceof PyComplex) return call('__builtin__', 'complex', [new PyFloat(value.re), new PyFloat(value.im)]);
  if (value instanceof PyDType) return new PickledObject('torch', value.dtype);
  if (value instanceof PyLayout) return call('torch.serialization', '_get_layout', [`torch.${value.layout}`]);
  if (value instanceof Namespace) {
    const object = new PickledObject('argparse', 'Namespace', 'new', new Tuple());
    if (Object.keys(value).length > 0) object.state = { ...value };
    return object;
  }
  if (value instanceof NumpyArray) return reduceNumpyArray(value);
  return undefined;
}

function call(module: string, name: string, args: unknown[]): PickledObject {
  return new PickledObject(module, name, 'call', Tuple.from(args));
}

/** Protocol 2 has no bytes: Python writes them as text of code points below 256 and a call that encodes it. */
function reduceBytes(bytes: Uint8Array): PickledObject {
  if (bytes.length === 0) return call('__builtin__', 'bytes', []);
  return call('_codecs', 'encode', [Buffer.from(bytes).toString('latin1'), 'latin1']);
}
