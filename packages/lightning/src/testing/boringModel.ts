import { randn, type Tensor } from '@lightning-ts/torch';
import { DataLoader } from '@lightning-ts/torch/data';
import { Linear } from '@lightning-ts/torch/nn';
import { SGD } from '@lightning-ts/torch/optim';
import { LightningModule, type StepOutput } from '../module/lightningModule.js';
import type { EvaluationLoaders, Loader } from '../module/loaderTypes.js';
import type { OptimizersConfig } from '../module/optimizersConfig.js';

/** Random vectors: `length` rows of `size` numbers. */
export class RandomDataset {
  private readonly rows: Tensor;

  constructor(
    size: number,
    readonly length: number,
  ) {
    this.rows = randn([length, size]);
  }

  /** [size] */
  getItem(index: number): Tensor {
    return this.rows.at(index);
  }

  /** [indices, size] */
  getBatch(indices: number[]): Tensor {
    return this.rows.at(indices);
  }
}

/**
 * The smallest model that does everything a run asks for: one linear layer from 32 to 2, trained towards ones. For tests that
 * are about the run rather than the model.
 */
export class BoringModel extends LightningModule<Tensor> {
  layer = new Linear(32, 2);

  /** [batch, 32] -> [batch, 2] */
  override forward(x: Tensor): Tensor {
    return this.layer.forward(x);
  }

  /** Mean squared distance of the predictions from one. */
  loss(predictions: Tensor): Tensor {
    return predictions.sub(1).square().mean();
  }

  override trainingStep(batch: Tensor, _batchIdx: number): StepOutput | Promise<StepOutput> {
    return { loss: this.loss(this.forward(batch)) };
  }

  override validationStep(batch: Tensor, _batchIdx: number, _dataloaderIdx: number): unknown {
    return { x: this.loss(this.forward(batch)) };
  }

  override testStep(batch: Tensor, _batchIdx: number, _dataloaderIdx: number): unknown {
    return { y: this.loss(this.forward(batch)) };
  }

  override configureOptimizers(): OptimizersConfig {
    return new SGD(this.parameters(), { lr: 0.1 });
  }

  override trainDataloader(): Loader<Tensor> {
    return new DataLoader(new RandomDataset(32, 64));
  }

  override valDataloader(): EvaluationLoaders<Tensor> {
    return new DataLoader(new RandomDataset(32, 64));
  }

  override testDataloader(): EvaluationLoaders<Tensor> {
    return new DataLoader(new RandomDataset(32, 64));
  }

  override predictDataloader(): EvaluationLoaders<Tensor> {
    return new DataLoader(new RandomDataset(32, 64));
  }
}
