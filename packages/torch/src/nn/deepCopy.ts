import { Parameter } from '../parameter.js';
import { Tensor } from '../tensor.js';

type Memo = Map<object, unknown>;

/** What the copying of a module needs to know about modules, which it cannot import. */
export interface CopyRules {
  isModule(value: object): boolean;
  /** A module that copies itself in a way of its own. */
  ownCopy(module: object): object | null;
  /** Called with each copied module and its original, when all fields are there. */
  finish(copy: object, original: object): void;
}

function copyTensor(tensor: Tensor): Tensor {
  const data = tensor.detach().clone();
  if (tensor instanceof Parameter) return new Parameter(data, { requiresGrad: tensor.requiresGrad });
  if (tensor.isLeaf && tensor.requiresGrad) data.requiresGrad = true;
  return data;
}

function copyFields(original: object, memo: Memo, rules: CopyRules): object {
  const copy = Object.create(Object.getPrototypeOf(original)) as object;
  memo.set(original, copy);
  for (const key of Reflect.ownKeys(original)) {
    const descriptor = Object.getOwnPropertyDescriptor(original, key)!;
    if ('value' in descriptor) descriptor.value = copyValue(descriptor.value, memo, rules);
    Object.defineProperty(copy, key, descriptor);
  }
  return copy;
}

/**
 * A copy of a module with all it holds: modules, tensors, arrays, maps, sets and plain objects; what occurs twice is
 * copied once. Functions and objects of other classes are shared.
 */
export function copyModule<M extends object>(module: M, rules: CopyRules): M {
  const copy = copyFields(module, new Map(), rules);
  rules.finish(copy, module);
  return copy as M;
}

function copyValue(value: unknown, memo: Memo, rules: CopyRules): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const known = memo.get(value);
  if (known !== undefined) return known;
  const remember = <T extends object>(copy: T): T => {
    memo.set(value, copy);
    return copy;
  };
  if (value instanceof Tensor) return remember(copyTensor(value));
  if (rules.isModule(value)) {
    const own = rules.ownCopy(value);
    if (own !== null) return remember(own);
    const copy = copyFields(value, memo, rules);
    rules.finish(copy, value);
    return copy;
  }
  if (Array.isArray(value)) {
    const copy = remember(new Array<unknown>(value.length));
    value.forEach((entry, i) => {
      copy[i] = copyValue(entry, memo, rules);
    });
    return copy;
  }
  if (value instanceof Map) {
    const copy = remember(new (value.constructor as MapConstructor)());
    for (const [key, entry] of value) copy.set(copyValue(key, memo, rules), copyValue(entry, memo, rules));
    return copy;
  }
  if (value instanceof Set) {
    const copy = remember(new Set<unknown>());
    for (const entry of value) copy.add(copyValue(entry, memo, rules));
    return copy;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? copyFields(value, memo, rules) : value;
}
