import {
  DDPStrategy,
  type DDPStrategyOptions,
  EarlyStopping,
  type FitOptions,
  LightningModule,
  MemoryLogger,
  ModelCheckpoint,
  type ReduceOp,
  type Strategy,
  seedEverything,
  Trainer,
  type TrainerOptions,
} from '@lightning-ts/lightning';
import { Accuracy } from '@lightning-ts/metrics';
import { manualSeed, randint, randn, type Tensor, tensor } from '@lightning-ts/torch';
import { DataLoader, defaultCollate, IterableDataset, TensorDataset } from '@lightning-ts/torch/data';
import { BatchNorm1d, CrossEntropyLoss, Dropout, Linear, ReLU, Sequential } from '@lightning-ts/torch/nn';
import { AdamW } from '@lightning-ts/torch/optim';
import { type Fault, failAt, ownRank } from './faults.js';

/** What a test asks for; plain data. */
export interface TrainTask {
  readonly trainer: Partial<TrainerOptions>;
  readonly strategy?: DDPStrategyOptions;
  readonly batchSize: number;
  readonly shuffle?: boolean;
  readonly dropout?: number;
  readonly norm?: boolean;
  readonly seed?: number;
  /** Batches of each rank, of a stream that does not know its length. */
  readonly stream?: readonly number[];
  /** Folder for a checkpoint after every other step. */
  readonly checkpoints?: string;
  readonly ckptPath?: string;
  readonly after?: 'predict';
  /** Whether the strategy's own calls are tried, too. */
  readonly exchanges?: boolean;
  readonly faults?: readonly Fault[];
  /** The rank that returns null from its second step. */
  readonly skips?: number;
  /** The rank whose loader gives null in place of its second batch. */
  readonly misses?: number;
  /** Of the hidden layer, by rank. */
  readonly widths?: readonly number[];
  /** Milliseconds that a step takes longer. */
  readonly sleep?: number;
}

/** What came of it. */
export interface Outcome {
  weights: Record<string, unknown>;
  rows: Record<string, number>[];
  status: string;
  steps: number;
  worldSize: number;
  metrics: Record<string, number>;
  predictions?: number[][][];
  exchanged?: Exchanged;
}

/** What a strategy's own calls gave in the first process, where each process gave its rank, counted from 1. */
export interface Exchanged {
  reduced: Record<string, unknown>;
  decisions: boolean[];
  broadcast: number[];
  gathered: unknown;
  /** Of what each process gave, times its rank in the first one and not used in the others. */
  gradient: unknown;
}

function exchange(module: LightningModule, strategy: Strategy): Exchanged {
  const own = ownRank + 1;
  const ops = ['mean', 'avg', 'sum', 'min', 'max', 'product'] as const;
  const reduce = (value: Tensor, op: ReduceOp) => strategy.reduce(value, op).tolist();
  const given = tensor([own], { dtype: 'float32', requiresGrad: true });
  const all = strategy.allGather(given, { syncGrads: true });
  const weights = tensor(ownRank === 0 ? [[2], [3]] : [[0], [0]]);
  all.mul(weights).sum().backward();
  return {
    reduced: {
      ...Object.fromEntries(ops.map((op) => [op, reduce(tensor([own, 0.5]), op)])),
      whole: reduce(tensor([own]), 'mean'),
    },
    decisions: [strategy.reduceBooleanDecision(own === 1), strategy.reduceBooleanDecision(own === 1, false)],
    broadcast: [strategy.broadcast(own), strategy.broadcast(own, 1)],
    gathered: Object.values(module.allGather({ own, list: tensor([own]) })).map((value) => value.tolist()),
    gradient: strategy.gatherObject?.(given.grad!.tolist()),
  };
}

type Batch = [Tensor, Tensor];

class Stream extends IterableDataset<Batch> {
  constructor(readonly samples: number) {
    super();
  }
  *[Symbol.iterator](): Iterator<Batch> {
    for (let i = 0; i < this.samples; i += 1) yield [randn([6]), randint(0, 3, [])];
  }
}

/** Collates as usual, but gives null in place of the second batch. */
function missingSecond(): (samples: unknown[]) => unknown {
  let batches = 0;
  return (samples) => (batches++ === 1 ? null : defaultCollate(samples));
}

class Net extends LightningModule<Batch> {
  net: Sequential;
  lossFn = new CrossEntropyLoss();
  accuracy = new Accuracy({ task: 'multiclass', numClasses: 3 });
  exchanged: Exchanged | null = null;

