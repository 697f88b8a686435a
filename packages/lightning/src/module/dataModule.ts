import { cuda, type Device } from '@lightning-ts/torch';
import { DataLoader, type Dataset, IterableDataset } from '@lightning-ts/torch/data';
import { isPlainObject } from '../describe.js';
import { LightningError } from '../errors.js';
import type { HookResult, Stage } from '../hooks/trainerHooks.js';
import type { Trainer } from '../trainer/trainer.js';
import { addHyperparameters, hparamsOf, type SaveHyperparametersOptions } from './hparams.js';
import type { EvaluationLoaders, Loader, TrainLoaders } from './loaderTypes.js';
import { contextOf } from './moduleContext.js';

type AnyDataset<Sample> = Dataset<Sample> | IterableDataset<Sample>;

/** A dataset, or several, nested in arrays and records: a loader is made for each. */
export type Datasets<Sample> =
  | AnyDataset<Sample>
  | readonly Datasets<Sample>[]
  | { readonly [name: string]: Datasets<Sample> };

/** Datasets for {@link LightningDataModule.fromDatasets}. What else is given goes to the data module's constructor. */
export interface DatasetChoices<Sample> {
  readonly trainDataset?: Datasets<Sample>;
  readonly valDataset?: Datasets<Sample>;
  readonly testDataset?: Datasets<Sample>;
  readonly predictDataset?: Datasets<Sample>;
  /** Samples in a batch. Default 1. */
  readonly batchSize?: number;
  /** Worker threads of each loader. Default 0. */
  readonly numWorkers?: number;
  readonly [option: string]: unknown;
}

/**
 * Everything about the data of a run in one place: getting it, splitting it, and making loaders of it. Write the hooks you
 * need; each entry point asks for its own loaders after `setup(stage)`.
 */
// biome-ignore lint/correctness/noUnusedVariables: the interface below uses them
export class LightningDataModule<Batch = unknown, HParams extends object = Record<string, unknown>> {
  /** The saved hyperparameters; empty until `saveHyperparameters` is called. */
  get hparams(): HParams {
    return hparamsOf(this).values as HParams;
  }

  /** The hyperparameters as they were when they were saved. */
  get hparamsInitial(): Readonly<HParams> {
    return hparamsOf(this).initial as HParams;
  }

  /** The Trainer that uses this data module. @throws LightningError NOT_ATTACHED when there is none */
  get trainer(): Trainer {
    const context = contextOf(this);
    if (context !== null) return context.trainer;
    throw new LightningError('NOT_ATTACHED', `${this.constructor.name} is not attached to a Trainer.`);
  }

  /** Keeps the constructor's options: typed in `this.hparams`, stored in checkpoints, sent to the loggers. */
  saveHyperparameters(options: object, rules: SaveHyperparametersOptions = {}): void {
    addHyperparameters(this, options, rules);
  }

  /** What a checkpoint keeps of the data module, under the class's name. Empty: nothing is kept. */
  stateDict(): Record<string, unknown> {
    return {};
  }

  /** Takes back what `stateDict` gave. */
  loadStateDict(_state: Record<string, unknown>): void {}

  /**
   * A data module over ready datasets, with a loader for each; only training data is shuffled, unless it is a stream. Batches are in
   * pinned memory where there is a GPU. The options go to the constructor of a subclass.
   */
  static fromDatasets<Module extends LightningDataModule, Sample>(
    this: new (
      options: never,
    ) => Module,
    choices: DatasetChoices<Sample>,
  ): Module {
    const { trainDataset, valDataset, testDataset, predictDataset, ...options } = choices;
    const { batchSize = 1, numWorkers = 0 } = options;
    const module = new this({ ...options, batchSize, numWorkers } as never) as LightningDataModule;
    const loaderOf = (dataset: AnyDataset<Sample>, isTraining: boolean): Loader =>
      new DataLoader(
        dataset as Dataset<Sample>,
        {
          batchSize,
          numWorkers,
          pinMemory: cuda.isAvailable(),
          ...(dataset instanceof IterableDataset ? {} : { shuffle: isTraining }),
          ...(numWorkers > 0 ? { persistentWorkers: true } : {}),
        } as { batchSize: number },
      ) as Loader;
    const loadersOf = (data: Datasets<Sample>, isTraining: boolean): unknown => {
      if (Array.isArray(data)) return data.map((item) => loadersOf(item as Datasets<Sample>, isTraining));
      if (!isPlainObject(data) || 'getItem' in data || 'getBatch' in data)
        return loaderOf(data as AnyDataset<Sample>, isTraining);
      return Object.fromEntries(
        Object.entries(data).map(([name, item]) => [name, loadersOf(item as Datasets<Sample>, isTraining)]),
      );
    };
    if (trainDataset !== undefined) module.trainDataloader = () => loadersOf(trainDataset, true) as Loader;
    if (valDataset !== undefined) module.valDataloader = () => loadersOf(valDataset, false) as Loader;
    if (testDataset !== undefined) module.testDataloader = () => loadersOf(testDataset, false) as Loader;
    if (predictDataset !== undefined) module.predictDataloader = () => loadersOf(predictDataset, false) as Loader;
    return module as Module;
  }

