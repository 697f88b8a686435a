import { SerializeError } from './errors.js';
import { longBytes, PickleBuffer } from './pickleBuffer.js';
import { OrderedDict, PickledObject, PyFloat, Tuple } from './pythonValues.js';
import { reducePythonValue } from './reducePythonValue.js';

/** Data that lies outside the pickle; `id` is what the reader gets to find it. */
export class PersistentId {
  constructor(readonly id: unknown) {}
}

export interface PickleOptions {
  /**
   * Says how a value of a class of the caller's is written; undefined leaves it to the rules for plain data. Called
   * once for each object.
   */
  reduce?: (value: object, path: () => string) => PickledObject | PersistentId | undefined;
}

const maxDepth = 1_000;
const batchSize = 1_000;
const global = (module: string, name: string) => new PickledObject(module, name);

/**
 * Writes plain data as a pickle of protocol 2, byte for byte as Python's own pickler would.
 *
 * Plain objects and Maps become dicts, {@link OrderedDict} stays one, arrays become lists, {@link Tuple} a tuple, Set a
 * set, Uint8Array bytes. A number is an int when it is a safe integer (`-0` is not) and a float elsewhere;
 * {@link PyFloat} forces a float; a bigint is an int. A value met twice is written once and shared when read.
 *
 * @throws SerializeError `VALUE_UNSUPPORTED` or `VALUE_CYCLE`, naming the path of the value.
 */
export function pickle(value: unknown, options: PickleOptions = {}): Uint8Array {
  return new Pickler(options).run(value);
}

class Pickler {
  private readonly out = new PickleBuffer();
  private readonly strings = new Map<string, number>();
  private readonly globals = new Map<string, number>();
  private readonly objects = new Map<object, number>();
  private readonly open = new Set<object>();
  private readonly path: (string | number)[] = [];
  private memoSize = 0;

  constructor(private readonly options: PickleOptions) {}

  run(value: unknown): Uint8Array {
    this.out.opcode1(0x80, 2); // PROTO
    this.save(value);
    this.out.byte(0x2e); // STOP
    return this.out.written();
  }

