import { existsSync } from 'node:fs';
import { type Tensor, warn } from '@lightning-ts/torch';
import { load, type MapLocation } from '@lightning-ts/torch/serialize';
import { LightningError } from '../errors.js';
import { describe, fromStored, isPlainObject } from './hparams.js';
import type { AnyLightningModule } from './lightningModule.js';

/** How to read a checkpoint; everything else given beside these replaces a saved hyperparameter. */
export interface LoadFromCheckpointOptions {
  /** Whether the checkpoint's keys and the module's must be the same. Default: the module's `strictLoading`. */
  readonly strict?: boolean;
  /** Puts tensors on other devices than those they were saved from. Default: the CPU. */
  readonly mapLocation?: MapLocation;
}

/** What every checkpoint has. */
export interface ReadCheckpoint extends Record<string, unknown> {
  readonly state_dict: Map<string, Tensor>;
}

/**
 * Reads a checkpoint, ours or Python Lightning's.
 *
 * @throws LightningError CHECKPOINT_NOT_FOUND, CHECKPOINT_INVALID for a file of something else
 */
export async function readCheckpoint(path: string, mapLocation: MapLocation = 'cpu'): Promise<ReadCheckpoint> {
  if (!existsSync(path)) {
    throw new LightningError('CHECKPOINT_NOT_FOUND', `There is no checkpoint at '${path}'. Check the path.`);
  }
  const content = await load(path, { mapLocation });
  if (isPlainObject(content)) {
    const { state_dict } = content;
    if (state_dict instanceof Map) return content as ReadCheckpoint;
    // An empty state dict, or one that Python held in a plain dict.
    if (isPlainObject(state_dict))
      return { ...content, state_dict: new Map(Object.entries(state_dict) as [string, Tensor][]) };
  }
  throw new LightningError(
    'CHECKPOINT_INVALID',
    `'${path}' is no checkpoint of a LightningModule: it holds ${describe(content)}, without a state_dict. Load a plain state ` +
      'dict with load from @lightning-ts/torch/serialize and module.loadStateDict.',
  );
}

/** The saved hyperparameters by our names, those of older files included. */
export function hyperparametersIn(checkpoint: ReadCheckpoint): Record<string, unknown> {
  const ours = checkpoint.lightning_ts;
  const names = isPlainObject(ours) && isPlainObject(ours.hparams_names) ? ours.hparams_names : {};
  const stored: Record<string, unknown> = {};
  for (const key of ['module_arguments', 'hparams', 'hyper_parameters']) {
    const part = checkpoint[key];
    if (isPlainObject(part)) Object.assign(stored, part);
  }
  return fromStored(stored, names);
}

/** Builds a module from a checkpoint; see `LightningModule.loadFromCheckpoint`. */
export async function loadModuleFromCheckpoint<Model extends AnyLightningModule>(
  create: new (options: object) => Model,
  path: string,
  given: object,
): Promise<Model> {
  const { strict, mapLocation, ...overrides } = given as LoadFromCheckpointOptions & Record<string, unknown>;
  const checkpoint = await readCheckpoint(path, mapLocation);
  const module = new create({ ...hyperparametersIn(checkpoint), ...overrides });
  await module.configureModel?.();
  await module.onLoadCheckpoint?.(checkpoint as never);
  loadWeights(module, checkpoint, path, strict ?? module.strictLoading);
  return module;
}

/**
 * Loads the weights of a checkpoint.
 *
 * @throws LightningError CHECKPOINT_INVALID when they do not fit
 */
export function loadWeights(
  module: AnyLightningModule,
  checkpoint: ReadCheckpoint,
  path: string,
  strict: boolean,
): void {
  if (checkpoint.state_dict.size === 0) {
    warn('CHECKPOINT_EMPTY', `The checkpoint '${path}' has an empty state_dict: no weights were loaded.`);
  }
  let keys: ReturnType<AnyLightningModule['loadStateDict']>;
  try {
    keys = module.loadStateDict(checkpoint.state_dict, { strict });
  } catch (error) {
    throw new LightningError(
      'CHECKPOINT_INVALID',
      `The weights in '${path}' do not fit ${module.constructor.name}: ${(error as Error).message}`,
      { cause: error },
    );
  }
  const { missingKeys, unexpectedKeys } = keys;
  if (missingKeys.length + unexpectedKeys.length === 0) return;
  warn(
    'CHECKPOINT_KEYS',
    `Not everything in '${path}' and ${module.constructor.name} fits together. Missing in the file: ` +
      `${missingKeys.join(', ') || 'nothing'}. Unknown to the module: ${unexpectedKeys.join(', ') || 'nothing'}.`,
  );
}
