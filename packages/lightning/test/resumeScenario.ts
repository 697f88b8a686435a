import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  AsyncCheckpointIO,
  Callback,
  CombinedLoader,
  EarlyStopping,
  type FitOptions,
  LightningModule,
  type Loader,
  MemoryLogger,
  ModelCheckpoint,
  type SchedulerOptions,
  Trainer,
} from '@lightning-ts/lightning';
import { Accuracy, MeanMetric } from '@lightning-ts/metrics';
import { cat, Generator, manualSeed, randint, randn, Tensor } from '@lightning-ts/torch';
import { DataLoader, IterableDataset, TensorDataset } from '@lightning-ts/torch/data';
import { BatchNorm1d, CrossEntropyLoss, Dropout, Linear, ReLU, Sequential } from '@lightning-ts/torch/nn';
import {
  Adam,
  AdamW,
  CosineAnnealingLR,
  OneCycleLR,
  type Optimizer,
  ReduceLROnPlateau,
  RMSprop,
  SGD,
  StepLR,
} from '@lightning-ts/torch/optim';

/** What decides how a run goes; plain data, so that another process can be told. */
export interface Scenario {
  readonly seed: number;
  readonly samples: number;
  readonly batchSize: number;
  readonly loader:
    | 'ordered'
    | 'shuffled'
    | 'generator'
    | 'dropLast'
    | 'list'
    | 'randomIterable'
    | 'stream'
    | 'unknownLength'
    | 'minSize'
    | 'maxSizeCycle'
    | 'maxSize';
  readonly model: 'automatic' | 'twoOptimizers' | 'byHand';
  readonly optimizer: 'sgd' | 'adam' | 'adamw' | 'rmsprop';
  readonly scheduler: 'none' | 'epoch' | 'cosineSteps' | 'oneCycle' | 'plateau' | 'plateauSteps' | 'everySecondStep';
  readonly accumulate: number;
  readonly divisor: 'window' | 'weight';
  readonly clip: 'none' | 'norm' | 'value';
  readonly validation: 'none' | 'epoch' | 'everyTwoBatches' | 'half' | 'secondEpoch' | 'acrossEpochs' | 'twoLoaders';
  readonly earlyStopping: boolean;
  readonly checkpoint: 'none' | 'everyStep' | 'everySecondStep' | 'best' | 'bestAsync';
  readonly limitTrain: number | null;
  readonly limitVal: number | null;
  readonly maxEpochs: number;
  readonly maxSteps: number | null;
  readonly logEvery: number;
}

export const moments = [
  'onTrainBatchEnd',
  'onTrainEpochStart',
  'onTrainEpochEnd',
  'onValidationBatchEnd',
  'onValidationEpochEnd',
  'onValidationEnd',
] as const;
export type Moment = (typeof moments)[number];

/** Where a checkpoint was taken, and what had been logged by then. */
export interface Taken {
  readonly moment: Moment;
  readonly index: number;
  readonly path: string;
  readonly rowsBefore: number;
  /** A copy of the checkpoints' folder as it was. */
  readonly folder: string;
}

/** Everything a run leaves, as plain data. */
export interface Outcome {
  readonly state: unknown;
  readonly rows: readonly Record<string, number>[];
  readonly files: readonly string[];
}

type Batch = [Tensor, Tensor];

/** Counts what it sees, and so shows whether a callback's own state comes back. */
class Counting extends Callback {
  seen = { batches: 0, validations: 0, epochs: 0 };
  override onTrainBatchEnd(): void {
    this.seen.batches += 1;
  }
  override onValidationEnd(trainer: Trainer): void {
    if (!trainer.sanityChecking) this.seen.validations += 1;
  }
  override onTrainEpochEnd(): void {
    this.seen.epochs += 1;
  }
  override stateDict(): Record<string, unknown> {
    return { ...this.seen };
  }
  override loadStateDict(state: Record<string, unknown>): void {
    this.seen = state as typeof this.seen;
  }
}

