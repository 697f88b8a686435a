import { manualSeed, setNumThreads } from '@lightning-ts/torch';
import { DataLoader } from '@lightning-ts/torch/data';
import { ImageFolder } from '@lightning-ts/vision/datasets';
import { Compose, Normalize, RandomHorizontalFlip, RandomResizedCrop, ToTensor } from '@lightning-ts/vision/transforms';
import { report, residentMb } from '../measure.js';

// BENCH_STEPS epochs over BENCH_FOLDER with BENCH_WORKERS workers, after one that is not counted.
const epochs = Number(process.env.BENCH_STEPS);
const numWorkers = Number(process.env.BENCH_WORKERS);
setNumThreads(Number(process.env.BENCH_THREADS));
const transform = new Compose([
  new RandomResizedCrop(224),
  new RandomHorizontalFlip(),
  new ToTensor(),
  new Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
]);
const dataset = new ImageFolder(process.env.BENCH_FOLDER!, { transform });
const loader = new DataLoader(dataset, {
  batchSize: 32,
  shuffle: true,
  numWorkers,
  persistentWorkers: numWorkers > 0,
});

manualSeed(0);
const means: number[] = [];
const created = performance.now();
let firstBatch = 0;
let images = 0;
let started = 0;
for (let epoch = 0; epoch <= epochs; epoch += 1) {
  if (epoch === 1) [started, images] = [performance.now(), 0];
  for await (const [x] of loader) {
    if (firstBatch === 0) firstBatch = performance.now() - created;
    if (numWorkers === 0 && means.length < 4) means.push(x.double().mean().item());
    images += x.size(0);
  }
}
const seconds = (performance.now() - started) / 1000;
report({
  seconds: seconds / images,
  losses: means,
  peakRssMb: residentMb().peak,
  extra: { firstBatchMs: firstBatch, imagesPerSecond: images / seconds },
});
