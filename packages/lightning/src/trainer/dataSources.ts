import { warn } from '@lightning-ts/torch';
import { DataLoader, RandomSampler } from '@lightning-ts/torch/data';
import { LightningError } from '../errors.js';
import { isLoader } from '../loops/batchCursor.js';
import { loaderLength } from '../loops/limits.js';
import type { LightningDataModule } from '../module/dataModule.js';
import { describe } from '../module/hparams.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import type { EvaluationLoaders, Loader } from '../module/loaderTypes.js';

/** The four kinds of data. */
export type DataKind = 'train' | 'val' | 'test' | 'predict';

const hooks = {
  train: 'trainDataloader',
  val: 'valDataloader',
  test: 'testDataloader',
  predict: 'predictDataloader',
} as const;
const argumentsOf = {
  train: 'trainDataloaders',
  val: 'valDataloaders',
  test: 'dataloaders',
  predict: 'dataloaders',
} as const;

/** Where the loaders of one run come from: what was given, else the data module, else the module. */
export class DataSources {
  constructor(
    private readonly module: AnyLightningModule,
    private readonly dataModule: LightningDataModule | null,
    private readonly given: Readonly<Partial<Record<DataKind, EvaluationLoaders | undefined>>>,
    private readonly keepsOrder: boolean,
  ) {}

  /** Whether there is anything to ask for loaders of a kind. */
  has(kind: DataKind): boolean {
    return this.given[kind] !== undefined || this.owner(kind) !== null;
  }

  /** What the user gave or returned, unchecked. */
  ask(kind: DataKind): unknown {
    const given = this.given[kind];
    if (given !== undefined) return given;
    const owner = this.owner(kind);
    if (owner !== null) return (owner[hooks[kind]] as () => unknown).call(owner);
    throw new LightningError(
      'LOADER_MISSING',
      `There is no ${kind} data. Give ${argumentsOf[kind]}, a data module, or write ${hooks[kind]}() in ${this.module.constructor.name}.`,
    );
  }

  /**
   * The loaders of a kind.
   *
   * @throws LightningError LOADER_MISSING, LOADER_INVALID, LOADER_EMPTY
   */
  async load(kind: DataKind): Promise<Loader[]> {
    return this.check(kind, await this.ask(kind));
  }

  /** Checks what `ask` gave. */
  check(kind: DataKind, value: unknown): Loader[] {
    const list = isLoaderList(value) ? [...value] : [value];
    const loaders = list.map((loader) => {
      if (!isLoader(loader)) {
        throw new LightningError(
          'LOADER_INVALID',
          `${this.sourceOf(kind)} is ${describe(loader)}, which cannot be iterated. Use a DataLoader, an array of batches, or any ` +
            'other object with [Symbol.iterator] or [Symbol.asyncIterator].',
        );
      }
      return this.keepsOrder && (kind === 'train' || kind === 'val') ? inOrder(loader, kind) : loader;
    });
    if (kind === 'train' && loaders.length > 1) {
      throw new LightningError(
        'OPTION_UNAVAILABLE',
        `${this.sourceOf(kind)} is an array of ${loaders.length} loaders. This version trains from one; combine them into one.`,
      );
    }
    const empty = loaders.findIndex((loader) => loaderLength(loader) === 0);
    if (empty >= 0) {
      throw new LightningError(
        'LOADER_EMPTY',
        `${this.sourceOf(kind)}${loaders.length > 1 ? `[${empty}]` : ''} has no batches. Check the dataset, and dropLast with a ` +
          'batch larger than it.',
      );
    }
    return loaders;
  }

  private owner(kind: DataKind): LightningDataModule | AnyLightningModule | null {
    if (this.dataModule !== null && typeof this.dataModule[hooks[kind]] === 'function') return this.dataModule;
    return typeof this.module[hooks[kind]] === 'function' ? this.module : null;
  }

  private sourceOf(kind: DataKind): string {
    if (this.given[kind] !== undefined) return argumentsOf[kind];
    return `What ${this.owner(kind)?.constructor.name ?? 'nobody'}.${hooks[kind]}() returned`;
  }
}

/**
 * Whether an array is a list of loaders, rather than one loader: a list of batches. It is when every item is an iterable of its
 * own kind, such as a DataLoader; arrays in it are batches.
 */
function isLoaderList(value: unknown): value is readonly Loader[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item) => isLoader(item) && !Array.isArray(item) && !(item instanceof Map))
  );
}

/** The same loader without shuffling, for overfitting on the same few batches. */
function inOrder(loader: Loader, kind: DataKind): Loader {
  if (!(loader instanceof (DataLoader as unknown as abstract new () => DataLoader))) return loader;
  if (!(loader.sampler instanceof RandomSampler)) return loader;
  warn(
    'OVERFIT_SHUFFLE',
    `The ${kind} loader shuffles, but overfitBatches needs the same batches each epoch: it is read in order.`,
  );
  return new DataLoader(
    loader.dataset as never,
    { ...loader.options, shuffle: false, sampler: null } as never,
  ) as Loader;
}
