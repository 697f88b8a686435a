export { CIFAR10, CIFAR100, type CIFAROptions } from './cifar.js';
export { type CocoAnnotation, type CocoCategory, CocoDetection } from './coco.js';
export {
  DatasetFolder,
  type DatasetFolderOptions,
  type FolderOptions,
  ImageFolder,
  type ImageFolderOptions,
  imageExtensions,
} from './datasetFolder.js';
export { type DownloadOptions, downloadFile } from './downloadFile.js';
export { EMNIST, type EMNISTOptions, type EMNISTSplit } from './emnist.js';
export { FakeData, type FakeDataOptions } from './fakeData.js';
export { FashionMNIST } from './fashionMnist.js';
export { IdxDataset, type IdxDatasetOptions, type PrepareOptions, type Resource } from './idxDataset.js';
export { type IdxArray, readIdxFile, readIdxIntegers } from './idxFile.js';
export { KMNIST } from './kmnist.js';
export { MNIST, type MNISTOptions } from './mnist.js';
export { QMNIST, type QMNISTOptions, type QMNISTPart } from './qmnist.js';
export { SVHN, type SVHNOptions, type SVHNSplit } from './svhn.js';
export { extractTar } from './tarFile.js';
export { FileDataset, type ImageDatasetOptions, VisionDataset } from './visionDataset.js';
export {
  type VOCAnnotation,
  VOCDetection,
  type VOCImageSet,
  type VOCOptions,
  VOCSegmentation,
  type VOCYear,
} from './voc.js';
export type { XmlTree } from './xmlTree.js';
