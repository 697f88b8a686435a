import { type KnownGlobal, type PickleContext, setPickleState, takesPickleState } from './knownGlobal.js';
import { latin1OrBytes, PickleStream } from './pickleStream.js';
import { FrozenSet, Namespace, OrderedDict, PickledObject, Tuple } from './pythonValues.js';
import { attributesOf, DictDraft, setField, settleDicts } from './settleDicts.js';

export interface UnpickleOptions {
  /** Known names, keyed `module.name`; looked up in order. */
  globals?: readonly ReadonlyMap<string, KnownGlobal>[];
  /** Turns a persistent id into a value. Without it a stream with such ids is refused. */
  persistentLoad?: (id: unknown, context: PickleContext) => unknown;
  /** Takes checks to run when the data that persistent ids refer to is there. */
  defer?: (check: () => void) => void;
  /** First byte of the pickle, default 0. */
  start?: number;
}

/**
 * Reads one pickle, protocols 0 to 5, as data: names are looked up in the given tables and everything else becomes an
 * inert {@link PickledObject}. Dicts whose keys are all strings become plain objects, other dicts Maps; tuples become
 * {@link Tuple}, ints a number where that is exact and a bigint elsewhere, bytes a Uint8Array.
 *
 * @returns the value and the position after its last byte.
 * @throws SerializeError `PICKLE_CORRUPT` with the byte offset, for any stream that is cut, damaged or not plain data.
 */
export function unpickle(bytes: Uint8Array, options: UnpickleOptions = {}): { value: unknown; end: number } {
  const machine = new Unpickler(bytes, options);
  const value = settleDicts(machine.run());
  return { value, end: machine.end };
}

const stopped = Symbol('stopped');

class Unpickler implements PickleContext {
  private readonly stream: PickleStream;
  private readonly memo = new Map<number, unknown>();
  private readonly names = new Map<string, unknown>();
  private readonly marks: unknown[][] = [];
  private stack: unknown[] = [];
  /** Position of the opcode being run, for errors. */
  private opcodeAt = 0;

  constructor(
    bytes: Uint8Array,
    private readonly options: UnpickleOptions,
  ) {
    this.stream = new PickleStream(bytes, options.start ?? 0);
  }

  get end(): number {
    return this.stream.position;
  }

  run(): unknown {
    for (;;) {
      this.opcodeAt = this.stream.position;
      const result = this.step(this.stream.uint8());
      if (result !== undefined) return this.pop();
    }
  }

  corrupt(message: string): Error {
    return this.stream.corrupt(message, this.opcodeAt);
  }

  charge(amount: number): void {
    this.stream.charge(amount);
  }

  defer(check: () => void): void {
    if (this.options.defer === undefined) throw this.corrupt('the stream refers to data outside it');
    this.options.defer(check);
  }

