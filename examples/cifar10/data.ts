import { LightningDataModule, type Stage } from '@lightning-ts/lightning';
import type { Tensor } from '@lightning-ts/torch';
import { DataLoader, type Dataset, randomSplit } from '@lightning-ts/torch/data';
import { CIFAR10 } from '@lightning-ts/vision/datasets';
import {
  ColorJitter,
  Compose,
  Normalize,
  RandomHorizontalFlip,
  RandomRotation,
  ToTensor,
} from '@lightning-ts/vision/transforms';
import type { ImageBatch } from './model.js';

type Images = Dataset<[image: Tensor, label: number], ImageBatch>;

export interface CIFAR10Options {
  /** Default `./data`. */
  dataDir?: string;
  /** Default 128. */
  batchSize?: number;
  /** Threads that load images, default 4. */
  numWorkers?: number;
}

const normalize = new Normalize([0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.201]);

/** Lightning DataModule for CIFAR-10 dataset */
export class CIFAR10DataModule extends LightningDataModule<ImageBatch, Required<CIFAR10Options>> {
  readonly dims = [3, 32, 32];
  readonly numClasses = 10;

  // Training uses augmentation, testing only normalization.
  readonly transformTrain = new Compose([
    new RandomHorizontalFlip(0.5),
    new RandomRotation(10),
    new ColorJitter({ brightness: 0.2, contrast: 0.2, saturation: 0.2, hue: 0.1 }),
    new ToTensor(),
    normalize,
  ]);
  readonly transformTest = new Compose([new ToTensor(), normalize]);

  private cifarTrain!: Images;
  private cifarVal!: Images;
  private cifarTest!: Images;

  constructor({ dataDir = './data', batchSize = 128, numWorkers = 4 }: CIFAR10Options = {}) {
    super();
    this.saveHyperparameters({ dataDir, batchSize, numWorkers });
  }

  /** Download data if needed (called once per node) */
  override async prepareData(): Promise<void> {
    await CIFAR10.prepare(this.hparams.dataDir);
  }

  /** Setup datasets for training, validation, and testing */
  override setup(stage?: Stage): void {
    if (stage === 'fit' || stage === undefined) {
      // Load training data and create train/val split
      const cifarFull = this.images(true);
      const trainSize = Math.floor(0.8 * cifarFull.length);
      const valSize = cifarFull.length - trainSize;
      [this.cifarTrain, this.cifarVal] = randomSplit(cifarFull, [trainSize, valSize]);
    }
    if (stage === 'test' || stage === undefined) this.cifarTest = this.images(false);
  }

  /** The images for training, or those for testing. */
  protected images(train: boolean): Images {
    const transform = train ? this.transformTrain : this.transformTest;
    return new CIFAR10(this.hparams.dataDir, { train, transform });
  }

  /** Return training dataloader */
  override trainDataloader(): DataLoader<ImageBatch> {
    return this.loader(this.cifarTrain, true);
  }

  /** Return validation dataloader */
  override valDataloader(): DataLoader<ImageBatch> {
    return this.loader(this.cifarVal, false);
  }

  /** Return test dataloader */
  override testDataloader(): DataLoader<ImageBatch> {
    return this.loader(this.cifarTest, false);
  }

  private loader(images: Images, shuffle: boolean): DataLoader<ImageBatch> {
    const { batchSize, numWorkers } = this.hparams;
    return new DataLoader(images, { batchSize, shuffle, numWorkers, pinMemory: true });
  }
}
