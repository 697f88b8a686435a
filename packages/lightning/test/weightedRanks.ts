import { LightningModule, Trainer } from '@lightning-ts/lightning';
import { full, type Tensor, zeros } from '@lightning-ts/torch';
import { Parameter } from '@lightning-ts/torch/nn';
import { SGD } from '@lightning-ts/torch/optim';

/** loss = slope · mean(batch), weighted by the batch's size: the gradient of all is the mean over all elements. */
class Slope extends LightningModule<Tensor> {
  slope = new Parameter(zeros([1]));
  override trainingStep(batch: Tensor): { loss: Tensor; weight: number } {
    return { loss: this.slope.mul(batch.mean()).sum(), weight: batch.size(0) };
  }
  override configureOptimizers(): SGD {
    return new SGD([this.slope], { lr: 1 });
  }
}

const trainer = new Trainer({
  devices: 2,
  accelerator: 'cpu',
  accumulationDivisor: 'weight',
  accumulateGradBatches: 2,
  maxEpochs: 1,
  logger: false,
  enableCheckpointing: false,
  enableProgressBar: false,
  enableModelSummary: false,
});
// Batches of other sizes in each process; its value is its index.
const sizes = trainer.globalRank === 0 ? [1, 7, 2] : [3, 40, 6];
const model = new Slope();
await trainer.fit(
  model,
  sizes.map((size, index) => full([size], index + 1, { dtype: 'float32' })),
);
console.log(`slope ${trainer.globalRank} ${model.slope.item()}`);
