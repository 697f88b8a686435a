import { stat } from 'node:fs/promises';
import { Tensor } from '@lightning-ts/torch';
import { load, PickledObject } from '@lightning-ts/torch/serialize';
import { isPlainObject } from '../describe.js';
import { migrateCheckpoint, versionKey } from './migrateCheckpoint.js';
import { checkpointIn, withAdvice } from './readCheckpoint.js';

/** One entry of a state dict. */
export interface TensorSummary {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  /** Bytes of its elements. */
  readonly bytes: number;
}

/** What is in a checkpoint. */
export interface CheckpointSummary {
  readonly path: string;
  /** Size of the file in bytes. */
  readonly fileBytes: number;
  /** The Lightning version that wrote it; null when the file does not say. */
  readonly version: string | null;
  /** The lightning-ts version that wrote it; null when Python did. */
  readonly writtenBy: string | null;
  /** What `upgradeCheckpoint` would change; empty for a file of today's format. */
  readonly migrations: readonly string[];
  readonly epoch: number | null;
  readonly globalStep: number | null;
  /** How a run goes on from it: `exact` bit for bit, `counters` at the right batch, `none` for weights only. */
  readonly resume: 'exact' | 'counters' | 'none';
  /** The entries of the state dict in order. */
  readonly tensors: readonly TensorSummary[];
  /** Elements of all entries together. */
  readonly elements: number;
  readonly optimizers: readonly {
    readonly groups: readonly Readonly<Record<string, unknown>>[];
    readonly parameters: number;
  }[];
  readonly schedulers: readonly Readonly<Record<string, unknown>>[];
  /** States of callbacks by their keys. */
  readonly callbacks: Readonly<Record<string, unknown>>;
  readonly hyperParameters: Readonly<Record<string, unknown>>;
  /** Keys that neither Lightning nor we write: those of hooks, data modules and precision. */
  readonly otherKeys: readonly string[];
  /** Python classes in the file that have no counterpart here, as `module.name`. They were not run. */
  readonly foreignClasses: readonly string[];
}

const knownKeys = new Set([
  'epoch',
  'global_step',
  versionKey,
  'legacy_pytorch-lightning_version',
  'state_dict',
  'loops',
  'callbacks',
  'optimizer_states',
  'lr_schedulers',
  'hparams_name',
  'hparams_type',
  'hyper_parameters',
  'datamodule_hparams_name',
  'datamodule_hparams_type',
  'datamodule_hyper_parameters',
  'lightning_ts',
]);

/**
 * Reads a checkpoint, ours or Python's, of any version, and says what is in it. Every byte is checked against the file's
 * checksums; nothing in the file is run, and the file is not changed.
 *
 * @throws LightningError CHECKPOINT_INVALID, CHECKPOINT_DAMAGED; SerializeError READ_FAILED
 */
export async function inspectCheckpoint(path: string): Promise<CheckpointSummary> {
  const checkpoint = checkpointIn(await withAdvice(path, load(path, { mapLocation: 'cpu' })), path);
  const foreignClasses = new Set<string>();
  collectForeign(checkpoint, foreignClasses, new Set());
  const { changes, from } = migrateCheckpoint(checkpoint);
  const ours = isPlainObject(checkpoint.lightning_ts) ? checkpoint.lightning_ts : null;
  const tensors = [...checkpoint.state_dict].flatMap(([name, value]) => summaryOf(name, value));
  return {
    path,
    fileBytes: (await stat(path)).size,
    version: from,
    writtenBy: typeof ours?.version === 'string' ? ours.version : null,
    migrations: changes,
    epoch: numberIn(checkpoint, 'epoch'),
    globalStep: numberIn(checkpoint, 'global_step'),
    resume: !Array.isArray(checkpoint.optimizer_states) ? 'none' : ours?.in_flight === undefined ? 'counters' : 'exact',
    tensors,
    elements: tensors.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0),
    optimizers: listIn(checkpoint, 'optimizer_states').map(optimizerSummary),
    schedulers: listIn(checkpoint, 'lr_schedulers').filter(isPlainObject),
    callbacks: isPlainObject(checkpoint.callbacks) ? checkpoint.callbacks : {},
    hyperParameters: isPlainObject(checkpoint.hyper_parameters) ? checkpoint.hyper_parameters : {},
    otherKeys: Object.keys(checkpoint).filter((key) => !knownKeys.has(key)),
    foreignClasses: [...foreignClasses].sort(),
  };
}

function summaryOf(name: string, value: unknown): TensorSummary[] {
  if (!(value instanceof Tensor)) return [];
  return [{ name, shape: value.shape, dtype: value.dtype, bytes: value.numel() * value.elementSize() }];
}

function optimizerSummary(state: unknown): CheckpointSummary['optimizers'][number] {
  const groups =
    isPlainObject(state) && Array.isArray(state.param_groups) ? state.param_groups.filter(isPlainObject) : [];
  const withoutParams = groups.map((group) =>
    Object.fromEntries(Object.entries(group).filter(([key]) => key !== 'params')),
  );
  const parameters = groups.reduce((sum, { params }) => sum + (Array.isArray(params) ? params.length : 0), 0);
  return { groups: withoutParams, parameters };
}

function numberIn(checkpoint: Record<string, unknown>, key: string): number | null {
  const value = checkpoint[key];
  return typeof value === 'number' ? value : null;
}

function listIn(checkpoint: Record<string, unknown>, key: string): unknown[] {
  const value = checkpoint[key];
  return Array.isArray(value) ? value : [];
}

/** Finds what came as an inert record, at any depth. */
function collectForeign(value: unknown, found: Set<string>, seen: Set<unknown>): void {
  if (typeof value !== 'object' || value === null || value instanceof Tensor || ArrayBuffer.isView(value)) return;
  if (seen.has(value)) return;
  seen.add(value);
  const children: unknown[] = [];
  if (value instanceof PickledObject) {
    found.add(`${value.module}.${value.name}`);
    children.push(...value.args, ...value.items, ...value.entries.flat(), value.state);
  } else if (value instanceof Map) children.push(...value.keys(), ...value.values());
  else if (value instanceof Set || Array.isArray(value)) children.push(...value);
  else children.push(...Object.values(value));
  for (const child of children) collectForeign(child, found, seen);
}
