import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LightningModule, ModelCheckpoint, Trainer } from '@lightning-ts/lightning';
import { randint, randn, setNumThreads } from '@lightning-ts/torch';
import { writePng } from '@lightning-ts/vision/io';
import { beforeAll, describe, expect, it } from 'vitest';
import { ImageClassificationDataModule } from './data.js';
import { type ImageBatch, ImageClassifier } from './model.js';
import { train } from './train.js';

/** Create a small model for testing. */
const newModel = () => new ImageClassifier({ numClasses: 10, backbone: 'resnet18', pretrained: false });

/** Create a dummy batch. */
const sampleBatch = (): ImageBatch => [randn([4, 3, 64, 64]), randint(0, 10, [4])];

const folder = mkdtempSync(join(tmpdir(), 'image-classifier-'));

beforeAll(() => {
  setNumThreads(1);
  console.log = () => {};
});

describe('ImageClassifier', () => {
  it('produces the correct output shape', () => {
    const [images] = sampleBatch();
    const output = newModel().forward(images);
    expect(output.shape).toEqual([4, 10]);
  });

  it('trains, and logs what callbacks watch', async () => {
    const trainer = new Trainer({ fastDevRun: true, enableProgressBar: false, enableModelSummary: false });
    const result = await trainer.fit(newModel(), [sampleBatch()], [sampleBatch()]);
    expect(result).toMatchObject({ status: 'finished', globalStep: 1 });
    expect(Object.keys(trainer.callbackMetrics)).toEqual(
      expect.arrayContaining(['train/loss', 'train/acc', 'val/loss', 'val/acc']),
    );
  });

  it('can be saved and loaded', async () => {
    const path = join(folder, 'model.ckpt');
    const trainer = new Trainer({ defaultRootDir: folder, maxEpochs: 0, logger: false });
    const model = newModel();
    trainer.strategy.connect(model as unknown as LightningModule);
    await trainer.saveCheckpoint(path);
    const loaded = await ImageClassifier.loadFromCheckpoint(path);
    expect(loaded.hparams.numClasses).toBe(10);
    expect(loaded.model.fc.weight.equal(model.model.fc.weight)).toBe(true);
  });

  it('is trained and tested by the whole set-up', async () => {
    const dataDir = join(folder, 'images');
    for (const split of ['train', 'val', 'test']) {
      for (const name of ['cat', 'dog']) {
        mkdirSync(join(dataDir, split, name), { recursive: true });
        for (let i = 0; i < 4; i += 1) {
          await writePng(randint(0, 256, [3, 40, 48], { dtype: 'uint8' }), join(dataDir, split, name, `${i}.png`));
        }
      }
    }
    const datamodule = new ImageClassificationDataModule({ dataDir, batchSize: 4, numWorkers: 0, imageSize: [32, 32] });
    const { results, trainer } = await train(
      datamodule,
      { numClasses: 2, backbone: 'resnet18', pretrained: false },
      {
        maxEpochs: 1,
        callbacks: new ModelCheckpoint({
          dirpath: folder,
          filename: '{epoch}-{val/acc:.3f}',
          monitor: 'val/acc',
          mode: 'max',
        }),
        logger: false,
        enableProgressBar: false,
        enableModelSummary: false,
      },
    );
    expect(Object.keys(results[0]!).sort()).toEqual(['test/acc', 'test/loss']);
    expect(trainer.checkpointCallback!.bestModelPath).toMatch(
      /epoch=0-val_acc=0\.\d{3}\.ckpt$|epoch=0-val[^/]acc=[\d.]+\.ckpt$/,
    );
  });
});
