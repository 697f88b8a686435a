/** Where things are in the checkout, in one place. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const repositoryRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
export const torchPackage = path.join(repositoryRoot, 'packages', 'torch');
/** The compiled addon; packages/torch/CMakeLists.txt writes it here. */
export const addonFile = path.join(torchPackage, 'build', 'lightning_torch.node');
/** Downloads and stamps of ours; ignored by git, safe to delete. */
export const cacheFolder = path.join(repositoryRoot, '.cache');
/** Official libtorch archives, unpacked: `<version>-<platform>/`. */
export const libtorchCache = path.join(cacheFolder, 'libtorch');
