import { createRequire } from 'node:module';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileFunction, constants } from 'node:vm';
import type { DeviceName } from '../../device.js';
import { TorchError } from '../../errors.js';
import type { Passage } from '../../handover.js';
import { defaultGenerator, Generator } from '../../random.js';
import { Tensor } from '../../tensor.js';
import { valueAt } from './knownValues.js';
import type { Packed, PackedExport, PackedField, PackedFunction, PackedNode, PackedValue } from './packed.js';

type Constructor = new (...args: unknown[]) => object;
type Use = (value: unknown) => void;

/** Functions of libraries that cannot be imported here: their nodes. */
export class Unresolved {
  constructor(readonly nodes: number[]) {}
}

/** The copies of what was packed in another thread, or what has to be packed in another way first. */
export async function unpack(packed: Packed, passage: Passage): Promise<Unpacked | Unresolved> {
  const imported = new Map<number, unknown>();
  const unresolved: number[] = [];
  await Promise.all(
    packed.nodes.map(async (node, at) => {
      if (node.kind !== 'exported') return;
      const found = await findExport(node);
      if (found === undefined) unresolved.push(at);
      else imported.set(at, found);
    }),
  );
  if (unresolved.length > 0) {
    passage.drop(packed.ticket, packed.tensorCount);
    return new Unresolved(unresolved);
  }
  const tensors = packed.tensorCount === 0 ? [] : passage.take(packed.ticket, packed.tensorCount);
  const unpacked = new Unpacked(packed, imported, tensors);
  await unpacked.build();
  return unpacked;
}

