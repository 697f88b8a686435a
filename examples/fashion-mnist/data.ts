import { LightningDataModule, type Stage } from '@lightning-ts/lightning';
import { Generator, type Tensor } from '@lightning-ts/torch';
import { DataLoader, type Dataset, randomSplit } from '@lightning-ts/torch/data';
import { FashionMNIST } from '@lightning-ts/vision/datasets';
import { Compose, Normalize, ToTensor } from '@lightning-ts/vision/transforms';
import type { ImageBatch } from './model.js';

export interface FashionMNISTOptions {
  /** Where the files are or go; default `.data`. */
  dataDir?: string;
  /** Default 128. */
  batchSize?: number;
}

type Images = Dataset<[image: Tensor, label: number], ImageBatch>;

/** Fashion-MNIST: 55,000 images to train, 5,000 to validate, 10,000 to test. */
export class FashionMNISTDataModule extends LightningDataModule<ImageBatch, Required<FashionMNISTOptions>> {
  readonly classes = FashionMNIST.classes;
  private trainSet!: Images;
  private valSet!: Images;
  private testSet!: Images;

  private readonly transform = new Compose([new ToTensor(), new Normalize([0.286], [0.353])]);

  constructor({ dataDir = '.data', batchSize = 128 }: FashionMNISTOptions = {}) {
    super();
    this.saveHyperparameters({ dataDir, batchSize });
  }

  /** Finds the files, or downloads them with their checksums. */
  override async prepareData(): Promise<void> {
    await FashionMNIST.prepare(this.hparams.dataDir);
  }

  override setup(stage?: Stage): void {
    const { dataDir } = this.hparams;
    const { transform } = this;
    if (stage === 'fit' || stage === 'validate' || stage === undefined) {
      const images = new FashionMNIST(dataDir, { train: true, transform });
      // The same split in every run, whatever the seed of the training.
      [this.trainSet, this.valSet] = randomSplit(images, [55_000, 5_000], new Generator().manualSeed(42));
    }
    if (stage === 'test' || stage === 'predict' || stage === undefined)
      this.testSet = new FashionMNIST(dataDir, { train: false, transform });
  }

  override trainDataloader(): DataLoader<ImageBatch> {
    return new DataLoader(this.trainSet, { batchSize: this.hparams.batchSize, shuffle: true, dropLast: true });
  }
  override valDataloader(): DataLoader<ImageBatch> {
    return new DataLoader(this.valSet, { batchSize: 500 });
  }
  override testDataloader(): DataLoader<ImageBatch> {
    return new DataLoader(this.testSet, { batchSize: 500 });
  }
  override predictDataloader(): DataLoader<ImageBatch> {
    return this.testDataloader();
  }
}
