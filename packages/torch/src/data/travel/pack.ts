import { types } from 'node:util';
import { TorchError } from '../../errors.js';
import type { Passage } from '../../handover.js';
import { defaultGenerator, Generator } from '../../random.js';
import { Tensor } from '../../tensor.js';
import { FunctionInspector, type FunctionPlace, unreadable } from './functionInspector.js';
import { expressionOf, type FunctionSource, hasPrivateState, sourceOf, textOf } from './functionSource.js';
import { knownValues } from './knownValues.js';
import { isLibrary, urlOf } from './libraryFiles.js';
import { membersIn, namesIn, type Packed, type PackedField, type PackedNode, type PackedValue } from './packed.js';
import { makerOf } from './perWorker.js';

/** Why something cannot be copied, and where it is. */
class Refusal extends Error {
  constructor(
    readonly path: string,
    readonly reason: string,
  ) {
    super(`${path}: ${reason}`);
  }
}

const ways =
  'Leave the field out with a method workerFields(), which returns the fields that a copy gets, and open it on first use; or build the whole dataset in each worker with perWorker(() => ...)';

type Fields = Record<string, unknown>;

interface PackedTensor {
  tensor: Tensor;
  requiresGrad: boolean;
}

/** Values that have been described, for any number of other threads. */
export class Packing {
  constructor(
    private readonly nodes: PackedNode[],
    private readonly roots: Record<string, PackedValue>,
    private readonly tensors: readonly PackedTensor[],
    /** Functions and classes, by node. */
    readonly functions: ReadonlyMap<number, object>,
  ) {}

  /** For the thread at the other end of a passage. Its tensors are its own, over the same memory. */
  for(passage: Passage): Packed {
    const aliases = this.tensors.map(({ tensor, requiresGrad }) => {
      const alias = tensor.detach();
      if (requiresGrad) alias.requiresGrad = true;
      return alias;
    });
    const ticket = aliases.length === 0 ? 0 : passage.give(aliases);
    for (const alias of aliases) alias.dispose();
    return { nodes: this.nodes, roots: this.roots, ticket, tensorCount: aliases.length };
  }
}

/**
 * Describes values so that another thread of this process can have a copy: fields are copied, tensors are shared,
 * functions and classes go along by their text and the variables they use, and what comes from a library is imported
 * there. What cannot be copied is an error that names the field; a variable that cannot be is one only when it is used.
 */
export class Packer {
  private readonly nodes: PackedNode[] = [];
  private readonly tensors: PackedTensor[] = [];
  private readonly numbers = new Map<unknown, number>();
  private readonly order: unknown[] = [];
  private readonly known = knownValues();
  private readonly inspector = new FunctionInspector();
  private readonly functions = new Map<number, object>();

  /** @param byText functions of libraries that the other thread cannot import, and that go by their text instead */
  constructor(private readonly byText: ReadonlySet<object>) {}

  /** Throws `DATA_TRAVEL`. */
  static pack(roots: Record<string, unknown>, byText: ReadonlySet<object> = new Set()): Packing {
    return new Packer(byText).pack(roots);
  }

  private pack(roots: Record<string, unknown>): Packing {
    try {
      const packed = Object.fromEntries(Object.entries(roots).map(([name, value]) => [name, this.add(value, name)]));
      return new Packing(this.nodes, packed, this.tensors, this.functions);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw new TorchError('DATA_TRAVEL', `${error.path} cannot be copied to a worker: ${error.reason}`, {
        cause: error.cause,
      });
    } finally {
      this.inspector.close();
    }
  }

  private add(value: unknown, path: string, owner: object | null = null): PackedValue {
    if (typeof value === 'symbol') return this.addSymbol(value, path);
    if ((typeof value !== 'object' || value === null) && typeof value !== 'function') return value as PackedValue;
    const seen = this.numbers.get(value);
    if (seen !== undefined) return { node: seen };
    const known = this.known.get(value);
    if (known !== undefined) {
      const node = this.put(value, { kind: 'known', place: known });
      if (typeof value === 'function') this.functions.set(node.node, value);
      return node;
    }
    return typeof value === 'function' ? this.addFunction(value, path, owner) : this.addObject(value, path);
  }

  private put(value: unknown, node: PackedNode): { node: number } {
    this.nodes.push(node);
    this.numbers.set(value, this.nodes.length - 1);
    this.order.push(value);
    return { node: this.nodes.length - 1 };
  }

