import * as dist from '../../../src/distributed/index.js';
import * as torch from '../../../src/index.js';
import * as F from '../../../src/nn/functional/index.js';
import * as nn from '../../../src/nn/index.js';
import * as optim from '../../../src/optim/index.js';
import type { Rank } from '../rankMain.js';

type Tensor = torch.Tensor;

export const makeModel = (seed = 1): nn.Sequential => {
  torch.manualSeed(seed);
  return new nn.Sequential(
    new nn.Linear(6, 16),
    new nn.Tanh(),
    new nn.Linear(16, 16),
    new nn.Tanh(),
    new nn.Linear(16, 3),
  );
};

/** [24, 6] and [24]: the joined batch of a step. */
export function batchOf(step: number): [Tensor, Tensor] {
  torch.manualSeed(100 + step);
  return [torch.randn([24, 6]), torch.randint(0, 3, [24])];
}

const partOf = (tensor: Tensor, rank: number, size: number): Tensor => {
  const rows = 24 / size;
  return tensor.narrow(0, rank * rows, rows);
};
const flat = (model: nn.Module): number[] =>
  torch.cat(model.parameters().map((each) => each.detach().view([-1]))).tolist() as number[];
const gradients = (model: nn.Module): number[] =>
  torch.cat(model.parameters().map((each) => each.grad!.view([-1]))).tolist() as number[];

/** As one process does it, with the joined batch. */
export function alone(steps: number, optimizerName: 'sgd' | 'adam'): number[] {
  const model = makeModel();
  const optimizer = makeOptimizer(model, optimizerName);
  for (let step = 0; step < steps; step += 1) {
    const [x, y] = batchOf(step);
    optimizer.zeroGrad();
    F.crossEntropy(model.forward(x), y).backward();
    optimizer.step();
  }
  return flat(model);
}
const makeOptimizer = (model: nn.Module, name: 'sgd' | 'adam') =>
  name === 'sgd'
    ? new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 })
    : new optim.Adam(model.parameters(), { lr: 0.01 });

export type Kind = { label: string; optimizer: 'sgd' | 'adam'; options: dist.DistributedDataParallelOptions };
export const kinds: Kind[] = [
  { label: 'plain', optimizer: 'sgd', options: {} },
  { label: 'small buckets', optimizer: 'adam', options: { bucketCapMb: 0.0005 } },
  { label: 'bucket views', optimizer: 'adam', options: { gradientAsBucketView: true, bucketCapMb: 0.0005 } },
  { label: 'unused', optimizer: 'sgd', options: { findUnusedParameters: true, bucketCapMb: 0.0005 } },
  { label: 'static graph', optimizer: 'sgd', options: { staticGraph: true } },
  { label: 'fp16', optimizer: 'sgd', options: { commHook: 'fp16' } },
  { label: 'bf16', optimizer: 'sgd', options: { commHook: 'bf16' } },
];

function train(kind: Kind, steps: number, rank: number, size: number): number[] {
  // Ranks begin with different weights: the first one's count.
  const model = makeModel(rank + 1);
  const wrapper = new dist.DistributedDataParallel(model, { ...kind.options, ...scripted(kind.label) });
  const optimizer = makeOptimizer(model, kind.optimizer);
  for (let step = 0; step < steps; step += 1) {
    const [x, y] = batchOf(step);
    optimizer.zeroGrad();
    F.crossEntropy(wrapper.forward(partOf(x, rank, size)), partOf(y, rank, size)).backward();
    optimizer.step();
  }
  wrapper.dispose();
  return flat(model);
}

/** Hooks are functions, which do not travel as arguments. */
function scripted(label: string): dist.DistributedDataParallelOptions {
  const group = dist.defaultGroup();
  if (label === 'scripted')
    return {
      bucketCapMb: 0.0005,
      commHook: (bucket) => {
        bucket.buffer.div_(group.size);
        const work = group.allReduce(bucket.buffer, { asyncOp: true });
        return { work, finish: () => bucket.buffer };
      },
    };
  if (label === 'scripted, no work')
    return {
      commHook: ({ buffer }) => {
        group.allReduce(buffer, { op: 'avg' });
        return buffer;
      },
    };
  return {};
}

