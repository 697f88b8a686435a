import { forkRng, manualSeed, randint, warn } from '@lightning-ts/torch';
import { DataLoader, type Dataset, type LoaderOptions, Subset } from '@lightning-ts/torch/data';
import { describe } from '../describe.js';
import { LightningError } from '../errors.js';
import type { LightningDataModule } from '../module/dataModule.js';
import type { LightningModule } from '../module/lightningModule.js';
import type { Loader } from '../module/loaderTypes.js';
import { OptionReader } from '../optionReader.js';
import { formatSeconds } from '../terminal/numberText.js';
import type { Trainer } from '../trainer/trainer.js';
import { CrossValidationResult, type FoldResult } from './crossValidationResult.js';
import type { Fold } from './fold.js';
import { checkConfidence } from './pairedTests.js';

/** Options of the loaders that `dataset` is read with. */
export interface FoldLoaderOptions extends Omit<LoaderOptions, 'sampler' | 'batchSampler'> {
  /** Samples in a batch, default 1. */
  readonly batchSize?: number;
  /** Whether training samples come in a new order each epoch, default true. Held-out ones never do. */
  readonly shuffle?: boolean;
}

export interface CrossValidationOptions<Batch> {
  /** What to train on and hold out, as a splitter's `split` gives it. */
  readonly folds: Iterable<Fold>;
  /** Makes the model of a fold. A new one each time: nothing that was learnt may pass on. */
  readonly model: (fold: Fold) => LightningModule<Batch, object> | Promise<LightningModule<Batch, object>>;
  /** Makes the Trainer of a fold, with loggers and callbacks of its own. */
  readonly trainer: (fold: Fold) => Trainer;
  /** The samples that the folds' indices mean. Either this or `datamodule`. */
  readonly dataset?: Dataset<unknown, Batch> | Dataset;
  /** How `dataset` is read. */
  readonly loader?: FoldLoaderOptions;
  /** Makes the data of a fold: it trains with `trainDataloader`, and is judged by `valDataloader` or `testDataloader`. */
  readonly datamodule?: (fold: Fold) => LightningDataModule | Promise<LightningDataModule>;
  /**
   * `'validate'` (default): the held-out samples are validation data, also during training. `'test'`: training does not see them;
   * they are judged by `testStep` at the end.
   */
  readonly score?: 'validate' | 'test';
  /** Weights to judge: `'best'`, `'last'`, or those at the end of training (default). */
  readonly ckptPath?: 'best' | 'last' | null;
  /** Seeds the first fold, each next one with the next number. Default: drawn from the default generator. */
  readonly seed?: number | null;
  /** Of the intervals. Default 0.95. */
  readonly confidence?: number;
  /** Print a line for each fold. Default true. */
  readonly verbose?: boolean;
  /** Called when a fold is done, while its model and Trainer are still there. */
  readonly afterFold?: (
    result: FoldResult,
    run: { readonly model: LightningModule<Batch, object>; readonly trainer: Trainer },
  ) => void | Promise<void>;
}

/**
 * Trains a fresh model on each fold and judges it on the samples held out.
 *
 * ```ts
 * const folds = new StratifiedKFold({ nSplits: 5, shuffle: true, seed: 42 }).split(dataset, { labels });
 * const result = await crossValidate({
 *   folds, dataset, loader: { batchSize: 32 },
 *   model: () => new Classifier(),
 *   trainer: () => new Trainer({ maxEpochs: 10 }),
 * });
 * console.log(String(result));
 * ```
 *
 * Each fold is seeded, so that it can be repeated by itself; the random numbers after the call do not depend on how long the
 * folds were. A Ctrl-C ends the run after the batch in progress: the result then has the folds that were done.
 *
 * @throws LightningError OPTION_INVALID, OPTION_UNKNOWN, OPTION_CONFLICT, FOLDS_INVALID; FOLD_FAILED with the error as its cause
 */
