import { Accuracy } from '@lightning-ts/metrics';
import { mean, randint, randn, type Tensor } from '@lightning-ts/torch';
import { DataLoader, TensorDataset } from '@lightning-ts/torch/data';
import { Adam } from '@lightning-ts/torch/optim';
import { CombinedLoader, LightningModule, type StepOutput, Trainer } from './index.js';

interface Options {
  readonly learningRate: number;
  readonly hidden?: number;
}
class Classifier extends LightningModule<[Tensor, Tensor], Options> {
  acc = new Accuracy({ task: 'multiclass', numClasses: 3 });
  constructor(options: Options) {
    super();
    this.saveHyperparameters(options);
  }
  override forward(x: Tensor): Tensor {
    return x;
  }
  override trainingStep([x, y]: [Tensor, Tensor]) {
    this.acc.forward(x, y);
    this.log('acc', this.acc);
    return this.forward(x).mean();
  }
  override configureOptimizers() {
    return new Adam(this.parameters(), { lr: this.hparams.learningRate });
  }
}
const data = new TensorDataset(randn([4, 2]), randint(3, [4]));
const loader = new DataLoader(data, { batchSize: 2 });
const trainer = new Trainer({ maxEpochs: 1 });
void trainer.fit(new Classifier({ learningRate: 1 }), { trainDataloaders: loader, valDataloaders: [loader] });
void trainer.fit(new Classifier({ learningRate: 1 }), loader, loader);
void Classifier.loadFromCheckpoint('x', { learningRate: 2 }).then((model) => model.hparams.hidden);
// @ts-expect-error no such option
void Classifier.loadFromCheckpoint('x', { learningRat: 2 });
// @ts-expect-error batches of another kind
void trainer.fit(new Classifier({ learningRate: 1 }), { trainDataloaders: [1, 2] });
// @ts-expect-error no such option
new Trainer({ maxEpoch: 1 });

class Pair extends LightningModule<{ a: Tensor; b: [Tensor, Tensor] }> {}
const vectors: Tensor[] = [randn([2])];
void trainer.fit(new Pair(), { trainDataloaders: { a: vectors, b: loader } });
void trainer.fit(new Pair(), { trainDataloaders: new CombinedLoader({ a: vectors, b: loader }, 'maxSizeCycle') });
void trainer.fit(new Pair(), { trainDataloaders: [{ a: randn([2]), b: [randn([2]), randn([2])] }] });
// @ts-expect-error loaders of another nesting
void trainer.fit(new Pair(), { trainDataloaders: { a: vectors, c: loader } });
// @ts-expect-error a loader of other batches
void trainer.fit(new Pair(), { trainDataloaders: { a: loader, b: loader } });
void trainer.validate(new Classifier({ learningRate: 1 }), new CombinedLoader([loader, loader], 'sequential'));
const [nested] = [...new CombinedLoader({ a: vectors, b: loader })].map(([batch]) => batch.b[1].shape);
void nested;

// ---- x-axes, reductions, weights

const logging = new Classifier({ learningRate: 1 });
logging.log('a', 1, { xAxis: 'seconds', reduceFx: Math.max });
logging.log('a', 1, { xAxis: { metric: 'tokens' }, reduceFx: mean });
// @ts-expect-error a unit that is none; another value is { metric }
logging.log('a', 1, { xAxis: 'tokens' });
// @ts-expect-error a function of something else
logging.log('a', 1, { reduceFx: (text: string) => text });
class Weighted extends LightningModule<[Tensor, Tensor], Options> {
  override exampleInputArray = { x: randn([2]) };
  override trainingStep([x]: [Tensor, Tensor]) {
    return { loss: x.mean(), weight: x.size(0), extra: 'anything' };
  }
}
void trainer.fit(new Weighted(), loader);
const step: StepOutput = { loss: randn([1]), weight: 3, extra: 'anything' };
// @ts-expect-error a weight is a number
const wrongStep: StepOutput = { loss: randn([1]), weight: 'many' };
void [step, wrongStep];
new Trainer({ accumulationDivisor: 'weight' });
// @ts-expect-error no such divisor
new Trainer({ accumulationDivisor: 'tokens' });
void trainer.initModule(() => new Weighted(), { emptyInit: true }).hparams.learningRate;