  /** Runs one opcode; the answer is `stopped` after STOP. The numbers are the opcodes of Python's pickletools. */
  private step(opcode: number): typeof stopped | undefined {
    const { stream } = this;
    switch (opcode) {
      case 0x80: // PROTO
        this.checkProtocol(stream.uint8());
        return;
      case 0x95: // FRAME: a length for prefetching; the opcodes inside read on as usual
        if (stream.length64() > stream.bytes.length - stream.position) throw this.corrupt('a frame is cut');
        return;
      case 0x2e: // STOP
        return stopped;

      case 0x4e: // NONE
        return this.push(null);
      case 0x88: // NEWTRUE
        return this.push(true);
      case 0x89: // NEWFALSE
        return this.push(false);
      case 0x49: // INT, which also spells booleans
        return this.push(stream.intLine());
      case 0x4c: // LONG
        return this.push(stream.integerLine());
      case 0x4a: // BININT
        return this.push(stream.int32());
      case 0x4b: // BININT1
        return this.push(stream.uint8());
      case 0x4d: // BININT2
        return this.push(stream.uint16());
      case 0x8a: // LONG1
        return this.push(stream.integer(stream.uint8()));
      case 0x8b: // LONG4
        return this.push(stream.integer(this.nonNegative(stream.int32())));
      case 0x46: // FLOAT
        return this.push(stream.floatLine());
      case 0x47: // BINFLOAT
        return this.push(stream.float64());

      case 0x53: // STRING
        return this.push(stream.quotedLine());
      case 0x54: // BINSTRING
        return this.push(latin1OrBytes(stream.take(this.nonNegative(stream.int32()))));
      case 0x55: // SHORT_BINSTRING
        return this.push(latin1OrBytes(stream.take(stream.uint8())));
      case 0x56: // UNICODE
        return this.push(stream.rawUnicodeLine());
      case 0x58: // BINUNICODE
        return this.push(stream.text(stream.uint32()));
      case 0x8c: // SHORT_BINUNICODE
        return this.push(stream.text(stream.uint8()));
      case 0x8d: // BINUNICODE8
        return this.push(stream.text(stream.length64()));
      case 0x42: // BINBYTES
        return this.push(stream.take(stream.uint32()).slice());
      case 0x43: // SHORT_BINBYTES
        return this.push(stream.take(stream.uint8()).slice());
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        return this.push(stream.take(stream.length64()).slice());

      case 0x28: // MARK
        this.marks.push(this.stack);
        this.stack = [];
        return;
      case 0x30: // POP; on an empty stack it drops the mark
        if (this.stack.length > 0) this.stack.pop();
        else this.popMark();
        return;
      case 0x31: // POP_MARK
        this.popMark();
        return;
      case 0x32: // DUP
        return this.push(this.top());

      case 0x5d: // EMPTY_LIST
        return this.push([]);
      case 0x6c: // LIST
        return this.push(this.popMark());
      case 0x61: // APPEND
        return this.append([this.pop()]);
      case 0x65: // APPENDS
        return this.append(this.popMark());
      case 0x29: // EMPTY_TUPLE
        return this.push(new Tuple());
      case 0x74: // TUPLE
        return this.push(Tuple.from(this.popMark()));
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return this.push(this.popTuple(opcode - 0x84));
      case 0x7d: // EMPTY_DICT
        return this.push(new DictDraft());
      case 0x64: // DICT
        return this.pushDict(this.popMark());
      case 0x73: // SETITEM
        return this.setItems(this.popTuple(2));
      case 0x75: // SETITEMS
        return this.setItems(this.popMark());
      case 0x8f: // EMPTY_SET
        return this.push(new Set());
      case 0x90: // ADDITEMS
        return this.addItems(this.popMark());
      case 0x91: // FROZENSET
        return this.push(new FrozenSet(this.popMark()));

      case 0x70: // PUT
        this.memo.set(stream.indexLine(), this.top());
        return;
      case 0x71: // BINPUT
        this.memo.set(stream.uint8(), this.top());
        return;
      case 0x72: // LONG_BINPUT
        this.memo.set(stream.uint32(), this.top());
        return;
      case 0x94: // MEMOIZE
        this.memo.set(this.memo.size, this.top());
        return;
      case 0x67: // GET
        return this.push(this.remembered(stream.indexLine()));
      case 0x68: // BINGET
        return this.push(this.remembered(stream.uint8()));
      case 0x6a: // LONG_BINGET
        return this.push(this.remembered(stream.uint32()));

      case 0x63: // GLOBAL
        return this.push(this.nameOf(stream.textLine(), stream.textLine()));
      case 0x93: // STACK_GLOBAL
        return this.pushStackGlobal();
      case 0x52: // REDUCE
        return this.reduce();
      case 0x81: // NEWOBJ
        return this.newObject(null);
      case 0x92: // NEWOBJ_EX
        return this.newObject(this.pop());
      case 0x69: // INST
        return this.push(this.instantiate(this.nameOf(stream.textLine(), stream.textLine()), this.popMark()));
      case 0x6f: // OBJ
        return this.pushMarkedObject(this.popMark());
      case 0x62: // BUILD
        return this.build(this.pop());
      case 0x50: // PERSID
        return this.push(this.persistent(stream.textLine()));
      case 0x51: // BINPERSID
        return this.push(this.persistent(this.pop()));
      default:
        throw this.corrupt(`opcode 0x${opcode.toString(16)} is unknown, or not used by plain data`);
    }
  }

  private push(value: unknown): undefined {
    this.stack.push(value);
  }

  private pop(): unknown {
    if (this.stack.length === 0) throw this.corrupt('a value is missing on the stack');
    return this.stack.pop();
  }

  private top(): unknown {
    if (this.stack.length === 0) throw this.corrupt('a value is missing on the stack');
    return this.stack[this.stack.length - 1];
  }

  /** The values since the last MARK. */
  private popMark(): unknown[] {
    const outer = this.marks.pop();
    if (outer === undefined) throw this.corrupt('a mark is missing on the stack');
    const items = this.stack;
    this.stack = outer;
    return items;
  }

  private popTuple(length: number): Tuple {
    if (this.stack.length < length) throw this.corrupt(`${length} values are needed, ${this.stack.length} are there`);
    return Tuple.from(this.stack.splice(this.stack.length - length, length));
  }

  private remembered(index: number): unknown {
    if (!this.memo.has(index)) throw this.corrupt(`memo ${index} was never set`);
    return this.memo.get(index);
  }

  private checkProtocol(protocol: number): void {
    if (protocol > 5) throw this.corrupt(`pickle protocol ${protocol} is unknown; 0 to 5 are`);
  }

  private nonNegative(length: number): number {
    if (length < 0) throw this.corrupt(`a length of ${length} is negative`);
    return length;
  }

  private append(items: unknown[]): undefined {
    const target = this.top();
    const list = target instanceof PickledObject ? target.items : target;
    if (!Array.isArray(list) || list instanceof Tuple)
      throw this.corrupt('items are appended to something that is no list');
    for (const item of items) list.push(item);
  }