/** Takes a checkpoint at every moment. A ModelCheckpoint, so that it comes after all the others, but does nothing of its own. */
class Taking extends ModelCheckpoint {
  readonly taken: Taken[] = [];
  constructor(folder: string, models: string, rows: readonly unknown[]) {
    super({ dirpath: folder, saveTopK: 0 });
    for (const name of ['setup', 'onTrainStart', 'onTrainEnd', 'onValidationStart', 'onException'] as const) {
      (this as unknown as Record<string, unknown>)[name] = undefined;
    }
    for (const moment of moments) {
      let index = 0;
      (this as unknown as Record<string, unknown>)[moment] = async (trainer: Trainer) => {
        if (trainer.sanityChecking) return;
        index += 1;
        // The run ends here, in the middle of an epoch: what is saved goes on with more steps, which the same limit forbids.
        if (trainer.fitRun!.cutOff !== null) return;
        const path = join(folder, `${moment}-${index}.ckpt`);
        const copy = join(folder, `${moment}-${index}-files`);
        const rowsBefore = rows.length;
        await trainer.saveCheckpoint(path);
        await trainer.checkpointIo.flush?.();
        if (existsSync(models)) cpSync(models, copy, { recursive: true });
        this.taken.push({ moment, index, path, rowsBefore, folder: copy });
      };
    }
  }
  override get stateKey(): string {
    return 'Taking';
  }
  override stateDict(): Record<string, unknown> {
    return {};
  }
}

class Net extends LightningModule<Batch> {
  body = new Sequential(new Linear(4, 6), new BatchNorm1d(6), new ReLU(), new Dropout(0.4));
  head = new Linear(6, 3);
  criterion = new CrossEntropyLoss();
  trainAcc = new Accuracy({ task: 'multiclass', numClasses: 3 });
  valAcc = new Accuracy({ task: 'multiclass', numClasses: 3 });
  meanLoss = new MeanMetric();
  constructor(readonly scenario: Scenario) {
    super();
    if (scenario.model !== 'automatic') this.automaticOptimization = false;
  }
  override forward(x: Tensor): Tensor {
    return this.head.forward(this.body.forward(x));
  }
  private lossOf([x, y]: Batch): [Tensor, Tensor] {
    const logits = this.forward(x);
    return [this.criterion.forward(logits, y), logits];
  }
  override trainingStep(given: Batch | { a: Batch; b: Batch | null }, batchIdx: number): Tensor | null {
    const batch = joined(given);
    const [loss, logits] = this.lossOf(batch);
    this.trainAcc.forward(logits, batch[1]);
    this.meanLoss.update(loss);
    this.log('loss', loss, { onStep: true, onEpoch: true, batchSize: batch[0].size(0) });
    this.log('acc', this.trainAcc, { onStep: true, onEpoch: true });
    this.log('mean', this.meanLoss, { onStep: false, onEpoch: true });
    this.log('largest', loss, { onStep: false, onEpoch: true, reduceFx: 'max' });
    if (this.scenario.model === 'twoOptimizers') this.stepBoth(batch, loss);
    else if (this.scenario.model === 'byHand') this.stepSometimes(loss, batchIdx);
    return loss;
  }
  /** As a GAN does: one part after the other, each with the other switched off. */
  private stepBoth(batch: Batch, loss: Tensor): void {
    const [body, head] = this.optimizers(2);
    this.toggleOptimizer(body);
    body.zeroGrad();
    this.manualBackward(loss);
    this.clipGradients(body, { gradientClipVal: 0.5 });
    body.step();
    this.untoggleOptimizer(body);
    this.toggleOptimizer(head);
    head.zeroGrad();
    this.manualBackward(this.lossOf(batch)[0]);
    head.step();
    this.untoggleOptimizer(head);
  }
  /** Accumulates by hand: gradients live on between batches. */
  private stepSometimes(loss: Tensor, batchIdx: number): void {
    const [optimizer] = this.optimizers(1);
    this.manualBackward(loss);
    if (batchIdx % 2 === 0 && !this.trainer.isLastBatch) return;
    optimizer.step();
    optimizer.zeroGrad();
    for (const scheduler of this.lrSchedulers()) if (!(scheduler instanceof ReduceLROnPlateau)) scheduler.step();
  }
  /** From the second epoch on a part is frozen, and another no longer drops out. */
  override onTrainEpochStart(): void {
    if (this.currentEpoch !== 1) return;
    this.head.bias!.requiresGrad = false;
    this.body.at(3).eval();
  }
  override onValidationEpochStart(): void {
    this.valAcc.reset();
    randn([3]);
  }
  override onTrainBatchEnd(): void {
    this.log('after', this.head.bias!.detach().sum(), { onStep: true, onEpoch: false });
  }
  override onTrainEpochEnd(): void {
    if (this.scenario.model === 'twoOptimizers') for (const scheduler of this.lrSchedulers()) scheduler.step(1);
    this.log('weight', this.head.weight.detach().abs().sum());
  }
  override validationStep(batch: Batch): void {
    const [loss, logits] = this.lossOf(batch);
    this.valAcc.update(logits, batch[1]);
    this.log('val_loss', loss, { addDataloaderIdx: false });
    this.log('val_acc', this.valAcc, { addDataloaderIdx: false });
    // Evaluation, too, may draw random numbers.
    this.log('noise', randn([]), { onStep: true, onEpoch: true, batchSize: 1, addDataloaderIdx: false });
  }
  override configureOptimizers() {
    const { model } = this.scenario;
    const parts = model === 'twoOptimizers' ? [this.body.parameters(), this.head.parameters()] : [this.parameters()];
    const optimizers = parts.map((parameters) => newOptimizer(this.scenario, parameters));
    return optimizers.map((optimizer) => {
      const lrScheduler = newScheduler(this.scenario, optimizer);
      return lrScheduler === null ? { optimizer } : { optimizer, lrScheduler };
    });
  }
}

