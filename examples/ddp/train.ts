// Trains one model in several processes, on random data.
//
//   npx tsx examples/ddp/train.ts            two processes on this machine
//   npx tsx examples/ddp/train.ts 4          four
//
// Two machines, one process each, by hand:
//
//   MASTER_ADDR=10.0.0.1 MASTER_PORT=29500 NODE_RANK=0 NODES=2 npx tsx examples/ddp/train.ts 1     # on the first
//   MASTER_ADDR=10.0.0.1 MASTER_PORT=29500 NODE_RANK=1 NODES=2 npx tsx examples/ddp/train.ts 1     # on the second
//
// By SLURM: sbatch examples/ddp/train.slurm
import { LightningModule, seedEverything, Trainer, type TrainerOptions } from '@lightning-ts/lightning';
import { Accuracy } from '@lightning-ts/metrics';
import { devices, randn, type Tensor } from '@lightning-ts/torch';
import { DataLoader, TensorDataset } from '@lightning-ts/torch/data';
import { BatchNorm1d, Linear, ReLU, Sequential } from '@lightning-ts/torch/nn';
import * as F from '@lightning-ts/torch/nn/functional';
import { Adam } from '@lightning-ts/torch/optim';
import { isMain } from '../isMain.js';

type Batch = [x: Tensor, y: Tensor];

export class LitClassifier extends LightningModule<Batch> {
  net = new Sequential(new Linear(16, 64), new BatchNorm1d(64), new ReLU(), new Linear(64, 2));
  accuracy = new Accuracy({ task: 'multiclass', numClasses: 2 });

  /** [batch, 16] → [batch, 2] */
  override forward(x: Tensor): Tensor {
    return this.net.forward(x);
  }

  override trainingStep([x, y]: Batch): Tensor {
    const loss = F.crossEntropy(this.forward(x), y);
    this.log('train_loss', loss, { syncDist: true });
    return loss;
  }

  override validationStep([x, y]: Batch): void {
    const logits = this.forward(x);
    // Each sample is with one process; these are the values over all of them.
    this.log('val_loss', F.crossEntropy(logits, y), { syncDist: true });
    this.accuracy.update(logits, y);
    this.log('val_acc', this.accuracy, { progBar: true });
  }

  override configureOptimizers() {
    return new Adam(this.parameters(), { lr: 1e-2 });
  }
}

/** A GPU for each process where there are some, else a process on the CPU. */
const hasGpu = devices().some((name) => name.startsWith('cuda'));
const ddp = {
  accelerator: hasGpu ? 'gpu' : 'cpu',
  strategy: 'ddp',
  precision: hasGpu ? '16-mixed' : '32-true',
  syncBatchnorm: true, // statistics of the joined batch, not of each process's part
} as const satisfies TrainerOptions;

/** The same in every process: all of them run this. */
export async function train(options: TrainerOptions = {}): Promise<number> {
  seedEverything(42, { verbose: false });
  const x = randn([1000, 16]);
  const y = x.sum(1).gt(0).to('int64');
  const rows = new TensorDataset(x, y);
  const model = new LitClassifier();
  const trainer = new Trainer({ ...ddp, maxEpochs: 3, logEveryNSteps: 5, ...options });
  await trainer.fit(model, {
    trainDataloaders: new DataLoader(rows, { batchSize: 32, shuffle: true }),
    valDataloaders: new DataLoader(rows, { batchSize: 64 }),
  });
  const accuracy = trainer.callbackMetrics.val_acc!.item() as number;
  trainer.print(`${trainer.worldSize} processes, accuracy ${accuracy.toFixed(3)}`);
  return accuracy;
}

if (isMain(import.meta.url)) {
  await train({ devices: Number(process.argv[2] ?? 2), numNodes: Number(process.env.NODES ?? 1) });
}