  private addSymbol(symbol: symbol, path: string): PackedValue {
    const key = Symbol.keyFor(symbol);
    if (key !== undefined) return this.put({}, { kind: 'symbol', key, isWellKnown: false });
    const wellKnown = Object.getOwnPropertyNames(Symbol).find((name) => Reflect.get(Symbol, name) === symbol);
    if (wellKnown !== undefined) return this.put({}, { kind: 'symbol', key: wellKnown, isWellKnown: true });
    throw new Refusal(path, `${String(symbol)} is a symbol of this thread; use Symbol.for(name)`);
  }

  // --- objects -----------------------------------------------------------------------------------------------------

  private addObject(value: object, path: string): PackedValue {
    const make = makerOf(value);
    if (make !== undefined) {
      const node = this.put(value, { kind: 'built', make: null });
      const packed = this.add(make, `${path} (the function given to perWorker)`);
      this.nodes[node.node] = { kind: 'built', make: packed };
      return node;
    }
    if (value instanceof Tensor) return this.addTensor(value, path);
    if (value instanceof Generator) return this.addGenerator(value, path);
    if (Array.isArray(value)) return this.addArray(value, path);
    if (value instanceof Map && !types.isProxy(value)) return this.addMap(value, path);
    if (value instanceof Set && !types.isProxy(value)) return this.addSet(value, path);
    if (ArrayBuffer.isView(value)) return this.addView(value);
    if (types.isDate(value) || types.isRegExp(value) || types.isAnyArrayBuffer(value))
      return this.put(value, { kind: 'raw', value });
    const reason = refusedKind(value);
    if (reason !== null) throw new Refusal(path, `${reason}. ${ways}`);
    return this.addConstructed(value, path) ?? this.addInstance(value, path);
  }

  private addTensor(tensor: Tensor, path: string): PackedValue {
    let requiresGrad: boolean;
    try {
      requiresGrad = tensor.requiresGrad;
    } catch (error) {
      throw new Refusal(path, error instanceof Error ? error.message : String(error));
    }
    if (requiresGrad && !tensor.isLeaf)
      throw new Refusal(path, 'this tensor is the result of recorded operations, whose graph stays here; detach() it');
    const at = this.tensors.push({ tensor, requiresGrad }) - 1;
    const node = this.put(tensor, { kind: 'tensor', at, type: null });
    this.nodes[node.node] = { kind: 'tensor', at, type: this.typeOf(tensor, Tensor, path) };
    return node;
  }

  private addGenerator(generator: Generator, path: string): PackedValue {
    const isDefault = generator === defaultGenerator();
    const node = this.put(generator, { kind: 'raw', value: null });
    const state = isDefault ? null : this.add(generator.getState(), path);
    this.nodes[node.node] = { kind: 'generator', device: String(generator.device), state, isDefault };
    return node;
  }

  private addArray(array: readonly unknown[], path: string): PackedValue {
    const type = this.typeOf(array, Array, path);
    if (type === null && array.every(isPrimitive)) return this.put(array, { kind: 'raw', value: array });
    const items: PackedValue[] = [];
    const node = this.put(array, { kind: 'array', items, type });
    array.forEach((item, i) => {
      items[i] = this.add(item, `${path}[${i}]`);
    });
    return node;
  }

  private addMap(map: Map<unknown, unknown>, path: string): PackedValue {
    const entries: [PackedValue, PackedValue][] = [];
    const node = this.put(map, { kind: 'map', entries, type: this.typeOf(map, Map, path) });
    for (const [key, value] of map)
      entries.push([this.add(key, `a key of ${path}`), this.add(value, `${path}.get(${shownKey(key)})`)]);
    return node;
  }

  private addSet(set: Set<unknown>, path: string): PackedValue {
    const items: PackedValue[] = [];
    const node = this.put(set, { kind: 'set', items, type: this.typeOf(set, Set, path) });
    for (const item of set) items.push(this.add(item, `an element of ${path}`));
    return node;
  }

  private addView(view: ArrayBufferView): PackedValue {
    if (Buffer.isBuffer(view)) return this.put(view, { kind: 'buffer', bytes: Uint8Array.from(view) });
    // A message would carry the whole buffer under a small view.
    const isPart = view.byteLength < view.buffer.byteLength && types.isArrayBuffer(view.buffer);
    const value = isPart && !(view instanceof DataView) ? (view as Uint8Array).slice() : view;
    return this.put(view, { kind: 'raw', value });
  }

