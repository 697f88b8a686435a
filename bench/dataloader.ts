import { dataFolder, measure, nodeSide, pythonSide, readOptions, requireCompiled } from './harness.js';
import { jpegFolder } from './jpegFolder.js';
import { print } from './report.js';

// Images from JPEG files: ImageFolder, RandomResizedCrop(224), RandomHorizontalFlip, ToTensor, Normalize, batches of 32; without
// workers and with two. Counted are whole epochs after the first one, and the time to the first batch beside them. The
// "losses" are means of the first batches without workers: the same files, seed, draws and pixels on both sides.
requireCompiled();
const options = readOptions({ rounds: 5, steps: 3 });
const folder = await jpegFolder(dataFolder);
const sides = [nodeSide('ours', 'dataloader'), pythonSide('python-torch', 'side.py', ['dataloader'], ['torchvision'])];
for (const workers of ['0', '2']) {
  const env = {
    BENCH_FOLDER: folder,
    BENCH_WORKERS: workers,
    BENCH_STEPS: String(options.steps),
    BENCH_WARM_UP: '1',
  };
  print(measure(`dataloader, ${workers} workers`, sides, options, { env }), { unit: 'µs/image', perBase: 1e6 });
}
