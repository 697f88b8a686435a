import { expectTypeOf } from 'vitest';
import {
  ConcatDataset,
  DataLoader,
  type Dataset,
  IterableDataset,
  randomSplit,
  type Subset,
  TensorDataset,
} from './data/index.js';
import {
  Categorical,
  type Distribution,
  Independent,
  klDivergence,
  MultivariateNormal,
  Normal,
} from './distributions/index.js';
import type { DType, Tensor } from './index.js';
import * as torch from './index.js';
import * as F from './nn/functional/index.js';
import * as nn from './nn/index.js';
import {
  Adam,
  AdamW,
  CosineAnnealingLR,
  LambdaLR,
  LBFGS,
  OneCycleLR,
  ReduceLROnPlateau,
  SequentialLR,
  SGD,
  StepLR,
} from './optim/index.js';
import {
  deserialize,
  load,
  loadSafetensors,
  OrderedDict,
  openSafetensors,
  type SafetensorsFile,
  save,
  saveSafetensors,
  serialize,
} from './serialize/index.js';

// Compiled with every type check; never run. A line under @ts-expect-error that does compile fails the check.

declare const x: Tensor;

// ---- dtypes and devices: a misspelt one does not compile

expectTypeOf(x.to('float32')).toEqualTypeOf<Tensor>();
expectTypeOf(x.to('cuda:1')).toEqualTypeOf<Tensor>();
x.to({ device: 'meta', dtype: 'bfloat16' });
torch.zeros([2], { device: 'mps' });
// @ts-expect-error float31 is neither a dtype nor a device
x.to('float31');
// @ts-expect-error devices are numbered
x.to('cuda:first');
// @ts-expect-error no such device
torch.zeros([2], { device: 'gpu' });
// @ts-expect-error no such dtype
torch.zeros([2], { dtype: 'float31' });
// @ts-expect-error modules move by the same names
new nn.Linear(1, 1).to('float31');

// ---- operators: overloads by dim, keepdim and options

expectTypeOf(x.sum()).toEqualTypeOf<Tensor>();
expectTypeOf(x.sum([0, 1], true)).toEqualTypeOf<Tensor>();
expectTypeOf(x.sum(0, { keepdim: true, dtype: 'float64' })).toEqualTypeOf<Tensor>();
expectTypeOf(x.max()).toEqualTypeOf<Tensor>();
expectTypeOf(x.max(1)).toEqualTypeOf<{ values: Tensor; indices: Tensor }>();
expectTypeOf(x.max(1, { keepdim: true })).toEqualTypeOf<{ values: Tensor; indices: Tensor }>();
expectTypeOf(x.max(x)).toEqualTypeOf<Tensor>();
expectTypeOf(x.topk(3)).toEqualTypeOf<{ values: Tensor; indices: Tensor }>();
expectTypeOf(x.sort(-1, { descending: true })).toEqualTypeOf<{ values: Tensor; indices: Tensor }>();
expectTypeOf(x.split(2)).toEqualTypeOf<Tensor[]>();
expectTypeOf(x.add_(1)).toEqualTypeOf<Tensor>();
expectTypeOf(x.item()).toEqualTypeOf<number>();
expectTypeOf(x.item({ bigint: true })).toEqualTypeOf<bigint>();
expectTypeOf(x.size()).toEqualTypeOf<number[]>();
expectTypeOf(x.size(0)).toEqualTypeOf<number>();
expectTypeOf(x.shape).toEqualTypeOf<number[]>();
expectTypeOf(x.dtype).toEqualTypeOf<DType>();
expectTypeOf(x.grad).toEqualTypeOf<Tensor | null>();
expectTypeOf(x.at(0, '1:3', null, '...')).toEqualTypeOf<Tensor>();
expectTypeOf(torch.cat([x, x], 1)).toEqualTypeOf<Tensor>();
expectTypeOf(torch.einsum('ij,jk->ik', x, x)).toEqualTypeOf<Tensor>();
expectTypeOf(torch.noGrad(() => 'kept')).toEqualTypeOf<string>();
expectTypeOf(
  torch.tensor(
    [
      [1, 2],
      [3, 4],
    ],
    { dtype: 'int32' },
  ),
).toEqualTypeOf<Tensor>();
// @ts-expect-error a dimension is a number
x.sum('0');
// @ts-expect-error no such option
x.sum(0, { keepDim: true });
// @ts-expect-error no such dtype
torch.zeros([2], { dtype: 'double' });
// @ts-expect-error cat takes a list
torch.cat(x, x);
// @ts-expect-error the second factor is missing
x.matmul();
// @ts-expect-error no such operator
x.addd(x);
// @ts-expect-error an index is no object of this kind
x.at({ from: 1 });
// @ts-expect-error values and indices have names, not places
void x.max(1)[0];

