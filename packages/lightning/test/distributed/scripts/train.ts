// Trains a small classifier as a user's script would, in as many processes as it is told, and prints what came of it.
import { appendFileSync } from 'node:fs';
import {
  DDPStrategy,
  type DDPStrategyOptions,
  EarlyStopping,
  type FitOptions,
  LightningModule,
  MemoryLogger,
  ModelCheckpoint,
  seedEverything,
  Trainer,
  type TrainerOptions,
} from '@lightning-ts/lightning';
import { Accuracy } from '@lightning-ts/metrics';
import { manualSeed, randint, randn, type Tensor } from '@lightning-ts/torch';
import { DataLoader, IterableDataset, TensorDataset } from '@lightning-ts/torch/data';
import { BatchNorm1d, CrossEntropyLoss, Dropout, Linear, ReLU, Sequential } from '@lightning-ts/torch/nn';
import { AdamW } from '@lightning-ts/torch/optim';

/** What a test asks for; plain data. */
export interface TrainTask {
  readonly trainer: Partial<TrainerOptions>;
  readonly strategy?: DDPStrategyOptions;
  readonly batchSize: number;
  readonly samples?: number;
  readonly valSamples?: number;
  readonly shuffle?: boolean;
  readonly dropout?: number;
  readonly norm?: boolean;
  readonly seed?: number;
  /** Batches of each rank, of a stream that does not know its length. */
  readonly stream?: readonly number[];
  readonly checkpoints?: string;
  readonly ckptPath?: string;
  readonly after?: 'test' | 'predict';
  /** Where something happens to a rank, and what. */
  readonly fault?: {
    readonly rank: number;
    readonly at: string;
    readonly kind: 'throw' | 'kill' | 'exit' | 'stop';
    readonly once?: string;
  };
  readonly widths?: readonly number[];
  readonly pids?: string;
  readonly sleep?: number;
}

type Batch = [Tensor, Tensor];
const task = JSON.parse(process.argv[2]!) as TrainTask;
if (task.pids !== undefined) appendFileSync(task.pids, `${process.pid}\n`);
const rank = Number(process.env.LOCAL_RANK ?? 0) + Number(process.env.NODE_RANK ?? 0);

function failAt(place: string): void {
  const { fault } = task;
  if (fault === undefined || fault.at !== place || fault.rank !== rank) return;
  if (fault.once !== undefined) {
    if (Number(process.env.LIGHTNING_TS_ATTEMPT ?? 0) > 0) return;
  }
  if (fault.kind === 'kill') process.kill(process.pid, 'SIGKILL');
  else if (fault.kind === 'exit') process.exit(3);
  else if (fault.kind === 'stop') process.kill(process.pid, 'SIGSTOP');
  else throw new RangeError(`rank ${rank} ran out of luck at ${place}`);
}

failAt('start');
manualSeed(1);
const { samples = 48, valSamples = 11 } = task;
const data = new TensorDataset(randn([samples, 6]), randint(0, 3, [samples]));
const validation = new TensorDataset(randn([valSamples, 6]), randint(0, 3, [valSamples]));

class Stream extends IterableDataset<Batch> {
  constructor(readonly batches: number) {
    super();
  }
  *[Symbol.iterator](): Iterator<Batch> {
    for (let i = 0; i < this.batches; i += 1) yield [randn([6]), randint(0, 3, [])];
  }
}

class Net extends LightningModule<Batch> {
  net: Sequential;
  lossFn = new CrossEntropyLoss();
  accuracy = new Accuracy({ task: 'multiclass', numClasses: 3 });
  constructor(width: number) {
    super();
    const { dropout = 0, norm = false } = task;
    this.net = new Sequential(
      // A bias before a norm has no gradient but rounding, which Adam would make steps of.
      new Linear(6, width, { bias: !norm }),
      ...(norm ? [new BatchNorm1d(width)] : []),
      new ReLU(),
      new Dropout(dropout),
      new Linear(width, 3),
    );
  }
  override forward(x: Tensor): Tensor {
    return this.net.forward(x) as Tensor;
  }
  override trainingStep([x, y]: Batch, batchIdx: number): Tensor {
    if (task.sleep !== undefined) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, task.sleep);
    if (this.trainer.globalStep === 2) {
      console.log('training');
      failAt('step');
    }
    const loss = this.lossFn.forward(this.forward(x), y);
    this.log('loss', loss, { onStep: true, onEpoch: true, syncDist: true });
    if (batchIdx === 1 && this.currentEpoch === 1) failAt('secondEpoch');
    return loss;
  }
  override onBeforeOptimizerStep(): void {
    if (this.trainer.globalStep === 3) failAt('collective');
  }
  override validationStep([x, y]: Batch): void {
    if (!this.trainer.sanityChecking) failAt('validation');
    const output = this.forward(x);
    this.accuracy.update(output, y);
    this.log('val_loss', this.lossFn.forward(output, y), { syncDist: true });
    this.log('val_accuracy', this.accuracy);
  }
  override testStep(batch: Batch): void {
    this.validationStep(batch);
  }
  override predictStep([x]: Batch): Tensor {
    return this.forward(x);
  }
  override onSaveCheckpoint(): void {
    failAt('checkpoint');
  }
  override configureOptimizers() {
    return new AdamW(this.parameters(), { lr: 0.02 });
  }
}

if (task.seed !== undefined) seedEverything(task.seed, { verbose: false });
else manualSeed(7);
const model = new Net(task.widths?.[rank] ?? 16);
const logger = new MemoryLogger();
const stopping = new EarlyStopping({ monitor: 'val_loss', patience: 50, strict: false });
const trainer = new Trainer({
  accelerator: 'cpu',
  maxEpochs: 2,
  logger,
  logEveryNSteps: 1,
  enableCheckpointing: task.checkpoints !== undefined,
  enableProgressBar: false,
  enableModelSummary: false,
  callbacks: [
    stopping,
    ...(task.checkpoints === undefined
      ? []
      : [new ModelCheckpoint({ dirpath: task.checkpoints, filename: '{step}', everyNTrainSteps: 2, saveTopK: -1 })]),
  ],
  ...(task.strategy === undefined ? {} : { strategy: new DDPStrategy(task.strategy) }),
  ...task.trainer,
});
const { batchSize } = task;
const loaders: FitOptions<Batch> = {
  trainDataloaders:
    task.stream === undefined
      ? new DataLoader(data, { batchSize, shuffle: task.shuffle ?? false })
      : (new DataLoader(new Stream(task.stream[rank]! * batchSize), { batchSize }) as never),
  valDataloaders: new DataLoader(validation, { batchSize: 2 }),
};
const result = await trainer.fit(model, { ...loaders, ckptPath: task.ckptPath ?? null });
const extra: Record<string, unknown> = {};
if (task.after === 'test')
  extra.test = await trainer.test(model, { dataloaders: loaders.valDataloaders, verbose: false });
if (task.after === 'predict') {
  const outputs = (await trainer.predict(model, { dataloaders: loaders.valDataloaders })) as Tensor[];
  extra.predictions = outputs.map((output) => output.tolist());
}
const weights = Object.fromEntries([...model.stateDict()].map(([name, value]) => [name, value.tolist()]));
if (trainer.isGlobalZero) {
  console.log(
    `result ${JSON.stringify({
      weights,
      rows: logger.rows,
      status: result.status,
      steps: result.globalStep,
      worldSize: trainer.worldSize,
      metrics: result.metrics,
      best: stopping.bestScore,
      ...extra,
    })}`,
  );
}
