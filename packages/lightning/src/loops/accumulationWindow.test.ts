import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cat, full, manualSeed, ones, randint, type Tensor, tensor, zeros } from '@lightning-ts/torch';
import { GradScaler } from '@lightning-ts/torch/amp';
import { CrossEntropyLoss, Embedding, Linear, Parameter, Sequential } from '@lightning-ts/torch/nn';
import { SGD } from '@lightning-ts/torch/optim';
import { beforeEach, describe, expect, test } from 'vitest';
import { LambdaCallback } from '../callbacks/lambdaCallback.js';
import { LightningError } from '../errors.js';
import { LightningModule, type StepOutput } from '../module/lightningModule.js';
import { MixedPrecision } from '../precision/mixedPrecision.js';
import type { TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lightning-'));
});

function newTrainer(options: TrainerOptions = {}): Trainer {
  return new Trainer({
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    maxEpochs: 1,
    accumulationDivisor: 'weight',
    defaultRootDir: folder,
    ...options,
  });
}

type Tokens = [inputs: Tensor, targets: Tensor];
const padding = -100;
const words = 11;

/** Predicts tokens; padding counts for nothing, so that the loss is a mean over the others. */
class Language extends LightningModule<Tokens> {
  layers = new Sequential(new Embedding(words, 6), new Linear(6, words));
  criterion = new CrossEntropyLoss({ ignoreIndex: padding });
  asTensor = false;
  override trainingStep([inputs, targets]: Tokens): StepOutput {
    const logits = this.layers.forward(inputs) as Tensor;
    const loss = this.criterion.forward(logits.flatten(0, 1), targets.flatten());
    const weight = targets.ne(padding).sum();
    return { loss, weight: this.asTensor ? weight : weight.item() };
  }
  override configureOptimizers(): SGD {
    return new SGD(this.parameters(), { lr: 1 });
  }
}

/** Sequences of which only the first tokens count, another number in each batch. */
function sequences(tokens: readonly number[]): Tokens[] {
  return tokens.map((count) => {
    const targets = randint(0, words, [2, 16]);
    targets.view([-1]).slice(0, count, 32).fill_(padding);
    return [randint(0, words, [2, 16]), targets];
  });
}

const joined = (batches: readonly Tokens[]): Tokens => [
  cat(batches.map(([inputs]) => inputs)),
  cat(batches.map(([, targets]) => targets)),
];

async function trained(batches: Iterable<Tokens>, options: TrainerOptions = {}, asTensor = false): Promise<Tensor> {
  manualSeed(5);
  const model = new Language();
  model.asTensor = asTensor;
  await newTrainer(options).fit(model, { trainDataloaders: batches });
  return cat(model.parameters().map((parameter) => parameter.detach().flatten()));
}

const distance = (one: Tensor, other: Tensor): number => one.sub(other).abs().max().item();