// ---- modules: forward as the class says

class Encoder extends nn.Module {
  linear = new nn.Linear(4, 2);
  override forward(images: Tensor, mask?: Tensor): { embedding: Tensor; kept: Tensor | null } {
    return { embedding: this.linear.forward(images), kept: mask ?? null };
  }
}
const encoder = new Encoder();
expectTypeOf(encoder.forward(x).embedding).toEqualTypeOf<Tensor>();
expectTypeOf(encoder.forward(x, x).kept).toEqualTypeOf<Tensor | null>();
expectTypeOf(encoder.linear.weight).toEqualTypeOf<torch.Parameter>();
expectTypeOf(encoder.linear.bias).toEqualTypeOf<torch.Parameter | null>();
expectTypeOf(encoder.train()).toEqualTypeOf<Encoder>();
expectTypeOf(encoder.to('cpu')).toEqualTypeOf<Encoder>();
expectTypeOf(encoder.parameters()).toEqualTypeOf<torch.Parameter[]>();
expectTypeOf(encoder.namedParameters()).toEqualTypeOf<[string, torch.Parameter][]>();
expectTypeOf(new nn.LSTM(4, 8).forward(x)).toEqualTypeOf<[Tensor, [Tensor, Tensor]]>();
expectTypeOf(new nn.GRU(4, 8).forward(x)).toEqualTypeOf<[Tensor, Tensor]>();
expectTypeOf(new nn.Sequential(new nn.Linear(4, 2), new nn.ReLU()).forward(x)).toEqualTypeOf<Tensor>();
expectTypeOf(new nn.CrossEntropyLoss({ labelSmoothing: 0.1 }).forward(x, x)).toEqualTypeOf<Tensor>();
expectTypeOf(F.crossEntropy(x, x, { reduction: 'none' })).toEqualTypeOf<Tensor>();
encoder.registerForwardHook((module, inputs, output) => {
  expectTypeOf(module).toEqualTypeOf<Encoder>();
  expectTypeOf(inputs).toEqualTypeOf<[images: Tensor, mask?: Tensor]>();
  expectTypeOf(output.embedding).toEqualTypeOf<Tensor>();
});
// @ts-expect-error forward takes a tensor
encoder.forward(3);
// @ts-expect-error and at most two
encoder.forward(x, x, x);
// @ts-expect-error there is no such field
encoder.liner;
// @ts-expect-error outFeatures is missing
new nn.Linear(4);
// @ts-expect-error no such option
new nn.Linear(4, 2, { biased: false });
// @ts-expect-error padding is a number, a list or one of two words
new nn.Conv2d(3, 8, 3, { padding: 'full' });
// @ts-expect-error no such mode of padding
new nn.Conv2d(3, 8, 3, { paddingMode: 'zero' });
// @ts-expect-error a probability is a number
new nn.Dropout('0.5');
// @ts-expect-error no such reduction
new nn.MSELoss({ reduction: 'average' });
// @ts-expect-error a Sequential takes modules of one input
new nn.Sequential(new nn.Bilinear(2, 2, 2));
// @ts-expect-error a state dict has tensors
encoder.loadStateDict({ 'linear.weight': 3 });

