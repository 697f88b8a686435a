import { arange, fromTypedArray, type Parameter, type Tensor } from '@lightning-ts/torch';
import * as nn from '@lightning-ts/torch/nn';
import * as F from '@lightning-ts/torch/nn/functional';
import { Adam, AdamW, type Optimizer } from '@lightning-ts/torch/optim';
import { type LoadedWorkload, lmSizes, type WorkloadKind } from './workload.js';

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

/** Two convolutions with a shortcut around them. */
class BasicBlock extends nn.Module {
  readonly conv1: nn.Conv2d;
  readonly bn1: nn.BatchNorm2d;
  readonly relu = new nn.ReLU({ inplace: true });
  readonly conv2: nn.Conv2d;
  readonly bn2: nn.BatchNorm2d;
  readonly downsample: nn.Sequential | null;

  constructor(from: number, to: number, stride: number) {
    super();
    this.conv1 = new nn.Conv2d(from, to, 3, { stride, padding: 1, bias: false });
    this.bn1 = new nn.BatchNorm2d(to);
    this.conv2 = new nn.Conv2d(to, to, 3, { padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(to);
    this.downsample =
      stride === 1
        ? null
        : new nn.Sequential(new nn.Conv2d(from, to, 1, { stride, bias: false }), new nn.BatchNorm2d(to));
  }

  override forward(x: Tensor): Tensor {
    const shortcut = this.downsample?.forward(x) ?? x;
    const hidden = this.relu.forward(this.bn1.forward(this.conv1.forward(x)));
    return this.relu.forward(this.bn2.forward(this.conv2.forward(hidden)).add_(shortcut));
  }
}

const stage = (from: number, to: number, stride: number) =>
  new nn.Sequential(new BasicBlock(from, to, stride), new BasicBlock(to, to, 1));

/** The residual network of 18 layers, for [batch, 3, 64, 64]. */
export class ResNet18 extends nn.Module {
  conv1 = new nn.Conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false });
  bn1 = new nn.BatchNorm2d(64);
  private readonly relu = new nn.ReLU({ inplace: true });
  private readonly maxpool = new nn.MaxPool2d(3, { stride: 2, padding: 1 });
  layer1 = stage(64, 64, 1);
  layer2 = stage(64, 128, 2);
  layer3 = stage(128, 256, 2);
  layer4 = stage(256, 512, 2);
  private readonly avgpool = new nn.AdaptiveAvgPool2d(1);
  fc = new nn.Linear(512, 10);

  override forward(x: Tensor): Tensor {
    const stem = this.maxpool.forward(this.relu.forward(this.bn1.forward(this.conv1.forward(x))));
    const features = this.layer4.forward(this.layer3.forward(this.layer2.forward(this.layer1.forward(stem))));
    return this.fc.forward(this.avgpool.forward(features).flatten(1));
  }
}

/** A language model of transformer layers that look back only: tokens [batch, length] to logits [batch, length, vocabulary]. */
export class LanguageModel extends nn.Module {
  tokens = new nn.Embedding(lmSizes.vocabulary, lmSizes.width);
  places = new nn.Embedding(lmSizes.length, lmSizes.width);
  blocks = new nn.TransformerEncoder(
    new nn.TransformerEncoderLayer(lmSizes.width, lmSizes.heads, {
      dimFeedforward: 4 * lmSizes.width,
      dropout: 0,
      activation: 'gelu',
      batchFirst: true,
      normFirst: true,
    }),
    lmSizes.layers,
    new nn.LayerNorm(lmSizes.width),
  );
  head = new nn.Linear(lmSizes.width, lmSizes.vocabulary);
  private readonly order = arange(lmSizes.length);
  private readonly mask = nn.Transformer.generateSquareSubsequentMask(lmSizes.length);

  override forward(tokens: Tensor): Tensor {
    const embedded = this.tokens.forward(tokens).add(this.places.forward(this.order));
    return this.head.forward(this.blocks.forward(embedded, { mask: this.mask }));
  }
}

export type BenchModel = nn.Module & { forward(x: Tensor): Tensor };

export interface BenchJob {
  model: BenchModel;
  lr: number;
  /** [batch, ...] and [batch] or [batch, length] (int64): ready-made, as every side has them. */
  batches: [inputs: Tensor, targets: Tensor][];
  loss(output: Tensor, targets: Tensor): Tensor;
  optimizer(params: Parameter[]): Optimizer;
}

const modelOf: Record<WorkloadKind, () => BenchModel> = {
  mlp: () => new Mlp(),
  cnn: () => new Cnn(),
  resnet18: () => new ResNet18(),
  lm: () => new LanguageModel(),
};

/** The model with the workload's weights, and its data as tensors. */
export function buildJob({ workload, values }: LoadedWorkload): BenchJob {
  const { kind, lr, batchSize } = workload;
  const model = modelOf[kind]();
  const tensor = (record: (typeof workload.weights)[number]) => fromTypedArray(values(record), record.shape);
  // Not strict: the file holds no values of norms, which start alike on every side.
  model.loadStateDict(new Map(workload.weights.map((record) => [record.name, tensor(record)])), { strict: false });
  const targets = tensor(workload.targets).split(batchSize);
  const batches = tensor(workload.inputs)
    .split(batchSize)
    .map((inputs, i): [Tensor, Tensor] => [inputs, targets[i]!]);
  return {
    model,
    lr,
    batches,
    loss:
      kind === 'lm'
        ? (output, wanted) => F.crossEntropy(output.flatten(0, 1), wanted.flatten())
        : (output, wanted) => F.crossEntropy(output, wanted),
    optimizer: (params) => (kind === 'lm' ? new AdamW(params, { lr }) : new Adam(params, { lr })),
  };
}
