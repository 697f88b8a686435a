import * as dist from '../../../src/distributed/index.js';
import * as torch from '../../../src/index.js';
import * as nn from '../../../src/nn/index.js';
import type { Rank } from '../rankMain.js';

type Tensor = torch.Tensor;
export interface Outcome {
  outputs: number[][];
  gradients: number[][];
  running: number[][];
  evaluated: number[];
}

/** Rows of each rank in the joined batch: parts of different sizes. */
export const rowsOf = (rank: number, size: number): [start: number, rows: number] => {
  const rows = (i: number) => 2 + i;
  let start = 0;
  for (let i = 0; i < rank; i += 1) start += rows(i);
  return [start, rank < size ? rows(rank) : start];
};

export const cases: { name: string; shape: number[]; options: nn.BatchNormOptions; dtype: torch.DType }[] = [
  { name: 'plain', shape: [4], options: {}, dtype: 'float64' },
  { name: 'images', shape: [3, 5, 2], options: { momentum: 0.3 }, dtype: 'float64' },
  { name: 'single precision', shape: [3, 5, 2], options: {}, dtype: 'float32' },
  {
    name: 'not affine, no statistics',
    shape: [4, 6],
    options: { affine: false, trackRunningStats: false },
    dtype: 'float64',
  },
  { name: 'averaged statistics', shape: [4], options: { momentum: null }, dtype: 'float64' },
];

export const flat = (tensor: Tensor): number[] => tensor.detach().contiguous().view([-1]).tolist() as number[];

/** Some steps on the rows `[start, start + rows)` of the joined batch; losses are sums, so that gradients add up. */
export function steps(
  layer: nn.Module & { forward(x: Tensor): Tensor },
  index: number,
  start: number,
  rows: number,
  total: number,
): Outcome {
  const { shape, dtype } = cases[index]!;
  torch.manualSeed(index);
  const outcome: Outcome = { outputs: [], gradients: [], running: [], evaluated: [] };
  for (let step = 0; step < 3; step += 1) {
    const joined = torch
      .randn([total, ...shape], { dtype })
      .mul(step + 1)
      .add(3);
    const weights = torch.randn([total, ...shape], { dtype });
    const x = joined.narrow(0, start, rows).clone().requiresGrad_();
    layer.zeroGrad();
    const y = layer.forward(x);
    y.mul(weights.narrow(0, start, rows))
      .sum()
      .backward();
    outcome.outputs.push(flat(y));
    outcome.gradients.push([...flat(x.grad!), ...layer.parameters().flatMap((each) => flat(each.grad!))]);
  }
  outcome.running = layer.buffers().map(flat);
  layer.eval();
  outcome.evaluated = flat(layer.forward(torch.ones([2, ...shape], { dtype })));
  return outcome;
}

export const plainLayer = (index: number): nn.Module & { forward(x: Tensor): Tensor } => {
  const { shape, options, dtype } = cases[index]!;
  const Layer = shape.length === 3 ? nn.BatchNorm2d : nn.BatchNorm1d;
  const layer = new Layer(shape[0]!, options);
  torch.noGrad(() => {
    layer.weight?.copy_(torch.linspace(0.5, 2, shape[0]!));
    layer.bias?.copy_(torch.linspace(-1, 1, shape[0]!));
  });
  return layer.to(dtype);
};

export function run(_: unknown, { rank, worldSize }: Rank): Record<string, unknown> {
  const [total] = rowsOf(worldSize, worldSize);
  const [start, rows] = rowsOf(rank, worldSize);
  const found: Record<string, unknown> = {};
  cases.forEach(({ name }, index) => {
    const layer = dist.SyncBatchNorm.convertSyncBatchnorm(plainLayer(index));
    found[name] = steps(layer, index, start, rows, total);
  });

  class Net extends nn.Module {
    readonly stem = new nn.Sequential(new nn.Conv2d(1, 2, 1), new nn.BatchNorm2d(2));
    readonly heads = new nn.ModuleDict({ a: new nn.BatchNorm1d(2) });
    readonly norm = new nn.BatchNorm1d(4);
    override forward(): void {}
  }
  const net = new Net();
  const keys = [...net.stateDict().keys()];
  net.norm.weight!.data.fill_(7);
  const classes = (module: nn.Module) => module.modules().map((each) => each.constructor.name);
  const before = classes(net);
  dist.SyncBatchNorm.convertSyncBatchnorm(net);
  const during = classes(net);
  const sameKeys = String([...net.stateDict().keys()]) === String(keys);
  dist.SyncBatchNorm.revertSyncBatchnorm(net);
  found.converted = { during, back: String(classes(net)) === String(before), sameKeys, weight: flat(net.norm.weight!) };
  return found;
}
