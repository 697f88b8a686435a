import { LightningModule } from '@lightning-ts/lightning/module';
import type { Tensor } from '@lightning-ts/torch';
import { Linear, ReLU, Sequential } from '@lightning-ts/torch/nn';
import * as F from '@lightning-ts/torch/nn/functional';
import { Adam } from '@lightning-ts/torch/optim';

/** Images [batch, ...] and labels [batch]. */
export type Batch = [images: Tensor, labels: Tensor];

export interface LitAutoEncoderOptions {
  /** Numbers in an image, default 28 × 28. */
  inputSize?: number;
  /** Numbers in its embedding, default 3. */
  embeddingSize?: number;
}

/** Learns to describe an image by a few numbers, from which it can be drawn again. */
export class LitAutoEncoder extends LightningModule<Batch, Required<LitAutoEncoderOptions>> {
  encoder: Sequential;
  decoder: Sequential;

  constructor({ inputSize = 28 * 28, embeddingSize = 3 }: LitAutoEncoderOptions = {}) {
    super();
    this.saveHyperparameters({ inputSize, embeddingSize });
    this.encoder = new Sequential(new Linear(inputSize, 64), new ReLU(), new Linear(64, embeddingSize));
    this.decoder = new Sequential(new Linear(embeddingSize, 64), new ReLU(), new Linear(64, inputSize));
  }

  /** [batch, inputSize] → [batch, embeddingSize] */
  override forward(x: Tensor): Tensor {
    return this.encoder.forward(x);
  }

  override trainingStep([images]: Batch): Tensor {
    const x = images.flatten(1);
    const z = this.encoder.forward(x);
    const reconstruction = this.decoder.forward(z);
    const loss = F.mseLoss(reconstruction, x);
    this.log('train_loss', loss);
    return loss;
  }

  override configureOptimizers() {
    return new Adam(this.parameters(), { lr: 1e-3 });
  }
}
