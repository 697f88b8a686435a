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
export { FakeData, type FakeDataOptions } from './fakeData.js';
export { FashionMNIST } from './fashionMnist.js';
export { type IdxArray, readIdxFile } from './idxFile.js';
export { KMNIST } from './kmnist.js';
export { MNIST, type MNISTOptions, type PrepareOptions, type Resource } from './mnist.js';
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
