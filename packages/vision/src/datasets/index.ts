export { type DownloadOptions, downloadFile } from './downloadFile.js';
export { FashionMNIST } from './fashionMnist.js';
export { type IdxArray, readIdxFile } from './idxFile.js';
export { MNIST, type MNISTOptions, type PrepareOptions, type Resource } from './mnist.js';