  /** Objects of Node's that can be made anew from a few values. */
  private addConstructed(value: object, path: string): PackedValue | null {
    let args: unknown[] | null = null;
    if (value instanceof URL || value instanceof URLSearchParams) args = [String(value)];
    else if (value instanceof TextEncoder) args = [];
    else if (value instanceof TextDecoder) args = [value.encoding, { fatal: value.fatal, ignoreBOM: value.ignoreBOM }];
    if (args === null) return null;
    const type = this.add(value.constructor, path);
    return this.put(value, { kind: 'constructed', type, args: args.map((arg) => this.add(arg, path)) });
  }

  private addInstance(value: object, path: string): PackedValue {
    const node = this.put(value, { kind: 'raw', value: null });
    const type = this.typeOf(value, Object, path);
    const fields: PackedField[] = [];
    this.nodes[node.node] = { kind: 'object', type, fields };
    const { workerFields } = value as { workerFields?: unknown };
    const source = typeof workerFields === 'function' ? (workerFields.call(value) as object) : value;
    for (const key of Reflect.ownKeys(source)) {
      const { value: field, get, set, enumerable = true } = Object.getOwnPropertyDescriptor(source, key)!;
      const at = typeof key === 'string' ? `${path}.${key}` : `${path}[${String(key)}]`;
      const packedKey = this.add(key, at);
      if (get !== undefined || set !== undefined)
        fields.push({ key: packedKey, get: this.add(get, at), set: this.add(set, at), enumerable });
      else fields.push({ key: packedKey, value: this.add(field, at, value), enumerable });
    }
    return node;
  }