// ---- data: the type of a batch follows from the dataset

const images = new TensorDataset(x, x, x);
expectTypeOf(new DataLoader(images, { batchSize: 2 })).toEqualTypeOf<DataLoader<[Tensor, Tensor, Tensor]>>();
for (const [image, label, weight] of new DataLoader(images)) {
  expectTypeOf(image).toEqualTypeOf<Tensor>();
  expectTypeOf(label).toEqualTypeOf<Tensor>();
  expectTypeOf(weight).toEqualTypeOf<Tensor>();
}
interface Sample {
  image: Float32Array;
  label: number;
  name: string;
  boxes: [number, number][];
}
declare const samples: Dataset<Sample>;
expectTypeOf(new DataLoader(samples)).toEqualTypeOf<
  DataLoader<{ image: Tensor; label: Tensor; name: string[]; boxes: [Tensor, Tensor][] }>
>();
expectTypeOf(new DataLoader(samples, { batchSize: null })).toExtend<DataLoader<{ image: Tensor; label: number }>>();
expectTypeOf(new DataLoader(samples, { collateFn: (list) => list.map(({ name }) => name.length) })).toEqualTypeOf<
  DataLoader<number[]>
>();
class Lines extends IterableDataset<string> {
  *[Symbol.iterator]() {
    yield 'a line';
  }
}
expectTypeOf(new DataLoader(new Lines(), { batchSize: 4 })).toEqualTypeOf<DataLoader<string[]>>();
expectTypeOf(randomSplit(samples, [0.8, 0.2] as const)).toExtend<[Subset<Sample, unknown>, Subset<Sample, unknown>]>();
expectTypeOf(new ConcatDataset([samples, samples]).getItem(0)).toEqualTypeOf<Sample>();
// @ts-expect-error no such option
new DataLoader(images, { batchsize: 2 });
// @ts-expect-error a batch size is a number
new DataLoader(images, { batchSize: '2' });
// @ts-expect-error TensorDataset takes tensors
new TensorDataset(x, [1, 2]);
// @ts-expect-error collateFn gets samples, not batches
new DataLoader(samples, { collateFn: (list: number[]) => list });

// ---- optimizers and schedulers

const optimizer = new Adam(encoder.parameters(), { lr: 1e-3, betas: [0.9, 0.99], amsgrad: true });
expectTypeOf(optimizer.paramGroups[0]!.lr).toEqualTypeOf<number>();
expectTypeOf(optimizer.paramGroups[0]!.betas).toEqualTypeOf<[number, number]>();
expectTypeOf(optimizer.paramGroups[0]!.amsgrad).toEqualTypeOf<boolean>();
expectTypeOf(optimizer.paramGroups[0]!.params).toEqualTypeOf<Tensor[]>();
optimizer.step(() => x);
optimizer.zeroGrad({ setToNone: false });
const grouped = new SGD(
  [
    { params: encoder.parameters(), lr: 0.1 },
    { params: [x], momentum: 0.9, nesterov: true },
  ],
  { lr: 1 },
);
expectTypeOf(grouped.paramGroups[1]!.momentum).toEqualTypeOf<number>();
expectTypeOf(new LBFGS([x], { lineSearchFn: 'strong_wolfe' }).step(() => x)).toEqualTypeOf<Tensor | number>();
// @ts-expect-error no such option
new Adam([x], { learningRate: 1e-3 });
// @ts-expect-error momentum is SGD's
new AdamW([x], { momentum: 0.9 });
// @ts-expect-error two betas
new Adam([x], { betas: [0.9] });
// @ts-expect-error one group has no such setting
new SGD([{ params: [x], betas: [0.9, 0.99] }], { lr: 0.1 });
// @ts-expect-error no such search
new LBFGS([x], { lineSearchFn: 'wolfe' });
// @ts-expect-error parameters are tensors
new SGD([1, 2], { lr: 0.1 });

