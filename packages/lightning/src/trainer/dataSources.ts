import { warn } from '@lightning-ts/torch';
import { DataLoader, RandomSampler } from '@lightning-ts/torch/data';
import { LightningError } from '../errors.js';
import { CombinedBatches, CombinedLoader } from '../loops/combinedLoader.js';
import { isLoader, loaderLength } from '../loops/loaderKinds.js';
import { isLoaderCollection, loaderTree } from '../loops/loaderTree.js';
import type { LightningDataModule } from '../module/dataModule.js';
import { describe } from '../module/hparams.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import type { Loader } from '../module/loaderTypes.js';
import { splitLoader } from './splitLoaders.js';
import type { Split } from './splitSamplers.js';

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
  /** What each kind was loaded as, in the user's own nesting. */
  readonly loaded: Partial<Record<DataKind, unknown>> = {};

  constructor(
    private readonly module: AnyLightningModule,
    private readonly dataModule: LightningDataModule | null,
    private readonly given: Readonly<Partial<Record<DataKind, unknown>>>,
    private readonly keepsOrder: boolean,
    /** How loaders are split among processes; null when they are not. */
    private readonly split: Split | null = null,
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
   * The loaders of a kind, which are run one after the other. Loaders whose batches come together are one.
   *
   * @throws LightningError LOADER_MISSING, LOADER_INVALID, LOADER_EMPTY, OPTION_INVALID for a mode that does not fit
   */
  async load(kind: DataKind): Promise<Loader[]> {
    return this.check(kind, await this.ask(kind));
  }

  /** Checks what `ask` gave. */
  check(kind: DataKind, value: unknown): Loader[] {
    this.loaded[kind] = value;
    if (value instanceof (CombinedLoader as unknown as abstract new () => CombinedLoader)) {
      this.checkMode(kind, value);
      const leaves = this.checkLeaves(kind, value.flattened);
      if (leaves.some((leaf, index) => leaf !== value.flattened[index])) value.flattened = leaves;
      return value.mode === 'sequential' ? leaves : [new CombinedBatches(value)];
    }
    if (!isLoaderCollection(value)) return this.checkLeaves(kind, [value]);
    const tree = loaderTree(value);
    const leaves = this.checkLeaves(kind, tree.leaves);
    if (kind !== 'train') return leaves;
    return [new CombinedBatches(new CombinedLoader(tree.build(leaves), 'maxSizeCycle') as CombinedLoader)];
  }

  private checkMode(kind: DataKind, { mode }: CombinedLoader): void {
    const isWrong = kind === 'train' ? mode === 'sequential' : kind === 'predict' && mode !== 'sequential';
    if (!isWrong) return;
    throw new LightningError(
      'OPTION_INVALID',
      `${this.sourceOf(kind)} is a CombinedLoader of mode '${mode}'. ` +
        (kind === 'train'
          ? "Training takes a batch of every loader at once: use 'minSize', 'maxSize' or 'maxSizeCycle'."
          : "Prediction takes one loader after the other: use 'sequential'."),
    );
  }

  private checkLeaves(kind: DataKind, list: readonly unknown[]): Loader[] {
    const nameOf = (index: number): string => `${this.sourceOf(kind)}${list.length > 1 ? `[${index}]` : ''}`;
    return list.map((loader, index) => {
      if (!isLoader(loader)) {
        throw new LightningError(
          'LOADER_INVALID',
          `${nameOf(index)} is ${describe(loader)}, which cannot be iterated. Use a DataLoader, an array of batches, or any ` +
            'other object with [Symbol.iterator] or [Symbol.asyncIterator].',
        );
      }
      if (loaderLength(loader) === 0) {
        throw new LightningError(
          'LOADER_EMPTY',
          `${nameOf(index)} has no batches. Check the dataset, and dropLast with a batch larger than it.`,
        );
      }
      const ordered = this.keepsOrder && (kind === 'train' || kind === 'val') ? inOrder(loader, kind) : loader;
      return this.split === null ? ordered : splitLoader(ordered, kind, this.split);
    });
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
