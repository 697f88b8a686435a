import { Tensor, warn } from '@lightning-ts/torch';
import { Module, stateKeyOf } from '@lightning-ts/torch/nn';
import { describe, isPlainObject } from '../describe.js';
import { LightningError } from '../errors.js';

export { describe, isPlainObject };

/** What to leave out of the saved hyperparameters, and whether loggers see them. */
export interface SaveHyperparametersOptions {
  /** Names to leave out; a name saved earlier is removed. */
  readonly ignore?: string | readonly string[];
  /** Send the hyperparameters to the loggers. Default true. */
  readonly logger?: boolean;
}

/** The hyperparameters of one module or data module. */
export interface HparamsRecord {
  /** The live object: what `hparams` returns and what checkpoints store. */
  readonly values: Record<string, unknown>;
  /** A copy from the time of saving. */
  initial: Record<string, unknown>;
  /** Whether loggers see them. */
  isLogged: boolean;
}

const records = new WeakMap<object, HparamsRecord>();

/** The hyperparameters of `owner`, created empty at the first call. */
export function hparamsOf(owner: object): HparamsRecord {
  let record = records.get(owner);
  if (record === undefined) {
    record = { values: {}, initial: {}, isLogged: true };
    records.set(owner, record);
  }
  return record;
}

/**
 * Adds the entries of `options` to the hyperparameters of `owner`; later calls win.
 *
 * @throws LightningError HPARAMS_INVALID when `options` is not a plain object
 */
export function addHyperparameters(
  owner: object,
  options: object,
  { ignore = [], logger = true }: SaveHyperparametersOptions,
): void {
  if (!isPlainObject(options)) {
    throw new LightningError(
      'HPARAMS_INVALID',
      `saveHyperparameters expects the object with the options of ${owner.constructor.name}, got ${describe(options)}. ` +
        'Call this.saveHyperparameters(options) in the constructor.',
    );
  }
  const record = hparamsOf(owner);
  const ignored = new Set(typeof ignore === 'string' ? [ignore] : ignore);
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || ignored.has(name)) continue;
    if (value instanceof Module) {
      warn(
        'HPARAMS_MODULE',
        `The hyperparameter '${name}' of ${owner.constructor.name} is a module. Its weights are in the checkpoint already; leave ` +
          `it out with this.saveHyperparameters(options, { ignore: ['${name}'] }).`,
      );
    }
    record.values[name] = value;
  }
  for (const name of ignored) delete record.values[name];
  record.initial = copyPlain(record.values) as Record<string, unknown>;
  record.isLogged = logger;
}

/** Hyperparameters as a checkpoint stores them, and the names of those it cannot store. */
export interface StoredHparams {
  /** Python's name -> value. */
  readonly stored: Record<string, unknown>;
  /** Python's name -> our name, for every stored entry. */
  readonly names: Record<string, string>;
  readonly dropped: readonly string[];
}

/** Turns the names into Python's and leaves out what a file of plain data cannot hold. Nested names stay as they are. */
export function toStored(values: Readonly<Record<string, unknown>>): StoredHparams {
  const stored: Record<string, unknown> = {};
  const names: Record<string, string> = {};
  const dropped: string[] = [];
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    if (!isStorable(value, new Set())) {
      dropped.push(name);
      continue;
    }
    const key = stateKeyOf(name);
    stored[key] = value;
    names[key] = name;
  }
  return { stored, names, dropped };
}

/** Our names for stored hyperparameters: those in `names`, else camelCase. */
export function fromStored(
  stored: Readonly<Record<string, unknown>>,
  names: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(stored)) {
    const name = names[key];
    values[typeof name === 'string' ? name : camelCase(key)] = value;
  }
  return values;
}

function camelCase(key: string): string {
  return key.replace(/(?<=[a-z0-9])_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function isStorable(value: unknown, above: Set<unknown>): boolean {
  if (value === null || value === undefined) return true;
  if (typeof value !== 'object') return typeof value !== 'function' && typeof value !== 'symbol';
  if (value instanceof Tensor || value instanceof Uint8Array) return true;
  if (above.has(value)) return false;
  above.add(value);
  let isGood = false;
  if (Array.isArray(value)) isGood = value.every((item) => isStorable(item, above));
  else if (value instanceof Map) isGood = [...value].every((pair) => pair.every((item) => isStorable(item, above)));
  else if (isPlainObject(value)) isGood = Object.values(value).every((item) => isStorable(item, above));
  above.delete(value);
  return isGood;
}

/** A copy of nested objects and arrays; everything else is shared. */
export function copyPlain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyPlain);
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copyPlain(item)]));
}