  private save(value: unknown): void {
    switch (typeof value) {
      case 'string':
        this.saveString(value);
        return;
      case 'number':
        if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
          this.saveInteger(value);
          return;
        }
        this.saveFloat(value);
        return;
      case 'bigint':
        this.saveBigint(value);
        return;
      case 'boolean':
        this.out.byte(value ? 0x88 : 0x89); // NEWTRUE, NEWFALSE
        return;
      case 'object':
        if (value === null) {
          this.out.byte(0x4e); // NONE
          return;
        }
        this.saveObject(value);
        return;
      default:
        throw this.unsupported(value);
    }
  }

  private saveString(text: string): void {
    const index = this.strings.get(text);
    if (index !== undefined) {
      this.get(index);
      return;
    }
    this.out.byte(0x58); // BINUNICODE
    this.out.text(text);
    this.strings.set(text, this.put());
  }

  private saveInteger(value: number): void {
    const { out } = this;
    if (value >= 0 && value <= 0xff) {
      out.opcode1(0x4b, value); // BININT1
      return;
    }
    if (value >= 0 && value <= 0xffff) {
      out.byte(0x4d); // BININT2
      out.uint16(value);
      return;
    }
    if (value >= -0x80000000 && value <= 0x7fffffff) {
      out.byte(0x4a); // BININT
      out.int32(value);
      return;
    }
    this.saveLong(BigInt(value));
  }

  private saveBigint(value: bigint): void {
    const asNumber = Number(value);
    if (Number.isSafeInteger(asNumber)) this.saveInteger(asNumber);
    else this.saveLong(value);
  }

  private saveLong(value: bigint): void {
    const bytes = longBytes(value);
    if (bytes.length <= 0xff) {
      this.out.opcode1(0x8a, bytes.length); // LONG1
    } else {
      this.out.byte(0x8b); // LONG4
      this.out.int32(bytes.length);
    }
    this.out.raw(bytes);
  }

  private saveFloat(value: number): void {
    this.out.byte(0x47); // BINFLOAT
    this.out.float64(value);
  }

  private saveObject(value: object): void {
    if (value instanceof PyFloat) {
      this.saveFloat(value.value);
      return;
    }
    const index = this.objects.get(value);
    if (this.open.has(value)) {
      throw new SerializeError('VALUE_CYCLE', `${this.where()} contains itself. Break the cycle before saving.`);
    }
    if (index !== undefined) {
      this.get(index);
      return;
    }
    if (this.open.size >= maxDepth) {
      throw new SerializeError('VALUE_CYCLE', `the value is nested deeper than ${maxDepth} levels, at ${this.where()}`);
    }
    this.open.add(value);
    this.saveContents(value);
    this.open.delete(value);
  }

  private saveContents(value: object): void {
    const reduced = this.options.reduce?.(value, () => this.where());
    if (reduced instanceof PersistentId) {
      this.save(reduced.id);
      this.out.byte(0x51); // BINPERSID
      return;
    }
    if (reduced !== undefined) {
      this.savePickledObject(reduced, value);
      return;
    }
    if (value instanceof PersistentId) {
      this.save(value.id);
      this.out.byte(0x51); // BINPERSID
      return;
    }
    if (value instanceof PickledObject) {
      this.savePickledObject(value, value);
      return;
    }
    if (value instanceof Tuple && value.constructor === Tuple) {
      this.saveTuple(value);
      return;
    }
    if (Array.isArray(value) && !(value instanceof Tuple)) {
      this.saveList(value);
      return;
    }
    if (value instanceof OrderedDict) {
      this.saveOrderedDict(value);
      return;
    }
    if (value instanceof Map) {
      this.saveDict(value, [...value]);
      return;
    }
    const prototype = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) {
      this.saveDict(value, Object.entries(value));
      return;
    }
    const python = reducePythonValue(value);
    if (python === undefined) throw this.unsupported(value);
    this.savePickledObject(python, value);
  }

  private saveTuple(tuple: Tuple): void {
    if (tuple.length === 0) {
      this.out.byte(0x29); // EMPTY_TUPLE
      return;
    }
    if (tuple.length > 3) this.out.byte(0x28); // MARK
    for (let i = 0; i < tuple.length; i++) this.saveAt(i, tuple[i]);
    this.out.byte(tuple.length > 3 ? 0x74 : 0x84 + tuple.length); // TUPLE, TUPLE1, TUPLE2, TUPLE3
    this.objects.set(tuple, this.put());
  }

  private saveList(list: unknown[]): void {
    this.out.byte(0x5d); // EMPTY_LIST
    this.objects.set(list, this.put());
    this.saveItems(list);
  }

  private saveDict(dict: object, entries: [unknown, unknown][]): void {
    this.out.byte(0x7d); // EMPTY_DICT
    this.objects.set(dict, this.put());
    this.saveEntries(entries);
  }

  private saveOrderedDict(dict: OrderedDict<unknown, unknown>): void {
    const object = new PickledObject('collections', 'OrderedDict', 'call');
    object.entries = [...dict];
    if (dict.attributes !== undefined) object.state = dict.attributes;
    this.savePickledObject(object, dict);
  }

  /** Writes `object` in the place of `original`, which later references mean. */
  private savePickledObject(object: PickledObject, original: object): void {
    const { out } = this;
    if (object.kind === 'global') {
      this.saveGlobal(object);
      return;
    }
    this.save(object.callee ?? global(object.module, object.name));
    this.saveTupleOf(object.args);
    if (object.kind === 'newWithKeywords') {
      this.save(object.keywords);
      out.patch(1, 4); // the next opcode came with protocol 4
      out.byte(0x92); // NEWOBJ_EX
    } else {
      out.byte(object.kind === 'call' ? 0x52 : 0x81); // REDUCE, NEWOBJ
    }
    this.objects.set(original, this.put());
    this.saveItems(object.items);
    this.saveEntries(object.entries);
    if (object.state !== undefined) {
      this.save(object.state);
      out.byte(0x62); // BUILD
    }
  }

  private saveTupleOf(items: unknown[]): void {
    this.save(items instanceof Tuple ? items : Tuple.from(items));
  }

  private saveGlobal({ module, name }: PickledObject): void {
    const key = `${module}\n${name}\n`;
    const index = this.globals.get(key);
    if (index !== undefined) {
      this.get(index);
      return;
    }
    // A name with a newline would be read back as opcodes.
    if (!/^[\x20-\x7e]+$/.test(module) || !/^[\x20-\x7e]+$/.test(name)) {
      throw new SerializeError(
        'VALUE_UNSUPPORTED',
        `${this.where()} names the Python class ${JSON.stringify(module)}.${JSON.stringify(name)}, which no pickle of protocol 2 can hold`,
      );
    }
    this.out.byte(0x63); // GLOBAL
    this.out.raw(Buffer.from(key, 'latin1'));
    this.globals.set(key, this.put());
  }

  private saveItems(items: unknown[]): void {
    if (items.length === 1) {
      this.saveAt(0, items[0]);
      this.out.byte(0x61); // APPEND
      return;
    }
    for (let start = 0; start < items.length; start += batchSize) {
      this.out.byte(0x28); // MARK
      const end = Math.min(items.length, start + batchSize);
      for (let i = start; i < end; i++) this.saveAt(i, items[i]);
      this.out.byte(0x65); // APPENDS
    }
  }

  private saveEntries(entries: [unknown, unknown][]): void {
    if (entries.length === 1) {
      this.saveEntry(entries[0] as [unknown, unknown]);
      this.out.byte(0x73); // SETITEM
      return;
    }
    for (let start = 0; start < entries.length; start += batchSize) {
      this.out.byte(0x28); // MARK
      for (const entry of entries.slice(start, start + batchSize)) this.saveEntry(entry);
      this.out.byte(0x75); // SETITEMS
    }
  }

  private saveEntry([key, value]: [unknown, unknown]): void {
    if (!isHashable(key)) {
      const came = Array.isArray(key) ? 'an array' : describe(key);
      throw new SerializeError(
        'VALUE_UNSUPPORTED',
        `${this.where()} has ${came} as a key. Python's keys are strings, numbers, booleans, null and Tuples of these.`,
      );
    }
    this.save(key);
    this.saveAt(typeof key === 'string' || typeof key === 'number' ? key : String(key), value);
  }

  private saveAt(step: string | number, value: unknown): void {
    this.path.push(step);
    this.save(value);
    this.path.pop();
  }

  private get(index: number): void {
    if (index <= 0xff) {
      this.out.opcode1(0x68, index); // BINGET
      return;
    }
    this.out.byte(0x6a); // LONG_BINGET
    this.out.uint32(index);
  }

  private put(): number {
    const index = this.memoSize++;
    if (index <= 0xff) {
      this.out.opcode1(0x71, index); // BINPUT
    } else {
      this.out.byte(0x72); // LONG_BINPUT
      this.out.uint32(index);
    }
    return index;
  }

  /** The path of the value being written, such as `value.callbacks["EarlyStopping"][0]`. */
  private where(): string {
    const shown = this.path.length > 20 ? [...this.path.slice(0, 10), '…', ...this.path.slice(-10)] : this.path;
    let text = 'value';
    for (const step of shown) {
      text +=
        typeof step === 'string' && /^[\p{L}_$][\p{L}\d_$]*$/u.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
    }
    return text;
  }

  private unsupported(value: unknown): SerializeError {
    const cure =
      value === undefined
        ? 'Leave the key out, or use null.'
        : ArrayBuffer.isView(value)
          ? 'Make it a tensor with torch.fromTypedArray.'
          : 'Save plain data in its place: objects, arrays, Maps, numbers, strings, tensors.';
    return new SerializeError(
      'VALUE_UNSUPPORTED',
      `${this.where()} is ${describe(value)}, which cannot be saved. ${cure}`,
    );
  }
}

function isHashable(key: unknown): boolean {
  if (typeof key === 'object' && key !== null) {
    return (
      (key instanceof Tuple && key.every(isHashable)) ||
      !(
        Array.isArray(key) ||
        key instanceof Map ||
        key instanceof Set ||
        Object.getPrototypeOf(key) === Object.prototype
      )
    );
  }
  return true;
}

function describe(value: unknown): string {
  if (value === undefined) return 'undefined';
  if (typeof value === 'function') return value.name === '' ? 'a function' : `the function ${value.name}`;
  if (typeof value !== 'object' || value === null) return `a ${typeof value}`;
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' && name !== '' ? `an object of the class ${name}` : 'an object without a class';
}
