import { NumpyArray } from './numpyValues.js';
import { Namespace, OrderedDict, PickledObject, Tuple } from './pythonValues.js';

/** A dict still being filled; becomes a plain object or a Map when the stream ends. */
export class DictDraft extends Map<unknown, unknown> {}

/** The attributes in a `BUILD` state: a dict, or a pair of dict or None and slots. */
export function attributesOf(state: unknown): DictDraft | null {
  if (state instanceof DictDraft && hasOnlyStringKeys(state)) return state;
  if (state instanceof Tuple && state.length === 2) {
    const merged = new DictDraft();
    for (const part of state) {
      if (part === null) continue;
      if (!(part instanceof DictDraft) || !hasOnlyStringKeys(part)) return null;
      for (const [key, value] of part) merged.set(key, value);
    }
    return merged;
  }
  return null;
}

function hasOnlyStringKeys(map: ReadonlyMap<unknown, unknown>): map is Map<string, unknown> {
  for (const key of map.keys()) if (typeof key !== 'string') return false;
  return true;
}

/** Sets an own field whatever its name: `__proto__` must not reach the prototype. */
export function setField(target: object, name: unknown, value: unknown): void {
  Object.defineProperty(target, name as string, { value, writable: true, enumerable: true, configurable: true });
}

/**
 * Replaces every {@link DictDraft} within `root` by a plain object or a Map. Works through a list instead of calling
 * itself, for a stream may nest deeper than the JavaScript stack, and visits shared values once.
 */
export function settleDicts(root: unknown): unknown {
  const settled = new Map<unknown, unknown>();
  const waiting: object[] = [];

  const settle = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    const known = settled.get(value);
    if (known !== undefined) return known;
    const result = value instanceof DictDraft ? (hasOnlyStringKeys(value) ? {} : new Map()) : value;
    settled.set(value, result);
    waiting.push(value);
    return result;
  };

  const result = settle(root);
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (value instanceof DictDraft) {
      const target = settled.get(value) as object;
      for (const [key, item] of value) {
        if (target instanceof Map) target.set(settle(key), settle(item));
        else setField(target, key, settle(item));
      }
    } else if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) value[i] = settle(value[i]);
    } else if (value instanceof Map) {
      for (const [key, item] of value) {
        settle(key);
        value.set(key, settle(item));
      }
      if (value instanceof OrderedDict && value.attributes !== undefined) {
        value.attributes = settle(value.attributes) as Record<string, unknown>;
      }
    } else if (value instanceof Set) {
      for (const item of value) settle(item); // a dict cannot be in a set
    } else if (value instanceof PickledObject) {
      settlePickledObject(value, settle);
    } else if (value instanceof NumpyArray) {
      settle(value.data);
    } else if (value instanceof Namespace) {
      for (const name of Object.keys(value)) setField(value, name, settle(value[name]));
    }
  }
  return result;
}

function settlePickledObject(object: PickledObject, settle: (value: unknown) => unknown): void {
  settle(object.args);
  settle(object.items);
  settle(object.callee);
  object.keywords = settle(object.keywords);
  object.state = settle(object.state);
  object.entries = object.entries.map(([key, item]) => [settle(key), settle(item)]);
}