async function findExport({ url, name, isClass, sourceLength }: PackedExport): Promise<unknown> {
  let exports: Record<string, unknown>;
  try {
    exports = (await import(url)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const inner = exports.default as Record<string, unknown> | undefined;
  const candidates = [exports[name], inner, ...Object.values(exports), inner?.[name]];
  return candidates.find((value) => {
    if (typeof value !== 'function' || value.name !== name) return false;
    const text = String(value);
    return text.startsWith('class') === isClass && (sourceLength === null || text.length === sourceLength);
  });
}

export class Unpacked {
  private readonly values = new Map<number, unknown>();
  /** What waits for a function that is being made. */
  private readonly waiting = new Map<number, Use[]>();
  /** Which node a function or class was: the way back. */
  readonly functions = new Map<unknown, number>();

  constructor(
    private readonly packed: Packed,
    imported: ReadonlyMap<number, unknown>,
    private readonly tensors: readonly Tensor[],
  ) {
    for (const [at, value] of imported) this.keep(at, value);
  }

  get(name: string): unknown {
    return this.value(this.packed.roots[name]);
  }

  /** Frees this thread's share of the tensors, so that their memory need not wait for a collection. */
  dispose(): void {
    for (const tensor of this.tensors) tensor.dispose();
  }

  /** Calls the functions given to `perWorker`, those first that others use. */
  async build(): Promise<void> {
    const { nodes } = this.packed;
    const made = new Set<number>();
    const make = async (at: number): Promise<void> => {
      made.add(at);
      for (const inner of builtBelow(nodes, at)) if (!made.has(inner)) await make(inner);
      const node = nodes[at] as Extract<PackedNode, { kind: 'built' }>;
      this.values.set(at, await (this.value(node.make) as () => unknown)());
    };
    for (const [at, { kind }] of nodes.entries()) if (kind === 'built' && !made.has(at)) await make(at);
  }

  private keep(at: number, value: unknown): void {
    this.values.set(at, value);
    if (typeof value === 'function') this.functions.set(value, at);
  }

  private value(packed: PackedValue): unknown {
    let result: unknown;
    this.use(packed, (value) => {
      result = value;
    });
    return result;
  }

  /** Hands the value to `use`: at once, or, for a function that is being made and uses itself, when it is there. */
  private use(packed: PackedValue, use: Use): void {
    if (typeof packed !== 'object' || packed === null) {
      use(packed);
      return;
    }
    const at = packed.node;
    if (this.values.has(at)) {
      use(this.values.get(at));
      return;
    }
    const waiting = this.waiting.get(at);
    if (waiting !== undefined) {
      waiting.push(use);
      return;
    }
    this.make(at, this.packed.nodes[at]!);
    use(this.values.get(at));
  }

  private make(at: number, node: PackedNode): void {
    if (node.kind === 'array') this.array(at, node.items, this.type(node.type, Array));
    else if (node.kind === 'map') this.map(at, node.entries, this.type(node.type, Map));
    else if (node.kind === 'set') this.set(at, node.items, this.type(node.type, Set));
    else if (node.kind === 'namespace') this.namespace(at, node.name, node.members);
    else if (node.kind === 'object') this.object(at, node.type, node.fields);
    else if (node.kind === 'function') this.function(at, node);
    else this.keep(at, this.leaf(node));
  }

  /** A value with nothing inside that could lead back to it. */
  private leaf(node: PackedNode): unknown {
    switch (node.kind) {
      case 'raw':
        return node.value;
      case 'buffer':
        return Buffer.from(node.bytes.buffer, node.bytes.byteOffset, node.bytes.byteLength);
      case 'symbol':
        return node.isWellKnown ? Reflect.get(Symbol, node.key) : Symbol.for(node.key);
      case 'known':
        return valueAt(node.place);
      case 'require':
        return createRequire(node.from);
      case 'missing':
        return missing(node.reason);
      case 'tensor':
        return Reflect.construct(Tensor, [this.tensors[node.at]!.handle], this.type(node.type, Tensor));
      case 'generator':
        return this.generator(node.device, node.state, node.isDefault);
      case 'constructed': {
        const args = node.args.map((arg) => this.value(arg));
        return Reflect.construct(this.type(node.type, Object), args);
      }
      default:
        throw new TorchError('DATA_TRAVEL', 'a dataset made by perWorker needs another one that is not made yet');
    }
  }

  private type(packed: PackedValue, plain: unknown): Constructor {
    return (packed === null ? plain : this.value(packed)) as Constructor;
  }

  private generator(device: string, state: PackedValue, isDefault: boolean): Generator {
    return isDefault ? defaultGenerator() : new Generator(device as DeviceName).setState(this.value(state) as Tensor);
  }

  private array(at: number, items: readonly PackedValue[], type: Constructor): void {
    const array = Reflect.construct(Array, [], type) as unknown[];
    this.keep(at, array);
    items.forEach((item, i) => {
      this.use(item, (value) => {
        array[i] = value;
      });
    });
  }

  private map(at: number, entries: readonly [PackedValue, PackedValue][], type: Constructor): void {
    const map = Reflect.construct(Map, [], type) as Map<unknown, unknown>;
    this.keep(at, map);
    for (const [key, item] of entries) {
      const realKey = this.value(key);
      Map.prototype.set.call(map, realKey, undefined);
      this.use(item, (value) => Map.prototype.set.call(map, realKey, value));
    }
  }

  private set(at: number, items: readonly PackedValue[], type: Constructor): void {
    const set = Reflect.construct(Set, [], type) as Set<unknown>;
    this.keep(at, set);
    for (const item of items) this.use(item, (value) => Set.prototype.add.call(set, value));
  }

  private object(at: number, type: PackedValue, fields: readonly PackedField[]): void {
    const object: object = {};
    this.keep(at, object);
    if (type !== null) this.use(type, (found) => Object.setPrototypeOf(object, (found as Constructor).prototype));
    this.define(object, fields);
  }

  private define(object: object, fields: readonly PackedField[]): void {
    for (const { key, value, get, set, enumerable } of fields) {
      const name = this.value(key) as PropertyKey;
      const rest = { enumerable, configurable: true };
      if (get !== undefined || set !== undefined) {
        const accessors = { get: this.value(get) as () => unknown, set: this.value(set) as (value: unknown) => void };
        Object.defineProperty(object, name, { ...rest, ...accessors });
        continue;
      }
      Object.defineProperty(object, name, { ...rest, writable: true, value: undefined });
      this.use(value, (found) => Reflect.set(object, name, found));
    }
  }

  private namespace(at: number, name: string, members: readonly PackedField[]): void {
    const known: object = {};
    const absent = (key: PropertyKey) =>
      new TorchError(
        'DATA_TRAVEL',
        `${name}.${String(key)} is not there in the worker: of a module, only what the text of a function names went along. Import it by its own name`,
      );
    const proxy = new Proxy(known, {
      get: (target, key, receiver) => {
        if (!(key in target) && typeof key === 'string') throw absent(key);
        return Reflect.get(target, key, receiver);
      },
    });
    this.keep(at, proxy);
    this.define(known, members);
  }

  private function(at: number, node: PackedFunction): void {
    const waiting: Use[] = [];
    this.waiting.set(at, waiting);
    const cells: Record<string, unknown> = {};
    let later: ((name: string, value: unknown) => void) | null = null;
    for (const [name, packed] of node.variables)
      this.use(packed, (value) => {
        if (later === null) cells[name] = value;
        else later(name, value);
      });
    const base = this.value(node.base);
    let self: unknown;
    this.use(node.self, (value) => {
      self = value;
    });
    const made = evaluate(node, cells, { base, self }, (assign) => {
      later = assign;
    });
    this.keep(at, made);
    this.waiting.delete(at);
    for (const use of waiting) use(made);
  }
}

/** The nodes made by `perWorker` that another such node uses. */
function builtBelow(nodes: readonly PackedNode[], from: number): Set<number> {
  const seen = new Set<number>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
    const { node } = value as { node?: unknown };
    if (typeof node === 'number' && !seen.has(node)) {
      seen.add(node);
      if (nodes[node]!.kind !== 'raw') visit(nodes[node]);
    } else for (const inner of Object.values(value)) visit(inner);
  };
  visit(nodes[from]);
  return new Set([...seen].filter((at) => nodes[at]!.kind === 'built' && at !== from));
}

/** The function of `{ get length() {} }` and the like. */
function methodOf(holder: object): unknown {
  const { value, get, set } = Object.getOwnPropertyDescriptor(holder, Reflect.ownKeys(holder)[0]!)!;
  return value ?? get ?? set;
}

function evaluate(
  node: PackedFunction,
  cells: Record<string, unknown>,
  bound: { base: unknown; self: unknown },
  onLater: (assign: (name: string, value: unknown) => void) => void,
): unknown {
  const names = node.variables.map(([name]) => name);
  const assignments = names.map((name) => `case '${name}': ${name} = $value; break;`).join(' ');
  const declared = names.length === 0 ? '' : `let { ${names.join(', ')} } = $cells; `;
  const later = names.length === 0 ? '' : `$onLater(($name, $value) => { switch ($name) { ${assignments} } }); `;
  const start = `"use strict"; ${declared}${later}return `;
  const isFile = node.url.startsWith('file:');
  try {
    const compiled = compileFunction(
      `${start}${node.expression};`,
      ['$cells', '$base', '$method', '$importMeta', '$onLater'],
      {
        filename: isFile ? fileURLToPath(node.url) : node.url,
        lineOffset: node.line,
        columnOffset: node.column - start.length - 1,
        importModuleDynamically: constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER as never,
      },
    ) as (...args: unknown[]) => unknown;
    return compiled.call(bound.self, cells, bound.base, methodOf, importMeta(node), onLater);
  } catch (error) {
    const [firstLine] = node.expression.split('\n');
    throw new TorchError(
      'DATA_TRAVEL',
      `a function of ${node.url} could not be made again in the worker: ${error instanceof Error ? error.message : String(error)}. Its text begins with \`${firstLine!.slice(0, 80)}\`. Build the dataset in the worker with perWorker(() => ...)`,
      { cause: error },
    );
  }
}

function importMeta({ url, usesImportMeta }: PackedFunction): object | undefined {
  if (!usesImportMeta) return undefined;
  const filename = url.startsWith('file:') ? fileURLToPath(url) : basename(url);
  return { url, filename, dirname: dirname(filename) };
}

/** Stands for what could not be copied; whatever is done with it says why. */
function missing(reason: string): unknown {
  const complain = (): never => {
    throw new TorchError('DATA_TRAVEL', reason);
  };
  const trap = { get: complain, set: complain, has: complain, apply: complain, construct: complain, ownKeys: complain };
  return new Proxy(function missing() {}, trap);
}
