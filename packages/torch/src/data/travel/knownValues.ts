import { builtinModules, createRequire } from 'node:module';
import { runInNewContext } from 'node:vm';
import * as torch from '../../index.js';
import type { KnownPlace } from './packed.js';

const require = createRequire(import.meta.url);
/** Requiring these prints a warning. */
const deprecated = new Set(['punycode', 'sys']);

/** Names of Node's modules that are loaded: finding something must not load the rest. */
function loadedBuiltins(): string[] {
  const { moduleLoadList } = process as unknown as { moduleLoadList?: Iterable<string> };
  const loaded = new Set([...(moduleLoadList ?? [])].map((entry) => entry.replace('NativeModule ', '')));
  return builtinModules.filter((name) => !name.startsWith('_') && !deprecated.has(name) && loaded.has(name));
}

/** Globals of Node's that the language does not have. A program's own globals are not in other threads. */
const nodeGlobals = [
  ...['Buffer', 'process', 'console', 'performance', 'structuredClone', 'queueMicrotask', 'fetch', 'atob', 'btoa'],
  ...['URL', 'URLSearchParams', 'TextEncoder', 'TextDecoder', 'AbortController', 'AbortSignal', 'Event', 'EventTarget'],
  ...['Blob', 'File', 'FormData', 'Headers', 'Request', 'Response', 'ReadableStream', 'WritableStream'],
  ...['TransformStream', 'CompressionStream', 'DecompressionStream', 'MessageChannel', 'MessagePort'],
  ...['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate'],
];
const standardGlobals = (): string[] => [
  ...(runInNewContext('Object.getOwnPropertyNames(globalThis)') as string[]),
  ...nodeGlobals,
];

const isPlace = (value: unknown): value is object =>
  typeof value === 'function' || (typeof value === 'object' && value !== null);

function collect(known: Map<unknown, KnownPlace>, value: unknown, place: KnownPlace, depth: number): void {
  if (!isPlace(value) || known.has(value)) return;
  known.set(value, place);
  if (depth === 0) return;
  for (const [name, { value: part }] of Object.entries(Object.getOwnPropertyDescriptors(value)))
    if (isPlace(part) && name !== 'prototype' && name !== 'constructor')
      collect(known, part, { ...place, path: [...place.path, name] }, depth - 1);
}

let known: Map<unknown, KnownPlace> | null = null;
let knownBuiltins = 0;

/** Objects and functions that every thread has, and how to reach them there. */
export function knownValues(): ReadonlyMap<unknown, KnownPlace> {
  const builtins = loadedBuiltins();
  if (known !== null && knownBuiltins === builtins.length) return known;
  known = new Map();
  knownBuiltins = builtins.length;
  for (const [name, value] of Object.entries(torch))
    if (isPlace(value)) known.set(value, { from: 'torch', module: '', path: [name] });
  for (const name of standardGlobals()) {
    const value: unknown = Reflect.get(globalThis, name);
    if (value !== globalThis) collect(known, value, { from: 'global', module: '', path: [name] }, 1);
  }
  for (const name of builtins) collect(known, require(`node:${name}`), { from: 'node', module: name, path: [] }, 2);
  return known;
}

/** The other way round, in the other thread. */
export function valueAt({ from, module, path }: KnownPlace): unknown {
  const start: unknown = from === 'torch' ? torch : from === 'node' ? require(`node:${module}`) : globalThis;
  return path.reduce((value, name) => (value as Record<string, unknown>)[name], start);
}