  constructor(
    private readonly task: TrainTask,
    width: number,
  ) {
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

  override trainingStep([x, y]: Batch, batchIdx: number): Tensor | null {
    const { faults, skips, sleep } = this.task;
    if (skips === ownRank && batchIdx === 1) return null;
    if (sleep !== undefined) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, sleep);
    if (this.trainer.globalStep === 2) {
      if (this.trainer.worldSize > 1) console.log('training');
      failAt('step', faults);
    }
    const loss = this.lossFn.forward(this.forward(x), y);
    this.log('loss', loss, { onStep: true, onEpoch: true, syncDist: true });
    if (batchIdx === 1 && this.currentEpoch === 1) failAt('secondEpoch', faults);
    return loss;
  }

  override onBeforeOptimizerStep(): void {
    // The others are in the next exchange soon, and wait there.
    if (this.trainer.globalStep === 3) failAt('collective', this.task.faults);
  }

  override validationStep([x, y]: Batch): void {
    if (!this.trainer.sanityChecking) failAt('validation', this.task.faults);
    const output = this.forward(x);
    this.accuracy.update(output, y);
    this.log('val_loss', this.lossFn.forward(output, y), { syncDist: true });
    this.log('val_accuracy', this.accuracy);
  }

  override predictStep([x]: Batch): Tensor {
    return this.forward(x);
  }

  override onTrainEnd(): void {
    if (this.task.exchanges === true) this.exchanged = exchange(this, this.trainer.strategy);
  }

  override onSaveCheckpoint(): void {
    if (this.trainer.globalStep > 2) failAt('checkpoint', this.task.faults);
  }

  override configureOptimizers() {
    return new AdamW(this.parameters(), { lr: 0.02 });
  }
}

/** Trains a small classifier as a user's script would, in as many processes as it is told. Null but in the first process. */
export async function runTask(task: TrainTask): Promise<Outcome | null> {
  const { batchSize, checkpoints, misses, shuffle = false, stream } = task;
  manualSeed(1);
  const data = new TensorDataset(randn([48, 6]), randint(0, 3, [48]));
  const validation = new TensorDataset(randn([11, 6]), randint(0, 3, [11]));
  if (task.seed !== undefined) seedEverything(task.seed, { verbose: false });
  else manualSeed(7);
  const model = new Net(task, task.widths?.[ownRank] ?? 16);
  const logger = new MemoryLogger();
  const everyOther = { filename: '{step}', everyNTrainSteps: 2, saveTopK: -1 } as const;
  const trainer = new Trainer({
    accelerator: 'cpu',
    maxEpochs: 2,
    logger,
    logEveryNSteps: 1,
    enableCheckpointing: checkpoints !== undefined,
    enableProgressBar: false,
    enableModelSummary: false,
    callbacks: [
      new EarlyStopping({ monitor: 'val_loss', patience: 50, strict: false }),
      ...(checkpoints === undefined ? [] : [new ModelCheckpoint({ dirpath: checkpoints, ...everyOther })]),
    ],
    ...(task.strategy === undefined ? {} : { strategy: new DDPStrategy(task.strategy) }),
    ...task.trainer,
  });
  const collating: object = misses === ownRank ? { collateFn: missingSecond() } : {};
  const reading = { batchSize, shuffle, ...collating };
  const loaders: FitOptions<Batch> = {
    trainDataloaders:
      stream === undefined
        ? new DataLoader(data, reading)
        : (new DataLoader(new Stream(stream[ownRank]! * batchSize), { batchSize }) as never),
    valDataloaders: new DataLoader(validation, { batchSize: 2 }),
  };
  const result = await trainer.fit(model, { ...loaders, ckptPath: task.ckptPath ?? null });
  const outputs =
    task.after === 'predict'
      ? ((await trainer.predict(model, { dataloaders: loaders.valDataloaders })) as Tensor[])
      : null;
  if (!trainer.isGlobalZero) return null;
  return {
    weights: Object.fromEntries([...model.stateDict()].map(([name, value]) => [name, value.tolist()])),
    rows: logger.rows as Record<string, number>[],
    status: result.status,
    steps: result.globalStep,
    worldSize: trainer.worldSize,
    metrics: result.metrics as Record<string, number>,
    ...(model.exchanged === null ? {} : { exchanged: model.exchanged }),
    ...(outputs === null ? {} : { predictions: outputs.map((output) => output.tolist() as number[][]) }),
  };
}