describe('gradients of losses that are weighted by their tokens', () => {
  const counts = [3, 29, 11, 32, 7];

  test('are those of one batch with all of the window, also of a last, shorter one', async () => {
    manualSeed(1);
    const batches = sequences(counts);
    const expected = await trained([joined(batches.slice(0, 3)), joined(batches.slice(3))]);
    for (const asTensor of [false, true])
      expect(distance(await trained(batches, { accumulateGradBatches: 3 }, asTensor), expected)).toBeLessThan(2e-7);
    // An equal share for each batch is something else.
    const unweighted = await trained(batches, { accumulateGradBatches: 3, accumulationDivisor: 'window' });
    expect(distance(unweighted, expected)).toBeGreaterThan(1e-3);
  });

  test('also when nobody knows how long the data is, and when the norm is clipped', async () => {
    manualSeed(2);
    const batches = sequences(counts);
    const stream = { [Symbol.iterator]: () => batches.values() };
    const clip = { gradientClipVal: 0.05 };
    const expected = await trained([joined(batches.slice(0, 3)), joined(batches.slice(3))], clip);
    expect(distance(await trained(stream, { accumulateGradBatches: 3, ...clip }), expected)).toBeLessThan(2e-7);
  });

  test('are the same bits in a window of one batch as without weights', async () => {
    manualSeed(3);
    const batches = sequences(counts);
    const plain = await trained(batches, { accumulationDivisor: 'window' });
    expect(distance(await trained(batches), plain)).toBe(0);
  });

  test('are the same bits when the run was saved inside a window and resumed', async () => {
    manualSeed(4);
    const batches = sequences(counts);
    const path = join(folder, 'middle.ckpt');
    const save = new LambdaCallback({
      onTrainBatchEnd: async (trainer: Trainer, _: unknown, __: unknown, ___: unknown, batchIdx: number) => {
        if (batchIdx === 1) await trainer.saveCheckpoint(path);
      },
    });
    const straight = await trained(batches, { accumulateGradBatches: 3, callbacks: save });
    const model = new Language();
    await newTrainer({ accumulateGradBatches: 3 }).fit(model, { trainDataloaders: batches, ckptPath: path });
    expect(distance(cat(model.parameters().map((parameter) => parameter.detach().flatten())), straight)).toBe(0);
  });

  test.each(['trainingStep', 'onTrainBatchStart', 'onBeforeZeroGrad'] as const)(
    'are the same bits when a batch inside a window failed in %s and is run again',
    async (hook) => {
      manualSeed(6);
      const batches = sequences(counts);
      const path = join(folder, 'failed.ckpt');
      const straight = await trained(batches, { accumulateGradBatches: 3 });
      manualSeed(5);
      const model = new Language();
      const save = new LambdaCallback({ onException: (trainer: Trainer) => trainer.saveCheckpoint(path) });
      const trainer = newTrainer({ accumulateGradBatches: 3, callbacks: save });
      const own = (model as LightningModule<Tokens>)[hook] as ((...args: unknown[]) => unknown) | undefined;
      let calls = 0;
      // The third batch; clearing gradients comes once a window.
      const fatal = hook === 'onBeforeZeroGrad' ? 2 : 3;
      Object.assign(model, {
        [hook]: (...args: unknown[]): unknown => {
          calls += 1;
          if (calls === fatal) throw new Error('out of luck');
          return own?.apply(model, args);
        },
      });
      await expect(trainer.fit(model, { trainDataloaders: batches })).rejects.toThrow('out of luck');
      const next = new Language();
      await newTrainer({ accumulateGradBatches: 3 }).fit(next, { trainDataloaders: batches, ckptPath: path });
      expect(distance(cat(next.parameters().map((parameter) => parameter.detach().flatten())), straight)).toBe(0);
    },
  );
});

/** loss = weight · mean(batch): the gradient of a batch is its mean. */
class Slope extends LightningModule<Tensor> {
  weight = new Parameter(zeros([1]));
  output: (loss: Tensor, batchIdx: number) => unknown = (loss) => loss;
  override trainingStep(batch: Tensor, batchIdx: number): StepOutput {
    return this.output(this.weight.mul(batch.mean()).sum(), batchIdx) as StepOutput;
  }
  override configureOptimizers(): SGD {
    return new SGD([this.weight], { lr: 1 });
  }
}

const rows = (sizes: readonly number[]): Tensor[] =>
  sizes.map((size, index) => full([size], index + 1, { dtype: 'float32' }));

