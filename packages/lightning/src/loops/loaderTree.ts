import { isPlainObject } from '../describe.js';
import { isLoader } from './loaderKinds.js';

/** Loaders in arrays and records, nested to any depth: as a list, and the way back. */
export interface LoaderTree {
  /** The loaders, in order. */
  readonly leaves: readonly unknown[];
  /** The same nesting with other values in the loaders' places. */
  build(values: readonly unknown[]): unknown;
}

/**
 * Whether a value is a collection of loaders, rather than one loader: a list of batches. A record is when every value is a
 * loader; an array when every item is an iterable of its own kind, such as a DataLoader, since arrays in it are batches.
 */
export function isLoaderCollection(value: unknown, onlyOwnKinds = false): boolean {
  const isOne = (item: unknown, strictly: boolean): boolean =>
    isLoaderCollection(item, strictly) || (isLoader(item) && !(strictly && isBatchLike(item)));
  if (Array.isArray(value)) return value.length > 0 && value.every((item) => isOne(item, true));
  if (!isPlainObject(value) || isLoader(value)) return false;
  const items = Object.values(value);
  return items.length > 0 && items.every((item) => isOne(item, onlyOwnKinds));
}

/** Takes a collection of loaders apart. `value` itself is always a collection if it can be one; inside, the rule above decides. */
export function loaderTree(value: unknown): LoaderTree {
  const leaves: unknown[] = [];
  const build = readNode(value, true, leaves);
  return { leaves, build: (values) => build(values) };
}

type Build = (values: readonly unknown[]) => unknown;

function readNode(value: unknown, isTop: boolean, leaves: unknown[]): Build {
  const isArray = Array.isArray(value);
  if (isArray && (isTop || isLoaderCollection(value))) {
    const parts = value.map((item) => readNode(item, false, leaves));
    return (values) => parts.map((part) => part(values));
  }
  if (!isArray && isPlainObject(value) && !isLoader(value) && (isTop || isLoaderCollection(value))) {
    const parts = Object.entries(value).map(([name, item]) => [name, readNode(item, false, leaves)] as const);
    return (values) => Object.fromEntries(parts.map(([name, part]) => [name, part(values)]));
  }
  const place = leaves.length;
  leaves.push(value);
  return (values) => values[place];
}

function isBatchLike(value: unknown): boolean {
  return Array.isArray(value) || value instanceof Map;
}
