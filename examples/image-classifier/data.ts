import { join } from 'node:path';
import { LightningDataModule, type Stage } from '@lightning-ts/lightning';
import { DataLoader } from '@lightning-ts/torch/data';
import { ImageFolder } from '@lightning-ts/vision/datasets';
import {
  CenterCrop,
  ColorJitter,
  Compose,
  Normalize,
  RandomHorizontalFlip,
  RandomResizedCrop,
  Resize,
  ToTensor,
} from '@lightning-ts/vision/transforms';
import type { ImageBatch } from './model.js';

export interface ImageClassificationOptions {
  /** Root directory containing train/val/test splits, each with a folder for every class. */
  dataDir: string;
  /** Batch size for dataloaders, default 32. */
  batchSize?: number;
  /** Number of dataloader workers, default 4. */
  numWorkers?: number;
  /** Target image size (height, width), default 224 × 224. */
  imageSize?: [height: number, width: number];
  /** Whether to pin memory for GPU transfer, default true. */
  pinMemory?: boolean;
}

const normalize = new Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);

/** DataModule for image classification. */
export class ImageClassificationDataModule extends LightningDataModule<
  ImageBatch,
  Required<ImageClassificationOptions>
> {
  trainDataset: ImageFolder | null = null;
  valDataset: ImageFolder | null = null;
  testDataset: ImageFolder | null = null;

  constructor({
    dataDir,
    batchSize = 32,
    numWorkers = 4,
    imageSize = [224, 224],
    pinMemory = true,
  }: ImageClassificationOptions) {
    super();
    this.saveHyperparameters({ dataDir, batchSize, numWorkers, imageSize, pinMemory });
  }

  /** Training augmentations. */
  get trainTransform(): Compose {
    return new Compose([
      new RandomResizedCrop(this.hparams.imageSize),
      new RandomHorizontalFlip(),
      new ColorJitter({ brightness: 0.2, contrast: 0.2, saturation: 0.2 }),
      new ToTensor(),
      normalize,
    ]);
  }

  /** Validation/test transforms (no augmentation). */
  get valTransform(): Compose {
    const { imageSize } = this.hparams;
    return new Compose([new Resize(imageSize[0] + 32), new CenterCrop(imageSize), new ToTensor(), normalize]);
  }

  /** Set up datasets for each stage. */
  override setup(stage?: Stage): void {
    if (stage === 'fit' || stage === undefined) {
      this.trainDataset = this.images('train', this.trainTransform);
      this.valDataset = this.images('val', this.valTransform);
    }
    if (stage === 'test' || stage === undefined) this.testDataset = this.images('test', this.valTransform);
  }

  private images(split: string, transform: Compose): ImageFolder {
    return new ImageFolder(join(this.hparams.dataDir, split), { transform });
  }

  /** Training dataloader. */
  override trainDataloader(): DataLoader<ImageBatch> {
    return this.loader(this.trainDataset!, { shuffle: true, dropLast: true });
  }

  /** Validation dataloader. */
  override valDataloader(): DataLoader<ImageBatch> {
    return this.loader(this.valDataset!, { shuffle: false });
  }

  /** Test dataloader. */
  override testDataloader(): DataLoader<ImageBatch> {
    return this.loader(this.testDataset!, { shuffle: false });
  }

  private loader(images: ImageFolder, order: { shuffle: boolean; dropLast?: boolean }): DataLoader<ImageBatch> {
    const { batchSize, numWorkers, pinMemory } = this.hparams;
    return new DataLoader(images, { batchSize, numWorkers, pinMemory, persistentWorkers: numWorkers > 0, ...order });
  }
}
