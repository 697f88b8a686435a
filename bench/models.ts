import { fromTypedArray, type Tensor } from '@lightning-ts/torch';
import * as nn from '@lightning-ts/torch/nn';
import type { LoadedWorkload } from './workload.js';

/** 32-64-10. */
export class Mlp extends nn.Module {
  fc1 = new nn.Linear(32, 64);
  fc2 = new nn.Linear(64, 10);
  private readonly relu = new nn.ReLU();

  override forward(x: Tensor): Tensor {
    return this.fc2.forward(this.relu.forward(this.fc1.forward(x)));
  }
}

/** The demo's convnet without its dropout, for [batch, 1, 28, 28]. */
export class Cnn extends nn.Module {
  conv1 = new nn.Conv2d(1, 16, 3, { padding: 1, bias: false });
  bn1 = new nn.BatchNorm2d(16);
  conv2 = new nn.Conv2d(16, 32, 3, { padding: 1, bias: false });
  bn2 = new nn.BatchNorm2d(32);
  fc1 = new nn.Linear(32 * 7 * 7, 128);
  fc2 = new nn.Linear(128, 10);
  private readonly relu = new nn.ReLU();
  private readonly pool = new nn.MaxPool2d(2);
  private readonly flatten = new nn.Flatten();

  override forward(x: Tensor): Tensor {
    let hidden = this.pool.forward(this.relu.forward(this.bn1.forward(this.conv1.forward(x))));
    hidden = this.pool.forward(this.relu.forward(this.bn2.forward(this.conv2.forward(hidden))));
    hidden = this.relu.forward(this.fc1.forward(this.flatten.forward(hidden)));
    return this.fc2.forward(hidden);
  }
}

export type BenchModel = Mlp | Cnn;

export interface BenchJob {
  model: BenchModel;
  lr: number;
  /** [batch, ...] and [batch] (int64): ready-made, as every side has them. */
  batches: [inputs: Tensor, targets: Tensor][];
}

/** The model with the workload's weights, and its data as tensors. */
export function buildJob({ workload, values }: LoadedWorkload): BenchJob {
  const model = workload.kind === 'mlp' ? new Mlp() : new Cnn();
  const tensor = (record: (typeof workload.weights)[number]) => fromTypedArray(values(record), record.shape);
  // Not strict: the file holds no batch-norm values, which start alike on every side.
  model.loadStateDict(new Map(workload.weights.map((record) => [record.name, tensor(record)])), { strict: false });
  const targets = tensor(workload.targets).split(workload.batchSize);
  const batches = tensor(workload.inputs)
    .split(workload.batchSize)
    .map((inputs, i): [Tensor, Tensor] => [inputs, targets[i]!]);
  return { model, lr: workload.lr, batches };
}
