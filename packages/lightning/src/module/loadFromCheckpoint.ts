import { warn } from '@lightning-ts/torch';
import { type MapLocation, PickledObject } from '@lightning-ts/torch/serialize';
import { nameOfSource, type ReadCheckpoint, readCheckpoint } from '../checkpoint/readCheckpoint.js';
import { isPlainObject } from '../describe.js';
import { LightningError } from '../errors.js';
import { fromStored } from './hparams.js';
import { readHparamsFile } from './hparamsFile.js';
import type { AnyLightningModule } from './lightningModule.js';

/** How to read a checkpoint; everything else given beside these replaces a saved hyperparameter. */
export interface LoadFromCheckpointOptions {
  /** Whether the checkpoint's keys and the module's must be the same. Default: the module's `strictLoading`. */
  readonly strict?: boolean;
  /** Puts tensors on other devices than those they were saved from. Default: the CPU. */
  readonly mapLocation?: MapLocation;
  /** A `.yaml` or `.csv` file whose hyperparameters take the place of the saved ones. */
  readonly hparamsFile?: string;
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
  // A module that Python's command line built: how it was built is not run, and is no option of the module.
  for (const key of ['_instantiator', '_class_path']) delete stored[key];
  return fromStored(stored, names);
}

/** Builds a module from a checkpoint; see `LightningModule.loadFromCheckpoint`. */
export async function loadModuleFromCheckpoint<Model extends AnyLightningModule>(
  create: new (options: object) => Model,
  source: string | Uint8Array,
  given: object,
): Promise<Model> {
  const path = nameOfSource(source);
  const { strict, mapLocation, hparamsFile, ...overrides } = given as LoadFromCheckpointOptions &
    Record<string, unknown>;
  const checkpoint = await readCheckpoint(source, mapLocation);
  const saved =
    hparamsFile === undefined ? hyperparametersIn(checkpoint) : fromStored(await readHparamsFile(hparamsFile), {});
  const module = new create({ ...plainHyperparameters(saved, overrides, path), ...overrides });
  await module.configureModel?.();
  await module.onLoadCheckpoint?.(checkpoint as never);
  loadWeights(module, checkpoint, path, strict ?? module.strictLoading);
  // Where mapLocation put the weights.
  const [first] = checkpoint.state_dict.values();
  if (first !== undefined && first.device.type !== 'cpu') module.to(first.device);
  return module;
}

/** Builds a data module from a checkpoint; see `LightningDataModule.loadFromCheckpoint`. */
export async function loadDataModuleFromCheckpoint(
  create: new (options: object) => object,
  source: string | Uint8Array,
  given: object,
): Promise<object> {
  const path = nameOfSource(source);
  const { hparamsFile, ...overrides } = given as { hparamsFile?: string } & Record<string, unknown>;
  const checkpoint = await readCheckpoint(source);
  const { datamodule_hyper_parameters: stored, lightning_ts: ours } = checkpoint;
  const names =
    isPlainObject(ours) && isPlainObject(ours.datamodule_hparams_names) ? ours.datamodule_hparams_names : {};
  const saved =
    hparamsFile === undefined
      ? fromStored(isPlainObject(stored) ? stored : {}, names)
      : fromStored(await readHparamsFile(hparamsFile), {});
  return new create({ ...plainHyperparameters(saved, overrides, path), ...overrides });
}

/** Leaves out what is an object of a Python class: it cannot be built without running the file's code. */
function plainHyperparameters(
  saved: Record<string, unknown>,
  overrides: Readonly<Record<string, unknown>>,
  path: string,
): Record<string, unknown> {
  for (const [name, value] of Object.entries(saved)) {
    if (!(value instanceof PickledObject)) continue;
    delete saved[name];
    if (name in overrides) continue;
    warn(
      'HPARAMS_FOREIGN',
      `The hyperparameter '${name}' in '${path}' is a Python object, ${value}, which is not built here. It was left out; give ` +
        `it to loadFromCheckpoint: { ${name}: ... }.`,
    );
  }
  return saved;
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
