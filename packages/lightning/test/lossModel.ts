import { randn, type Tensor } from '@lightning-ts/torch';
import { Linear } from '@lightning-ts/torch/nn';
import { SGD } from '@lightning-ts/torch/optim';
import { LightningModule } from '../src/module/lightningModule.js';
import type { OptimizersConfig } from '../src/module/optimizersConfig.js';

/** A tiny model whose validations log the scores it is given, one after another; the last one repeats. */
export class LossModel extends LightningModule<Tensor> {
  layer = new Linear(2, 1);
  /** Validations done, the sanity check left out. */
  validations = 0;

  constructor(
    private readonly scores: readonly number[] = [],
    private readonly metricName = 'val_loss',
  ) {
    super();
  }

  override forward(batch: Tensor): Tensor {
    return this.layer.forward(batch);
  }

  override trainingStep(batch: Tensor, _batchIdx: number): Tensor {
    const loss = this.layer.forward(batch).pow(2).mean();
    this.log('train_loss', loss);
    return loss;
  }

  override validationStep(_batch: Tensor): void {
    if (this.trainer.sanityChecking || this.scores.length === 0) return;
    this.log(this.metricName, this.scores[Math.min(this.validations, this.scores.length - 1)]!, { batchSize: 1 });
  }

  override testStep(batch: Tensor): void {
    this.log('test_loss', this.layer.forward(batch).pow(2).mean());
  }

  override onValidationEnd(): void {
    if (!this.trainer.sanityChecking) this.validations += 1;
  }

  override configureOptimizers(): OptimizersConfig {
    return new SGD(this.parameters(), { lr: 0.01 });
  }
}

/** Random batches `[4, 2]`. */
export function batches(count: number): Tensor[] {
  return Array.from({ length: count }, () => randn([4, 2]));
}
