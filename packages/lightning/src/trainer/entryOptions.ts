import { isLoader } from '../loops/batchCursor.js';
import { LightningDataModule } from '../module/dataModule.js';
import type { EvaluationLoaders, Loader } from '../module/loaderTypes.js';

/** What `fit` trains on. */
export interface FitOptions<Batch = unknown> {
  readonly trainDataloaders?: Loader<Batch>;
  readonly valDataloaders?: EvaluationLoaders<Batch>;
  readonly datamodule?: LightningDataModule;
  /** A checkpoint to continue from: a path, `'last'`, `'best'`, or `'auto'` (the last one if there is any). */
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

/** What to train on, given as loaders, as a data module, or by name. */
export function fitOptionsOf<Batch>(
  data: Loader<Batch> | LightningDataModule | FitOptions<Batch>,
  valDataloaders: EvaluationLoaders<Batch> | undefined,
): FitOptions<Batch> {
  if (data instanceof LightningDataModule) return { datamodule: data };
  return isLoader(data) ? { trainDataloaders: data as Loader<Batch>, valDataloaders } : data;
}

/** What to evaluate on, given as loaders, as a data module, or by name. */
export function evaluationOptionsOf<Options extends EvaluationOptions>(data: unknown): Options {
  if (data instanceof LightningDataModule) return { datamodule: data } as Options;
  return (isLoader(data) ? { dataloaders: data } : data) as Options;
}
