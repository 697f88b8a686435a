// Two optimizers that train against each other: manual optimization.
//
//   npx tsx examples/gan/train.ts

import { LightningModule, seedEverything, Trainer, type TrainerOptions } from '@lightning-ts/lightning';
import { ones, rand, randn, stack, type Tensor, zeros } from '@lightning-ts/torch';
import { DataLoader, TensorDataset } from '@lightning-ts/torch/data';
import { LeakyReLU, Linear, Sequential } from '@lightning-ts/torch/nn';
import * as F from '@lightning-ts/torch/nn/functional';
import { Adam } from '@lightning-ts/torch/optim';
import { isMain } from '../isMain.js';

const latentSize = 8;

/** Noise [batch, 8] → points of the plane [batch, 2]. */
const newGenerator = () => new Sequential(new Linear(latentSize, 32), new LeakyReLU(0.2), new Linear(32, 2));
/** Points [batch, 2] → how real they look, as a logit [batch, 1]. */
const newDiscriminator = () => new Sequential(new Linear(2, 32), new LeakyReLU(0.2), new Linear(32, 1));

export class GANModel extends LightningModule<[Tensor]> {
  override automaticOptimization = false;
  generator = newGenerator();
  discriminator = newDiscriminator();

  /** Draws points. */
  override forward(z: Tensor): Tensor {
    return this.generator.forward(z);
  }

  override trainingStep([real]: [Tensor]): void {
    const [optG, optD] = this.optimizers(2);

    // Train generator
    optG.zeroGrad();
    const gLoss = this.computeGeneratorLoss(real);
    this.manualBackward(gLoss);
    optG.step();

    // Train discriminator
    optD.zeroGrad();
    const dLoss = this.computeDiscriminatorLoss(real);
    this.manualBackward(dLoss);
    optD.step();

    this.logDict({ g_loss: gLoss, d_loss: dLoss }, { progBar: true });
  }

  /** The generator wants its points taken for real. */
  private computeGeneratorLoss(real: Tensor): Tensor {
    const fake = this.forward(randn([real.size(0), latentSize]));
    const verdict = this.discriminator.forward(fake);
    return F.binaryCrossEntropyWithLogits(verdict, ones(verdict.shape));
  }

  /** The discriminator wants to tell them apart. */
  private computeDiscriminatorLoss(real: Tensor): Tensor {
    const fake = this.forward(randn([real.size(0), latentSize])).detach();
    const onReal = this.discriminator.forward(real);
    const onFake = this.discriminator.forward(fake);
    return F.binaryCrossEntropyWithLogits(onReal, ones(onReal.shape))
      .add(F.binaryCrossEntropyWithLogits(onFake, zeros(onFake.shape)))
      .div(2);
  }

  override configureOptimizers() {
    const optG = new Adam(this.generator.parameters(), { lr: 0.0002 });
    const optD = new Adam(this.discriminator.parameters(), { lr: 0.0002 });
    return [optG, optD];
  }
}

export async function train(options: TrainerOptions = {}) {
  seedEverything(42);
  // Points on a circle around (2, 2).
  const angles = rand([512]).mul(2 * Math.PI);
  const circle = new TensorDataset(stack([angles.cos(), angles.sin()], 1).add(2));
  const model = new GANModel();
  const trainer = new Trainer({ maxEpochs: 100, logger: false, enableCheckpointing: false, ...options });
  await trainer.fit(model, new DataLoader(circle, { batchSize: 32, shuffle: true }) as Iterable<[Tensor]>);
  return { model, trainer };
}

if (isMain(import.meta.url)) {
  const { model } = await train();
  console.log(
    'Three points, which should lie on the circle around (2, 2):',
    String(model.forward(randn([3, latentSize])).detach()),
  );
}
