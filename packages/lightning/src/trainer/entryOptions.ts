import { LightningError } from '../errors.js';
import { isLoader } from '../loops/loaderKinds.js';
import { LightningDataModule } from '../module/dataModule.js';
import { describe, isPlainObject } from '../module/hparams.js';
import type { EvaluationLoaders, TrainLoaders } from '../module/loaderTypes.js';
import { nearestNames } from '../nearestNames.js';

/** What `fit` trains on. */
export interface FitOptions<Batch = unknown> {
  /** A loader, or an array or record of them: then a batch is nested the same way. */
  readonly trainDataloaders?: TrainLoaders<Batch>;
  readonly valDataloaders?: EvaluationLoaders<Batch>;
  readonly datamodule?: LightningDataModule;
  /** A checkpoint to continue from: a path, `'last'`, `'best'`, `'hpc'`, or `'auto'` (the newest one if there is any). */
  readonly ckptPath?: string | null;
}

/** What `validate` and `test` run on. */
export interface EvaluationOptions<Batch = unknown> {
  readonly dataloaders?: EvaluationLoaders<Batch>;
  readonly datamodule?: LightningDataModule;
  /** The weights to use: a path, `'best'`, `'last'`. Default: the module's own; without a module, the best ones. */
  readonly ckptPath?: string | null;
  /** Print the table of results. Default true. */
  readonly verbose?: boolean;
}

/** What `predict` runs on. */
export interface PredictOptions<Batch = unknown> extends Omit<EvaluationOptions<Batch>, 'verbose'> {
  /** Gather the outputs. Default true; false for callbacks that take them. */
  readonly returnPredictions?: boolean;
}

/** Where an evaluation's data may stand. */
export type EvaluationData<Batch> = EvaluationLoaders<Batch> | LightningDataModule;

/**
 * What to train on, given as loaders, as a data module, or by name.
 *
 * @throws LightningError OPTION_UNKNOWN for a name that `fit` does not have
 */
export function fitOptionsOf<Batch>(
  data: TrainLoaders<Batch> | LightningDataModule | FitOptions<Batch>,
  valDataloaders: EvaluationLoaders<Batch> | undefined,
): FitOptions<Batch> {
  if (data instanceof LightningDataModule) return { datamodule: data };
  if (isLoader(data)) return { trainDataloaders: data as TrainLoaders<Batch>, valDataloaders };
  // The loaders' place may hold a data module, as in the reference.
  const { trainDataloaders } = data as FitOptions<Batch>;
  checkOptions('fit', data, ['trainDataloaders', 'valDataloaders', 'datamodule', 'ckptPath']);
  if (!((trainDataloaders as unknown) instanceof LightningDataModule)) return data as FitOptions<Batch>;
  const { trainDataloaders: datamodule, ...rest } = data as FitOptions<Batch>;
  return { ...rest, datamodule: datamodule as unknown as LightningDataModule };
}

/**
 * What to evaluate on, given as loaders, as a data module, or by name.
 *
 * @throws LightningError OPTION_UNKNOWN for a name that the entry point does not have
 */
export function evaluationOptionsOf<Options extends EvaluationOptions>(
  stage: 'validate' | 'test' | 'predict',
  data: unknown,
): Options {
  if (data instanceof LightningDataModule) return { datamodule: data } as Options;
  if (isLoader(data)) return { dataloaders: data } as Options;
  checkOptions(stage, data, [
    'dataloaders',
    'datamodule',
    'ckptPath',
    stage === 'predict' ? 'returnPredictions' : 'verbose',
  ]);
  const { dataloaders } = data as EvaluationOptions;
  return (dataloaders instanceof LightningDataModule ? { datamodule: dataloaders } : data) as Options;
}

function checkOptions(stage: string, options: unknown, known: readonly string[]): void {
  if (!isPlainObject(options)) {
    throw new LightningError(
      'LOADER_INVALID',
      `${stage} was given ${describe(options)} as its data. Give a loader, a LightningDataModule, or an object with ${known.join(', ')}.`,
    );
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const near = nearestNames(name, known).map((candidate) => `'${candidate}'`);
    throw new LightningError(
      'OPTION_UNKNOWN',
      `${stage} has no option '${name}'. ${near.length > 0 ? `Did you mean ${near.join(' or ')}?` : `It has ${known.join(', ')}.`}`,
    );
  }
  checkValue(stage, options, 'datamodule', (value) => value instanceof LightningDataModule, 'a LightningDataModule');
  checkValue(stage, options, 'ckptPath', (value) => typeof value === 'string' && value !== '', 'a path or null');
  for (const name of ['verbose', 'returnPredictions'])
    checkValue(stage, options, name, (value) => typeof value === 'boolean', 'true or false');
}

function checkValue(
  stage: string,
  options: Readonly<Record<string, unknown>>,
  name: string,
  isGood: (value: unknown) => boolean,
  expected: string,
): void {
  const value = options[name];
  if (value === undefined || value === null || isGood(value)) return;
  throw new LightningError('OPTION_INVALID', `${stage}: ${name} is ${describe(value)}. Use ${expected}.`);
}
