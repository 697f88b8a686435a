import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { memory, randint } from '@lightning-ts/torch';
import { DataLoader } from '@lightning-ts/torch/data';
import { afterAll, expect, it, vi } from 'vitest';
import { ImageFolder } from '../src/datasets/index.js';
import { writeJpeg } from '../src/io/index.js';
import * as T from '../src/transforms/index.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const root = mkdtempSync(join(tmpdir(), 'loader-memory-'));
afterAll(() => rmSync(root, { recursive: true }));

/** Tensors and bytes that are still there when nothing is in use. */
async function held(): Promise<{ liveTensors: number; liveBytes: number }> {
  // What a finished epoch let go of is freed over a few turns of the event loop.
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((done) => setTimeout(done, 10));
    collectGarbage();
    memory.collect();
  }
  const { liveTensors, liveBytes } = memory.stats();
  return { liveTensors, liveBytes };
}

/** Idle worker threads end after a second, and with them what they have not collected. */
const untilThreadsEnd = (numWorkers: number): Promise<void> =>
  new Promise((done) => setTimeout(done, numWorkers === 0 ? 0 : 1500));

it.each([0, 2])('epochs over an image folder leave nothing behind, with %i workers', async (numWorkers) => {
  for (const name of ['cat', 'dog']) {
    mkdirSync(join(root, name), { recursive: true });
    const image = randint(0, 256, [3, 48, 64]).to('uint8');
    for (let i = 0; i < 10; i++) await writeJpeg(image.roll(i, 2), join(root, name, `${i}.jpg`));
  }
  const transform = new T.Compose([
    new T.RandomResizedCrop(32),
    new T.RandomHorizontalFlip(),
    new T.ToTensor(),
    new T.Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
  ]);
  const loader = new DataLoader(new ImageFolder(root, { transform }), { batchSize: 6, shuffle: true, numWorkers });
  const read = async (mostBatches: number): Promise<number> => {
    let [images, batches] = [0, 0];
    for await (const [batch] of loader) {
      images += batch.size(0);
      batches += 1;
      if (batches === mostBatches) break;
    }
    return images;
  };
  expect(await read(4)).toBe(20);
  await untilThreadsEnd(numWorkers);
  const before = await held();
  for (let i = 0; i < 4; i++) expect(await read(4)).toBe(20);
  // Left in the middle.
  expect(await read(1)).toBe(6);
  await vi.waitFor(async () => expect(await held()).toEqual(before), { timeout: 20_000, interval: 200 });
});
