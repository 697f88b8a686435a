import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noGrad, randint, randn, setNumThreads, type Tensor } from '@lightning-ts/torch';
import * as jit from '@lightning-ts/torch/jit';
import { FakeData } from '@lightning-ts/vision/datasets';
import { beforeAll, expect, it } from 'vitest';
import { CIFAR10DataModule } from './data.js';
import { classes } from './inference.js';
import { runPipeline } from './train.js';

/** As many random images as a test needs, with the splits and transforms of the real ones. */
class FakeCIFAR10 extends CIFAR10DataModule {
  override async prepareData(): Promise<void> {}
  protected override images(train: boolean) {
    const transform = train ? this.transformTrain : this.transformTest;
    return new FakeData({ size: train ? 50 : 20, imageSize: [3, 32, 32], transform }) as ReturnType<
      CIFAR10DataModule['images']
    >;
  }
}

beforeAll(() => {
  setNumThreads(1);
  console.log = () => {};
});

it('trains, tests, evaluates, exports and serves', async () => {
  const output = mkdtempSync(join(tmpdir(), 'cifar10-'));
  const { counts, engine, result, scriptPath, testResults } = await runPipeline(
    new FakeCIFAR10({ batchSize: 20, numWorkers: 0 }),
    {
      output,
      trainer: { maxEpochs: 2, enableProgressBar: false, enableModelSummary: false, defaultRootDir: output },
    },
  );
  expect(Object.keys(testResults[0]!).sort()).toEqual(['test_acc', 'test_loss']);
  expect(counts.sum().item()).toBe(20);
  expect(classes).toContain(result.class);
  expect(result.probabilities.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);

  const raw = randint(0, 256, [32, 32, 3], { dtype: 'uint8' });
  const [first, second] = engine.batchPredict([raw, raw], 1);
  expect(first).toEqual(second);

  const script = jit.optimizeForInference(await jit.load(scriptPath));
  const logits = noGrad(() => script.forward(randn([1, 3, 32, 32]))) as Tensor;
  expect(logits.shape).toEqual([1, 10]);
});