  private pushDict(items: unknown[]): undefined {
    this.push(new DictDraft());
    this.setItems(items);
  }

  private setItems(items: unknown[]): undefined {
    const target = this.top();
    if (items.length % 2 !== 0) throw this.corrupt('a key has no value');
    if (!(target instanceof Map) && !(target instanceof PickledObject)) {
      throw this.corrupt('keys are set on something that is no dict');
    }
    for (let i = 0; i < items.length; i += 2) {
      if (target instanceof Map) target.set(items[i], items[i + 1]);
      else target.entries.push([items[i], items[i + 1]]);
    }
  }

  private addItems(items: unknown[]): undefined {
    const target = this.top();
    if (!(target instanceof Set)) throw this.corrupt('items are added to something that is no set');
    for (const item of items) target.add(item);
  }

  private lookUp(key: string): KnownGlobal | undefined {
    for (const table of this.options.globals ?? []) {
      const known = table.get(key);
      if (known !== undefined) return known;
    }
    return undefined;
  }

  /** One object for one name, so that a name used twice stays one value. */
  private nameOf(module: string, name: string): unknown {
    const key = `${module}.${name}`;
    if (!this.names.has(key)) {
      const known = this.lookUp(key);
      this.names.set(key, known?.value !== undefined ? known.value : new PickledObject(module, name));
    }
    return this.names.get(key);
  }

  private pushStackGlobal(): undefined {
    const [module, name] = this.popTuple(2);
    if (typeof module !== 'string' || typeof name !== 'string') throw this.corrupt('a global is not named by strings');
    this.push(this.nameOf(module, name));
  }

  private reduce(): undefined {
    const [callee, args] = this.popTuple(2);
    if (!Array.isArray(args)) throw this.corrupt('a call has no arguments');
    this.push(this.call(callee, args));
  }

  call(callee: unknown, args: unknown[]): unknown {
    return this.makeObject(callee, args, 'call');
  }

  private instantiate(cls: unknown, args: unknown[]): unknown {
    return this.makeObject(cls, args, 'call');
  }

  private makeObject(callee: unknown, args: unknown[], kind: 'call' | 'new'): unknown {
    if (!(callee instanceof PickledObject)) throw this.corrupt('a value is called that is no class or function');
    if (callee.kind === 'global') {
      const known = this.lookUp(`${callee.module}.${callee.name}`);
      if (known?.call !== undefined) {
        this.charge(args.length); // one list of arguments may serve many calls
        return known.call(args, this);
      }
    }
    const object = new PickledObject(callee.module, callee.name, kind, this.toTuple(args));
    if (callee.kind !== 'global') object.callee = callee;
    return object;
  }

  /** Arguments as a tuple. A list is copied, and may be copied again and again, so it counts. */
  private toTuple(items: unknown[]): Tuple {
    if (items instanceof Tuple) return items;
    this.charge(items.length);
    return Tuple.from(items);
  }

  private newObject(keywords: unknown): undefined {
    const [cls, args] = this.popTuple(2);
    if (!Array.isArray(args)) throw this.corrupt('an object has no arguments');
    if (keywords === null || (keywords instanceof DictDraft && keywords.size === 0)) {
      return this.push(this.makeObject(cls, args, 'new'));
    }
    if (!(cls instanceof PickledObject)) throw this.corrupt('an object is made of a value that is no class');
    const object = new PickledObject(cls.module, cls.name, 'newWithKeywords', this.toTuple(args));
    object.keywords = keywords;
    if (cls.kind !== 'global') object.callee = cls;
    this.push(object);
  }

  private pushMarkedObject(items: unknown[]): undefined {
    if (items.length === 0) throw this.corrupt('an object has no class');
    this.push(this.instantiate(items[0], items.slice(1)));
  }

  private build(state: unknown): undefined {
    const target = this.top();
    if (target instanceof PickledObject) {
      target.state = state;
    } else if (target instanceof Namespace || target instanceof OrderedDict) {
      this.chargeState(state);
      const fields = attributesOf(state);
      if (fields === null) throw this.corrupt('the state of an object is not a dict of attributes');
      if (target instanceof Namespace) for (const [name, value] of fields) setField(target, name, value);
      else target.attributes = fields as unknown as Record<string, unknown>; // settled at the end
    } else if (takesPickleState(target)) {
      target[setPickleState](state, this);
    } else {
      throw this.corrupt('state is given to a value that has none');
    }
  }

  /** One dict may be the state of many objects, and is walked for each. */
  private chargeState(state: unknown): void {
    const parts = state instanceof Tuple && state.length === 2 ? state : [state];
    for (const part of parts) if (part instanceof DictDraft) this.charge(part.size);
  }

  private persistent(id: unknown): unknown {
    if (this.options.persistentLoad === undefined) throw this.corrupt('the stream refers to data outside it');
    return this.options.persistentLoad(id, this);
  }
}
