import { warn } from '@lightning-ts/torch';
import { Namespace, OrderedDict, PickledObject } from '@lightning-ts/torch/serialize';
import { isPlainObject } from '../describe.js';
import { compareVersions, formatVersion } from './formatVersion.js';
import { classNameOf, migrations } from './migrations.js';

/** What bringing a checkpoint up to date did. */
export interface MigrationReport {
  /** The version that wrote the file; null when the file does not say. */
  readonly from: string | null;
  /** What was changed, in order; empty for a file of today's format. */
  readonly changes: readonly string[];
}

export const versionKey = 'pytorch-lightning_version';
export const legacyVersionKey = 'legacy_pytorch-lightning_version';

/**
 * Brings a checkpoint of an older Lightning to today's format, in place, as the reference does: every change whose version is
 * above the file's, in ascending order. The old version stays in `legacy_pytorch-lightning_version`.
 *
 * A file that does not say its version counts as the oldest. One that is newer than what is known here is left alone, with a
 * warning.
 */
export function migrateCheckpoint(checkpoint: Record<string, unknown>): MigrationReport {
  const stored = checkpoint[versionKey];
  const from = typeof stored === 'string' ? stored : null;
  const changes = plainValues(checkpoint);
  if (from !== null && compareVersions(from, formatVersion) >= 0) {
    if (compareVersions(minorOf(from), minorOf(formatVersion)) > 0) {
      warn(
        'CHECKPOINT_NEWER',
        `The checkpoint was written by Lightning ${from}, and this version knows the format up to ${formatVersion}. It is read ` +
          'as it is.',
      );
    }
    return { from, changes };
  }
  for (const { apply, version } of migrations) {
    if (compareVersions(from ?? '0', version) < 0) changes.push(...apply(checkpoint));
  }
  checkpoint[versionKey] = formatVersion;
  checkpoint[legacyVersionKey] ??= from ?? 'unknown';
  return { from, changes };
}

const minorOf = (version: string): string => version.split('.').slice(0, 2).join('.');

/** Turns what Python wrote with classes of its own into plain data: keys, dicts with attributes, enumerations. */
function plainValues(checkpoint: Record<string, unknown>): string[] {
  const changes: string[] = [];
  const { callbacks } = checkpoint;
  if (callbacks instanceof Map) {
    // Before 1.5 the keys were the classes themselves.
    checkpoint.callbacks = Object.fromEntries(
      [...callbacks].map(([key, state]) => [classNameOf(key) ?? String(key), plainRecord(state) ?? state]),
    );
    changes.push('callbacks: classes as keys are now their names');
  }
  if (isPlainObject(checkpoint.callbacks)) {
    for (const state of Object.values(checkpoint.callbacks)) if (isPlainObject(state)) unwrapEnumerations(state);
  }
  for (const key of hyperparameterKeys) {
    const value = checkpoint[key];
    if (value === undefined || isPlainObject(value)) continue;
    const record = plainRecord(value);
    if (record === null) continue;
    checkpoint[key] = record;
    changes.push(`${key} is now a plain dict`);
  }
  return changes;
}

const hyperparameterKeys = ['hyper_parameters', 'hparams', 'module_arguments', 'datamodule_hyper_parameters'];

/** The entries of a dict of some class: `AttributeDict` and the like, a Namespace, an OrderedDict. */
function plainRecord(value: unknown): Record<string, unknown> | null {
  if (isPlainObject(value)) return value;
  if (value instanceof Namespace) return { ...value };
  const entries =
    value instanceof OrderedDict
      ? [...(value as Map<unknown, unknown>)]
      : value instanceof PickledObject && value.kind !== 'global'
        ? value.entries
        : null;
  if (entries === null || !entries.every(([key]) => typeof key === 'string')) return null;
  if (value instanceof PickledObject && entries.length === 0 && value.state !== undefined) return null;
  return Object.fromEntries(entries as [string, unknown][]);
}

/** A member of a Python enumeration is pickled as a call of its class with its value, or, by 3.11, as a look-up of its name. */
function unwrapEnumerations(state: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(state)) {
    if (!(value instanceof PickledObject) || value.kind !== 'call') continue;
    const isLookUp = value.name === 'getattr' && value.args.length === 2;
    const inner = isLookUp ? value.args[1] : value.args[0];
    if (!isLookUp && value.args.length !== 1) continue;
    if (typeof inner === 'number' || typeof inner === 'string') state[key] = inner;
  }
}