describe('the weight of a loss', () => {
  test('is the number of samples when the step does not say it', async () => {
    const model = new Slope();
    await newTrainer({ accumulateGradBatches: 2 }).fit(model, { trainDataloaders: rows([3, 1]) });
    expect(model.weight.item()).toBe(-(3 * 1 + 1 * 2) / 4);
  });

  test('may be 0, and a skipped batch has none', async () => {
    const fit = async (output: Slope['output']): Promise<number> => {
      const model = new Slope();
      model.output = output;
      await newTrainer({ accumulateGradBatches: 3 }).fit(model, { trainDataloaders: rows([1, 1, 1]) });
      return -model.weight.item();
    };
    expect(await fit((loss, batchIdx) => ({ loss, weight: [0, 1, 3][batchIdx] }))).toBe((2 + 3 * 3) / 4);
    expect(await fit((loss, batchIdx) => (batchIdx === 1 ? null : { loss, weight: 2 }))).toBe(2);
    expect(await fit((loss) => ({ loss, weight: 0 }))).toBe(-0);
  });

  test('leaves the loss that hooks are told as it is', async () => {
    const losses: number[] = [];
    const model = new Slope();
    model.weight.detach().fill_(1);
    const callbacks = new LambdaCallback({
      onTrainBatchEnd: (_: Trainer, __: unknown, { loss }: { loss?: Tensor }) => void losses.push(loss!.item()),
    });
    await newTrainer({ accumulateGradBatches: 2, callbacks }).fit(model, { trainDataloaders: rows([3, 1]) });
    expect(losses).toEqual([1, 2]);
  });

  test('works with a scaled loss, whose scale is undone first', async () => {
    const model = new Slope();
    model.output = (loss, batchIdx) => ({ loss, weight: [3000, 1000][batchIdx] });
    const scaler = new GradScaler({ device: 'cpu', initScale: 1024 });
    const plugins = new MixedPrecision('16-mixed', { scaler });
    await newTrainer({ accumulateGradBatches: 2, plugins }).fit(model, { trainDataloaders: rows([1, 1]) });
    expect(model.weight.item()).toBeCloseTo(-1.25, 5);
    expect(scaler.getScale()).toBe(1024);
  });

  test('that is none is an error, as is a batch without samples to count', async () => {
    const code = async (weight: unknown, batch: unknown = ones([1])): Promise<string> => {
      const model = new Slope();
      const parameter = model.weight;
      model.output = () => ({ loss: parameter.mul(1).sum(), ...(weight === undefined ? {} : { weight }) });
      const step = model.output;
      model.trainingStep = () => step(parameter, 0) as StepOutput;
      const error: unknown = await newTrainer({ accumulateGradBatches: 2 })
        .fit(model, { trainDataloaders: [batch, batch] as Tensor[] })
        .catch((thrown: unknown) => thrown);
      return error instanceof LightningError ? error.code : 'none';
    };
    for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY, 'many', null, tensor([1, 2])])
      expect(await code(wrong)).toBe('TRAINING_STEP_OUTPUT');
    expect(await code(undefined, 'text')).toBe('TRAINING_STEP_OUTPUT');
    expect(await code(2, 'text')).toBe('none');
  });

  test('has no meaning in manual optimization', async () => {
    const model = new Slope();
    model.automaticOptimization = false;
    await expect(newTrainer().fit(model, { trainDataloaders: rows([1]) })).rejects.toMatchObject({
      code: 'OPTION_CONFLICT',
    });
  });
});

test('a batch that is null takes no gradients from its window and leaves none of the window before', async () => {
  const fit = async (values: (number | null)[], batches = 2): Promise<[number, number]> => {
    const model = new Slope();
    const data = values.map((value) => (value === null ? null : full([1], value, { dtype: 'float32' }))) as Tensor[];
    const trainer = newTrainer({ accumulateGradBatches: batches, accumulationDivisor: 'weight' });
    await trainer.fit(model, { trainDataloaders: data });
    return [-model.weight.item(), trainer.globalStep];
  };
  // Windows: [1, 2], [null, 8].
  expect(await fit([1, 2, null, 8])).toEqual([1.5 + 8, 2]);
  // Windows: [4, null], [6, 2].
  expect(await fit([4, null, 6, 2])).toEqual([4 + 4, 2]);
  // A window of none is no step.
  expect(await fit([null, null, 6, 2])).toEqual([4, 1]);
  expect(await fit([1, 2, 3, null, null, 5], 3)).toEqual([2 + 5, 2]);
});