function joined(batch: Batch | { a: Batch; b: Batch | null }): Batch {
  if (Array.isArray(batch)) return batch;
  const { a, b } = batch;
  if (b === null) return a;
  if (a === null) return b;
  return [cat([a[0], b[0]]), cat([a[1], b[1]])];
}

function newOptimizer({ optimizer }: Scenario, parameters: ReturnType<Net['parameters']>): Optimizer {
  if (optimizer === 'sgd') return new SGD(parameters, { lr: 0.05, momentum: 0.9, nesterov: true });
  if (optimizer === 'adam') return new Adam(parameters, { lr: 0.02, amsgrad: true });
  if (optimizer === 'adamw') return new AdamW(parameters, { lr: 0.02 });
  return new RMSprop(parameters, { lr: 0.01, momentum: 0.5, centered: true });
}

function newScheduler({ scheduler, validation }: Scenario, optimizer: Optimizer): SchedulerOptions | null {
  // Where nothing validates there is no val_loss to watch.
  const monitor = validation === 'none' || validation === 'secondEpoch' ? 'loss' : 'val_loss';
  switch (scheduler) {
    case 'epoch':
      return { scheduler: new StepLR(optimizer, { stepSize: 1, gamma: 0.7 }), interval: 'epoch' };
    case 'cosineSteps':
      return { scheduler: new CosineAnnealingLR(optimizer, { tMax: 15 }), interval: 'step' };
    case 'oneCycle':
      return { scheduler: new OneCycleLR(optimizer, { maxLr: 0.05, totalSteps: 400 }), interval: 'step' };
    case 'everySecondStep':
      return { scheduler: new StepLR(optimizer, { stepSize: 1, gamma: 0.9 }), interval: 'step', frequency: 2 };
    case 'plateau':
      return {
        scheduler: new ReduceLROnPlateau(optimizer, { patience: 0, factor: 0.5 }),
        interval: 'epoch',
        monitor,
        strict: false,
      };
    case 'plateauSteps':
      return {
        scheduler: new ReduceLROnPlateau(optimizer, { patience: 1, factor: 0.8 }),
        interval: 'step',
        monitor: 'loss',
        strict: false,
      };
    default:
      return null;
  }
}