export function training(_: unknown, { rank, worldSize }: Rank): Record<string, number[]> {
  const found: Record<string, number[]> = {};
  const all: Kind[] = [
    ...kinds,
    { label: 'scripted', optimizer: 'sgd', options: {} },
    { label: 'scripted, no work', optimizer: 'sgd', options: {} },
  ];
  for (const kind of all) found[kind.label] = train(kind, 50, rank, worldSize);
  found['plain again'] = train(kinds[0]!, 50, rank, worldSize);
  return found;
}

/** Two batches of half the size without an exchange between them give the gradients of the joined one. */
export function accumulation(_: unknown, { rank, worldSize }: Rank): Record<string, unknown> {
  const model = makeModel();
  const wrapper = new dist.DistributedDataParallel(model, {});
  const [x, y] = batchOf(0);
  const own = [partOf(x, rank, worldSize), partOf(y, rank, worldSize)] as const;
  const rows = own[0].size(0) / 2;
  const half = (i: number) => {
    const loss = F.crossEntropy(wrapper.forward(own[0].narrow(0, i * rows, rows)), own[1].narrow(0, i * rows, rows));
    loss.div(2).backward();
  };
  wrapper.noSync(() => half(0));
  const unsynced = gradients(model);
  half(1);
  return { unsynced, joined: gradients(model), keys: [...wrapper.stateDict().keys()] };
}

export const referenceGradients = (): number[] => {
  const model = makeModel();
  const [x, y] = batchOf(0);
  F.crossEntropy(model.forward(x), y).backward();
  return gradients(model);
};

class Branches extends nn.Module {
  readonly left = new nn.Linear(4, 1);
  readonly right = new nn.Linear(4, 1);
  readonly never = new nn.Linear(4, 1);
  override forward(x: Tensor, side: 'left' | 'right'): { out: Tensor; aside: Tensor } {
    return { out: this[side].forward(x), aside: this.never.forward(x) };
  }
}

/** Parameters that have no part in a step, on one rank or on all. */
export async function unused(_: unknown, { rank, worldSize }: Rank): Promise<Record<string, unknown>> {
  const model = new Branches();
  const wrapper = new dist.DistributedDataParallel(model, { findUnusedParameters: true });
  const x = torch.full([1, 4], rank + 1, { dtype: 'float32' });
  wrapper
    .forward(x, rank === 0 ? 'left' : 'right')
    .out.sum()
    .backward();
  const found: Record<string, unknown> = {
    left: model.left.weight.grad?.tolist() ?? null,
    right: model.right.weight.grad?.tolist() ?? null,
    never: model.never.weight.grad,
  };
  wrapper.dispose();

  const strict = new dist.DistributedDataParallel(model);
  strict.forward(x, 'left').out.sum().backward();
  try {
    strict.forward(x, 'left');
  } catch (error) {
    const { code, message } = error as dist.DistributedError;
    found.error = [code, /never\.weight/.test(message), /right\.bias/.test(message), /left/.test(message)];
  }
  strict.dispose();
  const [alone] = [worldSize];
  found.alone = alone;
  return found;
}

/** Buffers come from the first rank, but for those that are kept out. */
class Counting extends nn.Module {
  readonly linear = new nn.Linear(2, 1);
  readonly metric = new Metric();
  declare seen: Tensor;
  declare own: Tensor;
  constructor(rank: number) {
    super();
    this.registerBuffer('seen', torch.tensor([rank]));
    this.registerBuffer('own', torch.tensor([rank]));
  }
  override forward(x: Tensor): Tensor {
    this.seen.add_(1);
    return this.linear.forward(x);
  }
}
class Metric extends nn.Module {
  declare total: Tensor;
  constructor() {
    super();
    this.registerBuffer('total', torch.tensor([0]), { persistent: false });
  }
  override forward(): void {}
}