  /**
   * Builds the data module from the hyperparameters in a checkpoint. `overrides` replace saved ones. Its state, if it keeps
   * one, comes back when the run is resumed.
   *
   * @param source the file's path, or its bytes
   * @throws LightningError CHECKPOINT_NOT_FOUND, CHECKPOINT_INVALID, CHECKPOINT_DAMAGED
   */
  static async loadFromCheckpoint<Module extends LightningDataModule, Options>(
    this: new (
      options: Options,
    ) => Module,
    source: string | Uint8Array,
    overrides: NoInfer<Partial<NonNullable<Options>> & { readonly hparamsFile?: string }> = {} as never,
  ): Promise<Module> {
    // Loaded on demand: reading files is not needed otherwise.
    const { loadDataModuleFromCheckpoint } = await import('./loadFromCheckpoint.js');
    return loadDataModuleFromCheckpoint(this as never, source, overrides) as Promise<Module>;
  }

  /** One line for each kind of loader, with the sizes of the datasets. */
  toString(): string {
    return (['train', 'val', 'test', 'predict'] as const)
      .map(
        (kind) =>
          `{${kind[0]!.toUpperCase()}${kind.slice(1)} dataloader: ${sizesOf(this as LightningDataModule, `${kind}Dataloader`)}}`,
      )
      .join('\n');
  }
}

/** What is known of the data behind a hook without running it for long: its loaders' sizes. */
function sizesOf(module: LightningDataModule, hook: `${'train' | 'val' | 'test' | 'predict'}Dataloader`): string {
  let loaders: unknown = null;
  try {
    loaders = module[hook]?.() ?? null;
  } catch {
    // The datasets may be made in setup, which has not run.
  }
  if (loaders === null || loaders instanceof Promise) return 'None';
  const found = flatten(loaders).map((loader) => `size=${sizeOf(loader)}`);
  return found.length === 1 ? found[0]! : found.map((size, index) => `${index + 1}. ${size}`).join(' ; ');
}

function flatten(loaders: unknown): unknown[] {
  if (Array.isArray(loaders)) return loaders.flatMap(flatten);
  return isPlainObject(loaders) && !(Symbol.iterator in loaders) ? Object.values(loaders).flatMap(flatten) : [loaders];
}

function sizeOf(loader: unknown): string {
  const { dataset } = loader as { dataset?: { length?: unknown } };
  const length = dataset === undefined ? (loader as { length?: unknown }).length : dataset.length;
  return typeof length === 'number' ? String(length) : 'NA';
}

/** The hooks a data module may have. */
// biome-ignore lint/correctness/noUnusedVariables: merging with the class needs the same type parameters
export interface LightningDataModule<Batch, HParams> {
  /** Downloads and the like: runs once, before `setup`, and must not set state. */
  prepareData?(): void | Promise<void>;
  /** Whether `prepareData` runs once on each machine, rather than once in all. Default true. */
  prepareDataPerNode?: boolean;
  /** Loads and splits. Runs in every entry point; called by hand it may be given no stage. */
  setup?(stage?: Stage): HookResult;
  teardown?(stage: Stage): HookResult;
  trainDataloader?(): TrainLoaders<Batch> | Promise<TrainLoaders<Batch>>;
  valDataloader?(): EvaluationLoaders<Batch> | Promise<EvaluationLoaders<Batch>>;
  testDataloader?(): EvaluationLoaders<Batch> | Promise<EvaluationLoaders<Batch>>;
  predictDataloader?(): EvaluationLoaders<Batch> | Promise<EvaluationLoaders<Batch>>;
  /** Moves a batch to the device. Default: every tensor in it. Taken in place of the module's hook of the same name. */
  transferBatchToDevice?(batch: Batch, device: Device, dataloaderIdx: number): Batch;
  onBeforeBatchTransfer?(batch: Batch, dataloaderIdx: number): Batch;
  onAfterBatchTransfer?(batch: Batch, dataloaderIdx: number): Batch;
  onException?(error: Error): HookResult;
}
