import type { KnownGlobal, PickleContext } from './knownGlobal.js';
import {
  FrozenSet,
  Namespace,
  OrderedDict,
  PickledObject,
  PyComplex,
  PyDType,
  PyLayout,
  Size,
  Tuple,
} from './pythonValues.js';
import { DictDraft } from './settleDicts.js';

/** Names of Python's own library, and those of torch that need no tensor, that stand for plain data. */
export const pythonGlobals: ReadonlyMap<string, KnownGlobal> = new Map<string, KnownGlobal>([
  ['collections.OrderedDict', { call: makeOrderedDict }],
  ['collections.defaultdict', { call: () => new DictDraft() }],
  ['_codecs.encode', { call: encodeText }],
  ['copy_reg._reconstructor', { call: reconstruct }],
  ['copyreg._reconstructor', { call: reconstruct }],
  ['argparse.Namespace', { call: () => new Namespace() }],
  ['torch.serialization._get_layout', { call: makeLayout }],
  ['torch.Size', { call: ([sizes], context) => copyInto(new Size(), sizes, context) }],
  ...['__builtin__', 'builtins'].flatMap((module): [string, KnownGlobal][] => [
    [`${module}.set`, { call: ([items], context) => new Set(listOf(items ?? [], context)) }],
    [`${module}.frozenset`, { call: ([items], context) => new FrozenSet(listOf(items ?? [], context)) }],
    [`${module}.complex`, { call: makeComplex }],
    [`${module}.bytes`, { call: makeBytes }],
    [`${module}.bytearray`, { call: makeBytes }],
    [`${module}.dict`, { call: () => new DictDraft() }],
    [`${module}.list`, { call: ([items], context) => [...listOf(items ?? [], context)] }],
    [`${module}.tuple`, { call: ([items], context) => copyInto(new Tuple(), items ?? [], context) }],
  ]),
  ...['PosixPath', 'PurePosixPath', 'WindowsPath', 'PureWindowsPath', 'Path', 'PurePath'].flatMap(
    (name): [string, KnownGlobal][] => [
      [`pathlib.${name}`, { call: (parts, context) => makePath(parts, name.includes('Windows'), context) }],
      [`pathlib._local.${name}`, { call: (parts, context) => makePath(parts, name.includes('Windows'), context) }],
    ],
  ),
  ...dtypeNames().map((name): [string, KnownGlobal] => [`torch.${name}`, { value: new PyDType(name) }]),
]);

function dtypeNames(): string[] {
  const sized = ['float16', 'float32', 'float64', 'bfloat16', 'int8', 'int16', 'int32', 'int64', 'uint8', 'bool'];
  const newer = ['uint16', 'uint32', 'uint64', 'float8_e5m2', 'float8_e4m3fn', 'float8_e5m2fnuz', 'float8_e4m3fnuz'];
  return [...sized, ...newer, 'complex32', 'complex64', 'complex128', 'qint8', 'quint8', 'qint32'];
}

function listOf(items: unknown, context: PickleContext): unknown[] {
  if (!Array.isArray(items)) throw context.corrupt('a container is made of something that is no list');
  context.charge(items.length);
  return items;
}

function copyInto<T extends unknown[]>(target: T, items: unknown, context: PickleContext): T {
  for (const item of listOf(items, context)) target.push(item);
  return target;
}

function makeOrderedDict(args: unknown[], context: PickleContext): OrderedDict<unknown, unknown> {
  const dict = new OrderedDict<unknown, unknown>();
  // Python 2 handed the entries over as a list of pairs.
  for (const pair of listOf(args[0] ?? [], context)) {
    if (!Array.isArray(pair) || pair.length !== 2)
      throw context.corrupt('an OrderedDict is made of something else than pairs');
    dict.set(pair[0], pair[1]);
  }
  return dict;
}

/** How protocols 0 and 1 make an object without running its class: `_reconstructor(class, object, None)`. */
function reconstruct(args: unknown[], context: PickleContext): unknown {
  const [cls, base] = args;
  if (!(cls instanceof PickledObject)) throw context.corrupt('an object has no class');
  const isPlain = base instanceof PickledObject && base.name === 'object';
  if (!isPlain) return new PickledObject('copyreg', '_reconstructor', 'call', Tuple.from(args));
  const isNamespace = cls.module === 'argparse' && cls.name === 'Namespace';
  return isNamespace ? new Namespace() : new PickledObject(cls.module, cls.name, 'new', new Tuple());
}

function makeLayout([name]: unknown[], context: PickleContext): PyLayout {
  if (typeof name !== 'string' || !/^torch\.\w{1,32}$/.test(name)) throw context.corrupt('a layout has no name');
  return new PyLayout(name.slice('torch.'.length));
}

function encodeText([text, encoding]: unknown[], context: PickleContext): Uint8Array {
  if (typeof text !== 'string') throw context.corrupt('bytes are made of something that is no text');
  context.charge(text.length);
  if (encoding === 'latin1' || encoding === 'latin-1') return new Uint8Array(Buffer.from(text, 'latin1'));
  if (encoding === undefined || encoding === 'utf-8' || encoding === 'utf8') {
    return new Uint8Array(Buffer.from(text, 'utf8'));
  }
  throw context.corrupt(
    `bytes are made with ${typeof encoding === 'string' ? `the encoding ${encoding.slice(0, 40)}` : 'no encoding'}; latin1 and utf-8 are known`,
  );
}

function makeBytes(args: unknown[], context: PickleContext): Uint8Array {
  const [source] = args;
  if (source === undefined) return new Uint8Array(0);
  if (typeof source === 'string') return encodeText(args, context);
  if (source instanceof Uint8Array) {
    context.charge(source.length);
    return source.slice();
  }
  const numbers = listOf(source, context);
  if (!numbers.every((n) => typeof n === 'number' && n >= 0 && n <= 255)) {
    throw context.corrupt('bytes are made of something else than numbers below 256');
  }
  return Uint8Array.from(numbers as number[]);
}

function makeComplex([re = 0, im = 0]: unknown[], context: PickleContext): PyComplex {
  if (typeof re !== 'number' || typeof im !== 'number') throw context.corrupt('a complex is not made of two numbers');
  return new PyComplex(re, im);
}

function makePath(parts: unknown[], isWindows: boolean, context: PickleContext): string {
  context.charge(parts.length);
  let path = '';
  for (const part of parts) {
    if (typeof part !== 'string') throw context.corrupt('a path is made of something else than strings');
    context.charge(part.length);
    const separator = isWindows ? '\\' : '/';
    path += path === '' || path.endsWith(separator) ? part : separator + part;
  }
  return path === '' ? '.' : path;
}