export async function buffers(_: unknown, { rank }: Rank): Promise<Record<string, unknown>> {
  const model = new Counting(rank);
  model.metric.total.fill_(rank);
  const wrapper = new dist.DistributedDataParallel(model, {
    parametersToIgnore: ['own'],
    modulesToIgnore: (module) => module instanceof Metric,
  });
  const x = torch.ones([1, 2]);
  const initial = [model.seen.item(), model.own.item(), model.metric.total.item()];
  model.seen.fill_(10 * (rank + 1));
  wrapper.forward(x).sum().backward();
  const trained = model.seen.item();
  model.seen.fill_(10 * (rank + 1));
  torch.noGrad(() => wrapper.forward(x));
  const afterTraining = model.seen.item();
  model.seen.fill_(10 * (rank + 1));
  torch.noGrad(() => wrapper.forward(x));
  // A training step of its own making, and asynchronous.
  model.zeroGrad();
  const loss = await wrapper.runForward(async () => {
    await Promise.resolve();
    return model.linear.forward(x.mul(rank + 1)).sum();
  });
  loss.backward();
  const gradient = model.linear.weight.grad!.tolist();
  wrapper.dispose();
  // After that the module is alone again.
  model.zeroGrad();
  model.linear
    .forward(x.mul(rank + 1))
    .sum()
    .backward();
  return {
    initial,
    trained,
    afterTraining,
    evaluated: model.seen.item(),
    gradient,
    own: model.linear.weight.grad!.tolist(),
  };
}

/** A model that is not the same everywhere. */
export function mismatch(_: unknown, { rank }: Rank): void {
  const model = new nn.Sequential(new nn.Linear(4, 4), new nn.Linear(4, rank === 1 ? 3 : 2));
  new dist.DistributedDataParallel(model);
}

/** Gradients that only some rows of a table have. */
export function sparse(_: unknown, { rank }: Rank): unknown {
  torch.manualSeed(0);
  const table = new nn.Embedding(5, 2, { sparse: true });
  const wrapper = new dist.DistributedDataParallel(table);
  wrapper
    .forward(torch.tensor([rank, 4]))
    .sum()
    .backward();
  return table.weight.grad!.toDense().tolist();
}

/** Short floating point parameters. */
export function bfloat16(_: unknown, { rank }: Rank): unknown {
  const model = new nn.Linear(2, 1);
  model.bfloat16();
  const wrapper = new dist.DistributedDataParallel(model);
  wrapper
    .forward(torch.full([1, 2], rank + 1, { dtype: 'bfloat16' }))
    .sum()
    .backward();
  return [model.weight.grad!.dtype, model.weight.grad!.tolist()];
}

export function flags(_: unknown, { rank }: Rank): unknown {
  return [dist.exchangeHasBatch(rank === 0), dist.exchangeHasBatch(true), dist.exchangeHasBatch(false)];
}

/** Handles and bytes after many steps, also after wrappers that are gone. */
export function memory(_: unknown, { rank, worldSize }: Rank): { tensors: number; bytes: number } {
  const run = () => {
    train(kinds[2]!, 5, rank, worldSize);
    train({ label: 'scripted', optimizer: 'sgd', options: {} }, 5, rank, worldSize);
    train(kinds[4]!, 5, rank, worldSize);
  };
  for (let i = 0; i < 3; i += 1) run();
  torch.memory.collect();
  const before = torch.memory.stats();
  for (let i = 0; i < 10; i += 1) run();
  torch.memory.collect();
  const after = torch.memory.stats();
  return { tensors: after.liveTensors - before.liveTensors, bytes: after.liveBytes - before.liveBytes };
}

export async function everything(_: unknown, rank: Rank): Promise<Record<string, unknown>> {
  return {
    training: training(null, rank),
    accumulation: accumulation(null, rank),
    unused: await unused(null, rank),
    buffers: await buffers(null, rank),
    sparse: sparse(null, rank),
    bfloat16: bfloat16(null, rank),
    flags: flags(null, rank),
    memory: memory(null, rank),
  };
}