export async function crossValidate<Batch>(options: CrossValidationOptions<Batch>): Promise<CrossValidationResult> {
  const plan = resolve(options);
  const { folds } = plan;
  const done: FoldResult[] = [];
  const seed = plan.seed ?? randint(2 ** 31 - folds.length, [1]).item();
  const status = await forkRng(async () => {
    for (const [place, fold] of folds.entries()) {
      manualSeed(seed + place);
      const result = await runFold(plan, fold).catch((error: unknown) => {
        throw failed(error, place, folds.length);
      });
      if (result === null) return 'interrupted';
      done.push(result);
      if (plan.verbose) console.log(foldLine(result, place, folds.length));
    }
    return 'finished';
  });
  const result = new CrossValidationResult(done, status, seed, plan.confidence);
  if (done.length > 0 && Object.keys(result.metrics).length === 0)
    warn(
      'FOLDS_NO_METRICS',
      `No metric was logged in every fold by the ${plan.score} step, so there is nothing to sum up.`,
    );
  return result;
}

type Plan<Batch> = ReturnType<typeof resolve<Batch>>;

function resolve<Batch>(options: CrossValidationOptions<Batch>) {
  const reader = new OptionReader<CrossValidationOptions<Batch>>('crossValidate', options);
  const maker = <Name extends 'model' | 'trainer' | 'datamodule' | 'afterFold'>(name: Name) => {
    const value = reader.value(name);
    const isOptional = name === 'datamodule' || name === 'afterFold';
    if (typeof value === 'function' || (isOptional && value === undefined)) return value;
    throw reader.invalid(
      name,
      name === 'afterFold' ? 'a function' : `a function that makes a new one for each fold: (fold) => new …`,
    );
  };
  const plan = {
    folds: readFolds(reader.value('folds')),
    model: maker('model') as CrossValidationOptions<Batch>['model'],
    trainer: maker('trainer') as CrossValidationOptions<Batch>['trainer'],
    datamodule: maker('datamodule') as CrossValidationOptions<Batch>['datamodule'],
    afterFold: maker('afterFold') as CrossValidationOptions<Batch>['afterFold'],
    dataset: reader.value('dataset'),
    loader: reader.value('loader'),
    score: reader.choice('score', ['validate', 'test'], 'validate'),
    ckptPath: reader.choice('ckptPath', ['best', 'last'], null),
    seed: reader.integer('seed', null, 0),
    confidence: reader.number('confidence', 0.95),
    verbose: reader.boolean('verbose', true),
    /** The models and Trainers of the folds so far. */
    used: new WeakSet<object>(),
  };
  reader.done();
  checkConfidence('crossValidate', plan.confidence);
  checkData(plan.dataset, plan.datamodule, plan.loader);
  checkFolds(plan.folds, plan.dataset?.length ?? Number.POSITIVE_INFINITY);
  return plan;
}

function checkData(dataset: Dataset | undefined, datamodule: unknown, loader: unknown): void {
  if ((dataset === undefined) === (datamodule === undefined)) {
    throw new LightningError(
      'OPTION_CONFLICT',
      `crossValidate was given ${dataset === undefined ? 'neither dataset nor datamodule' : 'dataset and datamodule'}. Give one: a dataset that the folds' indices mean, or a function that makes each fold's data module.`,
    );
  }
  if (dataset !== undefined && (typeof dataset?.getItem !== 'function' || typeof dataset.length !== 'number')) {
    throw new LightningError(
      'OPTION_INVALID',
      `crossValidate: dataset is ${describe(dataset)}. Give one whose samples have numbers: with a length and getItem.`,
    );
  }
  if (datamodule !== undefined && loader !== undefined) {
    throw new LightningError(
      'OPTION_CONFLICT',
      'crossValidate: loader says how dataset is read, but datamodule makes its own loaders. Leave it out.',
    );
  }
}

function readFolds(folds: unknown): Fold[] {
  if (typeof (folds as Partial<Iterable<Fold>> | null | undefined)?.[Symbol.iterator] === 'function')
    return [...(folds as Iterable<Fold>)];
  throw new LightningError(
    'FOLDS_INVALID',
    `crossValidate: folds is ${describe(folds)}. Give what a splitter splits: new KFold().split(dataset).`,
  );
}