/** The same data in every process, and new loaders for every run. */
function loadersOf(scenario: Scenario): FitOptions<Batch> {
  const { batchSize, loader, samples, validation } = scenario;
  const draw = new Generator().manualSeed(scenario.seed + 1);
  const data = new TensorDataset(
    randn([samples, 4], { generator: draw }),
    randint(0, 3, [samples], { generator: draw }),
  );
  const more = new TensorDataset(randn([5, 4], { generator: draw }), randint(0, 3, [5], { generator: draw }));
  const held = new TensorDataset(randn([6, 4], { generator: draw }), randint(0, 3, [6], { generator: draw }));
  const shuffled = () => new DataLoader(data, { batchSize, shuffle: true, dropLast: samples % batchSize === 1 });
  const combined = (mode: 'minSize' | 'maxSize' | 'maxSizeCycle') =>
    new CombinedLoader(
      { a: shuffled(), b: new DataLoader(more, { batchSize: 2, shuffle: true, dropLast: true }) },
      mode,
    );
  const count = Math.ceil(samples / batchSize);
  const random = (): Batch => [randn([batchSize, 4]), randint(0, 3, [batchSize])];
  const list = Array.from(
    { length: count },
    (): Batch => [randn([batchSize, 4], { generator: draw }), randint(0, 3, [batchSize], { generator: draw })],
  );
  class Stream extends IterableDataset<[Tensor, Tensor]> {
    *[Symbol.iterator](): Iterator<[Tensor, Tensor]> {
      for (let index = 0; index < count * batchSize; index += 1) yield [randn([4]), randint(0, 3, [])];
    }
  }
  const kinds: Record<Scenario['loader'], () => unknown> = {
    ordered: () => new DataLoader(data, { batchSize, dropLast: samples % batchSize === 1 }),
    shuffled,
    generator: () =>
      new DataLoader(data, { batchSize, shuffle: true, dropLast: true, generator: new Generator().manualSeed(3) }),
    dropLast: () => new DataLoader(data, { batchSize, shuffle: true, dropLast: true }),
    list: () => list,
    randomIterable: () => ({
      *[Symbol.iterator]() {
        for (let index = 0; index < count; index += 1) yield random();
      },
    }),
    stream: () => ({
      async *[Symbol.asyncIterator]() {
        for (const batch of list) yield batch;
      },
    }),
    unknownLength: () => new DataLoader(new Stream(), { batchSize }),
    minSize: () => combined('minSize'),
    maxSize: () => combined('maxSize'),
    maxSizeCycle: () => combined('maxSizeCycle'),
  };
  const val = () => new DataLoader(held, { batchSize: 2, shuffle: validation === 'half' }) as Loader<Batch>;
  return {
    trainDataloaders: kinds[loader]() as Loader<Batch>,
    ...(validation === 'none' ? {} : { valDataloaders: validation === 'twoLoaders' ? [val(), val()] : val() }),
  };
}

function trainerOf(scenario: Scenario, logger: MemoryLogger, models: string, more: readonly Callback[]): Trainer {
  const { checkpoint, clip, earlyStopping, limitTrain, limitVal, maxSteps, model, validation } = scenario;
  const isAutomatic = model === 'automatic';
  const monitor = validation === 'none' ? 'loss' : 'val_loss';
  const saving: Callback[] = [];
  if (checkpoint === 'everyStep' || checkpoint === 'everySecondStep') {
    const everyNTrainSteps = checkpoint === 'everyStep' ? 1 : 2;
    saving.push(new ModelCheckpoint({ dirpath: models, everyNTrainSteps, saveLast: true, filename: '{epoch}-{step}' }));
  } else if (checkpoint !== 'none') {
    saving.push(
      new ModelCheckpoint({
        dirpath: models,
        monitor,
        saveTopK: 2,
        saveLast: true,
        filename: `{epoch}-{step}-{${monitor}:.3f}`,
      }),
    );
  }
  return new Trainer({
    logger,
    callbacks: [
      ...(earlyStopping ? [new EarlyStopping({ monitor, patience: 2, strict: false })] : []),
      new Counting(),
      ...saving,
      ...more,
    ],
    enableCheckpointing: saving.length + more.length > 0,
    enableProgressBar: false,
    enableModelSummary: false,
    numSanityValSteps: 1,
    logEveryNSteps: scenario.logEvery,
    maxEpochs: scenario.maxEpochs,
    ...(maxSteps === null ? {} : { maxSteps }),
    ...(limitTrain === null ? {} : { limitTrainBatches: { batches: limitTrain } }),
    ...(limitVal === null ? {} : { limitValBatches: { batches: limitVal } }),
    ...(isAutomatic ? { accumulateGradBatches: scenario.accumulate, accumulationDivisor: scenario.divisor } : {}),
    ...(isAutomatic && clip !== 'none' ? { gradientClipVal: 0.1, gradientClipAlgorithm: clip } : {}),
    ...(validation === 'everyTwoBatches' ? { valCheckInterval: { batches: 2 } } : {}),
    ...(validation === 'half' &&
    scenario.loader !== 'unknownLength' &&
    scenario.loader !== 'stream' &&
    scenario.loader !== 'randomIterable'
      ? { valCheckInterval: 0.5 }
      : {}),
    ...(validation === 'secondEpoch' ? { checkValEveryNEpoch: 2 } : {}),
    ...(validation === 'acrossEpochs' ? { valCheckInterval: { batches: 3 }, checkValEveryNEpoch: null } : {}),
    ...(checkpoint === 'bestAsync' ? { plugins: new AsyncCheckpointIO() } : {}),
    defaultRootDir: models,
  });
}