  /** The class of an object, null when it is `plain`. */
  private typeOf(value: object, plain: { prototype: object }, path: string): PackedValue {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === plain.prototype || prototype === null) return null;
    const type: unknown = Object.hasOwn(prototype as object, 'constructor') ? (prototype as Fields).constructor : null;
    if (typeof type !== 'function' || type.prototype !== prototype)
      throw new Refusal(path, `its prototype is that of no class. ${ways}`);
    const known = this.known.get(type);
    if (known !== undefined && known.from !== 'torch' && !(value instanceof Error))
      throw new Refusal(path, `a ${type.name} of Node.js belongs to the thread that made it. ${ways}`);
    for (let at: unknown = type; typeof at === 'function' && at.prototype; at = Object.getPrototypeOf(at)) {
      const text = textOf(at);
      if (text?.startsWith('class') && hasPrivateState(text))
        throw new Refusal(
          path,
          `its class ${at.name} keeps state in #private fields, which cannot be read from outside. Declare them private, or build the dataset in each worker with perWorker(() => new ${type.name}(...))`,
        );
      if (text?.startsWith('function') && known === undefined)
        throw new Refusal(
          path,
          `its class ${at.name} is written as a function, whose methods stay here; write a class`,
        );
    }
    return this.add(type, `${path} (its class ${type.name})`);
  }

  // --- functions ---------------------------------------------------------------------------------------------------

  private addFunction(fn: object, path: string, owner: object | null): PackedValue {
    const text = textOf(fn);
    const place = text === null ? null : this.inspector.place(fn);
    if (text === null || place === null || place.url.startsWith('node:'))
      throw new Refusal(
        path,
        `${nameOf(fn)} has no text that could be taken along: it is bound or native. Use a function or an arrow function`,
      );
    if (isLibrary(place.url) && !this.byText.has(fn)) {
      const node = this.put(fn, {
        kind: 'exported',
        url: urlOf(place.url),
        name: nameOf(fn),
        isClass: text.startsWith('class'),
        // TypeScript may have been compiled here by something else than there.
        sourceLength: /\.[cm]?tsx?$/.test(place.url) ? null : text.length,
      });
      this.functions.set(node.node, fn);
      return node;
    }
    return this.addText(fn, sourceOf(text), place, path, owner);
  }

  private addText(
    fn: object,
    source: FunctionSource,
    place: FunctionPlace,
    path: string,
    owner: object | null,
  ): PackedValue {
    const { text, kind } = source;
    const node = this.put(fn, { kind: 'raw', value: null });
    const self = kind === 'arrow' && namesIn(text).has('this') ? this.selfOf(text, owner, path) : undefined;
    if (kind === 'method' && namesIn(text).has('super'))
      throw new Refusal(path, 'this method of an object uses super, whose object is not known here; write a class');
    const base = kind === 'class' ? this.baseOf(fn, path) : undefined;
    const [line, column] = this.inspector.position(fn, place, text);
    const variables: [string, PackedValue][] = [];
    const found = this.inspector.variables(fn, namesIn(text));
    for (const [name, value] of found) {
      if (!/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) || reserved.has(name)) continue;
      if (kind === 'class' && value === fn) continue;
      variables.push([name, this.addVariable(name, value, text, place, path)]);
    }
    const usesImportMeta = /\bimport\.meta\b/.test(text);
    const expression = expressionOf(source);
    const url = urlOf(place.url);
    this.nodes[node.node] = { kind: 'function', expression, url, line, column, variables, self, base, usesImportMeta };
    this.functions.set(node.node, fn);
    return node;
  }

  private baseOf(type: object, path: string): PackedValue {
    const base: unknown = Object.getPrototypeOf(type);
    if (base !== Function.prototype) return this.add(base, `${path}, which extends ${nameOf(base as object)}`);
    return Object.getPrototypeOf((type as { prototype: object }).prototype) === null ? null : undefined;
  }

  /** An arrow function has the `this` of where it was made, which cannot be asked for: a class's own arrows are its object's. */
  private selfOf(text: string, owner: object | null, path: string): PackedValue {
    for (let at: unknown = owner; at !== null && at !== undefined; at = Object.getPrototypeOf(at)) {
      const type = (at as Fields).constructor;
      if (typeof type === 'function' && type !== Object && textOf(type)?.includes(text)) return this.add(owner, path);
    }
    throw new Refusal(
      path,
      'this arrow function uses `this` of the code around it, which cannot be found out; take what it needs into a constant first, or write a method of a class',
    );
  }

  /** What cannot be copied is missing in the other thread, and says why when it is used there. */
  private addVariable(name: string, value: unknown, text: string, place: FunctionPlace, path: string): PackedValue {
    const mark = this.nodes.length;
    const tensors = this.tensors.length;
    const within = `${path} → ${name}`;
    try {
      if (value === unreadable) throw new Refusal(within, 'it has no value yet');
      if (name === 'require' && typeof value === 'function' && 'resolve' in value)
        return this.put(value, { kind: 'require', from: urlOf(place.url) });
      if (isNamespace(value)) return this.addNamespace(name, value, text, place, within);
      return this.add(value, within);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.nodes.length = mark;
      this.tensors.length = tensors;
      while (this.order.length > 0 && this.numbers.get(this.order.at(-1))! >= mark)
        this.numbers.delete(this.order.pop());
      for (const node of this.functions.keys()) if (node >= mark) this.functions.delete(node);
      const where = error.path === within ? '' : ` (at ${error.path})`;
      return this.put(
        {},
        { kind: 'missing', reason: `the variable ${name} could not be copied to the worker${where}: ${error.reason}` },
      );
    }
  }

  /** Only what the text uses of a module: the rest would be copied for nothing. */
  private addNamespace(name: string, value: object, text: string, place: FunctionPlace, path: string): PackedValue {
    const members: PackedField[] = [];
    const node = this.put({}, { kind: 'namespace', name, members });
    for (const member of membersIn(text, name)) {
      if (!(member in value)) continue;
      const packed = this.addVariable(`${name}.${member}`, Reflect.get(value, member), text, place, path);
      members.push({ key: member, value: packed, enumerable: true });
    }
    return node;
  }
}

/** Names that cannot be declared in strict code, or mean something else there. */
const reserved = new Set(['this', 'arguments', 'eval', 'new', 'super', 'await', 'yield', 'let', 'static']);

const isPrimitive = (value: unknown): boolean =>
  value === null || (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol');

const nameOf = (fn: object): string => (fn as { name?: string }).name || 'an unnamed function';

const shownKey = (key: unknown): string => (typeof key === 'string' ? `'${key}'` : String(key));

function isNamespace(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  if (types.isModuleNamespaceObject(value)) return true;
  return Reflect.get(value, Symbol.toStringTag) === 'Module' || Object.hasOwn(value, '__esModule');
}

function refusedKind(value: object): string | null {
  if (types.isPromise(value)) return 'a promise belongs to the thread that waits for it; await it first';
  if (types.isWeakMap(value) || types.isWeakSet(value)) return 'what is in a WeakMap or WeakSet cannot be listed';
  if (types.isGeneratorObject(value)) return 'a running generator cannot be copied; make it where it is used';
  if (types.isExternal(value)) return 'it belongs to an addon';
  if (types.isProxy(value)) return 'what is behind a Proxy cannot be seen';
  if (isNamespace(value)) return 'it is a whole module';
  return null;
}