function checkFolds(folds: readonly Fold[], length: number): void {
  if (folds.length === 0) {
    throw new LightningError(
      'FOLDS_INVALID',
      'crossValidate was given no folds. Use the split of a splitter: new KFold().split(dataset).',
    );
  }
  for (const fold of folds) {
    const parts = [fold?.trainIndices, fold?.testIndices];
    if (!parts.every((part) => Array.isArray(part) && part.length > 0)) {
      throw new LightningError(
        'FOLDS_INVALID',
        `crossValidate: a fold is ${describe(fold)}. Give { index, trainIndices, testIndices } with samples in both parts.`,
      );
    }
    const outside = parts.flatMap((part) => part!).find((i) => !Number.isInteger(i) || i < 0 || i >= length);
    if (outside === undefined) continue;
    throw new LightningError(
      'FOLDS_INVALID',
      `crossValidate: fold ${fold.index} has the index ${outside}, but the dataset has ${length} samples. Split the same dataset.`,
    );
  }
}

/** @returns null when a signal ended training */
async function runFold<Batch>(plan: Plan<Batch>, fold: Fold): Promise<FoldResult | null> {
  const begin = performance.now();
  const { ckptPath, score } = plan;
  const model = await plan.model(fold);
  const trainer = plan.trainer(fold);
  for (const [name, made] of Object.entries({ model, trainer })) {
    if (plan.used.has(made)) {
      throw new LightningError(
        'OPTION_INVALID',
        `crossValidate: ${name} gave the same object for two folds, so that one would learn from the other. Make a new one in the function.`,
      );
    }
    plan.used.add(made);
  }
  const datamodule = await plan.datamodule?.(fold);
  const data = datamodule === undefined ? loadersOf<Batch>(plan, fold) : null;
  const fit = await trainer.fit(
    model,
    data === null
      ? { datamodule: datamodule! }
      : { trainDataloaders: data.train, ...(score === 'validate' ? { valDataloaders: data.heldOut } : {}) },
  );
  if (fit.status === 'interrupted') return null;
  const evaluated = await trainer[score](model, {
    ...(data === null ? { datamodule: datamodule! } : { dataloaders: data.heldOut }),
    ckptPath,
    verbose: false,
  }).catch((error: unknown) => {
    if (isInterruption(error)) return null;
    throw error;
  });
  if (evaluated === null) return null;
  const metrics = Object.assign({}, ...evaluated) as Record<string, number>;
  const result = { fold, metrics, fit, seconds: (performance.now() - begin) / 1000 };
  await plan.afterFold?.(result, { model, trainer });
  return result;
}

function loadersOf<Batch>(
  { dataset, loader }: Plan<Batch>,
  fold: Fold,
): { train: Loader<Batch>; heldOut: Loader<Batch> } {
  const read = (indices: readonly number[], options: FoldLoaderOptions): Loader<Batch> =>
    new DataLoader(
      new Subset(dataset as Dataset<unknown, unknown>, indices),
      options as { batchSize: number },
    ) as Loader<Batch>;
  return {
    train: read(fold.trainIndices, { shuffle: true, ...loader }),
    heldOut: read(fold.testIndices, { ...loader, shuffle: false, dropLast: false }),
  };
}

/** `fit` says so in its result, or throws when its Trainer was told to; evaluation always throws. */
function isInterruption(error: unknown): error is LightningError {
  return error instanceof LightningError && error.code === 'RUN_INTERRUPTED';
}

function failed(error: unknown, place: number, count: number): LightningError {
  if (isInterruption(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new LightningError('FOLD_FAILED', `Fold ${place + 1} of ${count} failed: ${message}`, { cause: error });
}

function foldLine({ metrics, seconds }: FoldResult, place: number, count: number): string {
  const values = Object.entries(metrics).map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`);
  return `Fold ${place + 1} of ${count}: ${values.join(', ')} (${formatSeconds(seconds)})`;
}