function outcomeOf(trainer: Trainer, module: Net, logger: MemoryLogger, models: string): Outcome {
  const states = trainer.callbacks
    .filter((callback) => !(callback instanceof Taking))
    .map((callback) => [callback.stateKey, callback.stateDict()] as const)
    .filter(([, state]) => Object.keys(state).length > 0);
  const state = {
    weights: [...module.stateDict()],
    optimizers: trainer.optimizers.map((handle) => handle.stateDict()),
    schedulers: trainer.lrSchedulerConfigs.map(({ scheduler }) => scheduler.stateDict()),
    callbacks: states,
    globalStep: trainer.globalStep,
    currentEpoch: trainer.currentEpoch,
    fit: trainer.fitRun?.progress.stateDict(),
    status: trainer.state.status,
  };
  return {
    state: plain(state),
    rows: logger.rows,
    files: existsSync(models) ? readdirSync(models).sort() : [],
  };
}

/** Tensors as their elements, Maps as pairs: what JSON can carry without loss. */
function plain(value: unknown): unknown {
  if (value instanceof Tensor) return `${value.dtype} [${value.shape}] ${[...value.detach().toTypedArray()].join(' ')}`;
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))) return String(value);
  if (value instanceof Map) return [...value].map(plain);
  if (Array.isArray(value)) return Array.from(value, plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

/** Where the run's own ModelCheckpoint writes: the same place in both runs, since its state names it. */
const modelsOf = (folder: string): string => join(folder, 'models');

/** Runs without a stop, and takes a checkpoint wherever one can be taken. */
export async function runStraight(scenario: Scenario, folder: string): Promise<{ outcome: Outcome; taken: Taken[] }> {
  const models = modelsOf(folder);
  rmSync(models, { recursive: true, force: true });
  manualSeed(scenario.seed);
  const logger = new MemoryLogger();
  const taking = new Taking(folder, models, logger.rows);
  const module = new Net(scenario);
  const trainer = trainerOf(scenario, logger, models, [taking]);
  await trainer.fit(module, loadersOf(scenario));
  return { outcome: outcomeOf(trainer, module, logger, models), taken: taking.taken };
}

/** Continues from a checkpoint, in a run that knows nothing of the first. */
export async function runResumed(
  scenario: Scenario,
  folder: string,
  from: Taken | 'auto',
  more: readonly Callback[] = [],
): Promise<Outcome> {
  const models = modelsOf(folder);
  if (from !== 'auto') {
    rmSync(models, { recursive: true, force: true });
    if (existsSync(from.folder)) cpSync(from.folder, models, { recursive: true });
  }
  // A run that starts anew is the run itself; one that continues must not depend on what was drawn before it.
  const starts = from === 'auto' && !(existsSync(models) && readdirSync(models).some((name) => !name.startsWith('.')));
  manualSeed(starts ? scenario.seed : 987654321 - scenario.seed);
  const logger = new MemoryLogger();
  const module = new Net(scenario);
  const trainer = trainerOf(scenario, logger, models, more);
  await trainer.fit(module, { ...loadersOf(scenario), ckptPath: from === 'auto' ? 'auto' : from.path });
  return outcomeOf(trainer, module, logger, models);
}
