import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manualSeed, randn, type Tensor } from '@lightning-ts/torch';
import { DataLoader, getWorkerInfo, IterableDataset } from '@lightning-ts/torch/data';
import { afterAll, describe, expect, it } from 'vitest';
import { BoringModel } from '../testing/boringModel.js';
import type { TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';

const folder = mkdtempSync(join(tmpdir(), 'worker-loader-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Augmented: the same sample is another one each time. */
class Augmented {
  readonly length = 12;
  getItem(index: number): Tensor {
    return randn([32]).add(index / 12);
  }
}

class Stream extends IterableDataset<Tensor> {
  *[Symbol.iterator](): IterableIterator<Tensor> {
    const { id, numWorkers } = getWorkerInfo() ?? { id: 0, numWorkers: 1 };
    for (let i = id; i < 10; i += numWorkers) yield randn([32]).add(i / 10);
  }
}

class Recording extends BoringModel {
  readonly losses: number[] = [];
  override trainingStep(batch: Tensor): Tensor {
    const loss = this.loss(this.forward(batch));
    this.losses.push(loss.item());
    return loss;
  }
}

const quiet: TrainerOptions = {
  defaultRootDir: folder,
  logger: false,
  enableCheckpointing: false,
  enableProgressBar: false,
  enableModelSummary: false,
  maxEpochs: 2,
};

interface Run {
  losses: number[];
  path: string;
}

async function fit(loader: DataLoader<Tensor>, options: TrainerOptions, ckptPath: string | null = null): Promise<Run> {
  manualSeed(11);
  const model = new Recording();
  const trainer = new Trainer({ ...quiet, ...options });
  await trainer.fit(model, { trainDataloaders: loader, ckptPath });
  const path = join(folder, `${Math.random()}.ckpt`);
  await trainer.saveCheckpoint(path);
  await loader.close();
  return { losses: model.losses, path };
}

const mapLoader = (numWorkers: number, persistent = false) =>
  new DataLoader(new Augmented(), {
    batchSize: 3,
    shuffle: true,
    numWorkers,
    seeding: 'batch',
    ...(persistent ? { persistentWorkers: true } : {}),
  });
const streamLoader = () => new DataLoader(new Stream(), { batchSize: 2, numWorkers: 2 });

describe('a Trainer whose loader has workers', () => {
  it('computes what it computes without workers', async () => {
    const without = await fit(mapLoader(0), {});
    expect(without.losses).toHaveLength(8);
    expect((await fit(mapLoader(2), {})).losses).toEqual(without.losses);
    expect((await fit(mapLoader(1, true), {})).losses).toEqual(without.losses);
  });

  it.each<[string, () => DataLoader<Tensor>, number]>([
    ['of numbered samples', () => mapLoader(2), 4],
    ['of a stream, whose length nobody knows', streamLoader, 6],
  ])('resumes inside an epoch %s', async (_, make, batches) => {
    const whole = await fit(make(), {});
    expect(whole.losses).toHaveLength(2 * batches);
    const first = await fit(make(), { maxSteps: batches + 2 });
    const rest = await fit(make(), {}, first.path);
    expect([...first.losses, ...rest.losses]).toEqual(whole.losses);
  });

  it('leaves an epoch early, again and again', async () => {
    const limited = { limitTrainBatches: 2 };
    const without = await fit(mapLoader(0), limited);
    expect((await fit(mapLoader(1, true), limited)).losses).toEqual(without.losses);
  });
});