const schedule = new SequentialLR(optimizer, {
  schedulers: [new LambdaLR(optimizer, (epoch) => 1 / (epoch + 1)), new StepLR(optimizer, { stepSize: 3 })],
  milestones: [3],
});
expectTypeOf(schedule.getLastLr()).toEqualTypeOf<number[]>();
new OneCycleLR(optimizer, { maxLr: 1, totalSteps: 10, annealStrategy: 'linear' });
new ReduceLROnPlateau(optimizer, { mode: 'max' }).step(x);
new CosineAnnealingLR(optimizer, { tMax: 10 });
// @ts-expect-error a plateau needs its metric
new ReduceLROnPlateau(optimizer).step();
// @ts-expect-error no such mode
new ReduceLROnPlateau(optimizer, { mode: 'maximum' });
// @ts-expect-error the highest rate is missing
new OneCycleLR(optimizer, { totalSteps: 10 });
// @ts-expect-error no such strategy
new OneCycleLR(optimizer, { maxLr: 1, totalSteps: 10, annealStrategy: 'cosine' });
// @ts-expect-error the size of a step is missing
new StepLR(optimizer, { gamma: 0.5 });

// ---- distributions

expectTypeOf(new Normal(0, x).rsample([3])).toEqualTypeOf<Tensor>();
expectTypeOf(new Normal(0, 1).expand([2])).toEqualTypeOf<Normal>();
expectTypeOf(new Independent(new Normal(x, 1), 1).baseDist).toEqualTypeOf<Normal>();
expectTypeOf(klDivergence(new Normal(0, 1), new Categorical({ probs: x }))).toEqualTypeOf<Tensor>();
expectTypeOf<Normal>().toExtend<Distribution>();
// @ts-expect-error the scale is missing
new Normal(0);
// @ts-expect-error a list is no tensor
new Categorical({ probs: [0.5, 0.5] });
// @ts-expect-error no such option
new MultivariateNormal(x, { covariance: x });

// ---- files

expectTypeOf(save({ epoch: 3, state: encoder.stateDict() }, 'a.pt')).toEqualTypeOf<Promise<void>>();
expectTypeOf(load('a.pt', { mmap: true, mapLocation: { 'cuda:0': 'cpu' } })).toEqualTypeOf<Promise<unknown>>();
expectTypeOf(serialize([x])).toEqualTypeOf<Iterable<Uint8Array>>();
expectTypeOf(new OrderedDict([['weight', x]])).toEqualTypeOf<OrderedDict<string, Tensor>>();
expectTypeOf(saveSafetensors(encoder.stateDict(), 'a.safetensors', { metadata: { format: 'pt' } })).toEqualTypeOf<
  Promise<void>
>();
expectTypeOf(loadSafetensors('a.safetensors')).toEqualTypeOf<Promise<Map<string, Tensor>>>();
expectTypeOf(openSafetensors('a.safetensors')).toEqualTypeOf<SafetensorsFile>();
expectTypeOf(openSafetensors('a.safetensors').metadata).toEqualTypeOf<ReadonlyMap<string, string>>();
encoder.loadStateDict(await loadSafetensors('a.safetensors', { device: 'cpu' }));
// @ts-expect-error what a file holds is unknown until it is looked at
(await load('a.pt')).state_dict;
// @ts-expect-error no such option
void load('a.pt', { weightsOnly: true });
// @ts-expect-error bytes in memory are not mapped
deserialize(new Uint8Array(0), { mmap: true });
// @ts-expect-error metadata is text
void saveSafetensors({}, 'a', { metadata: { epoch: 3 } });
// @ts-expect-error safetensors files hold tensors only
void saveSafetensors({ epoch: 3 }, 'a');
