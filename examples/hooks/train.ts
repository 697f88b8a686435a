// Hooks: what a module can do around its steps, from setting up data to adding to its checkpoints.
//
//   npx tsx examples/hooks/train.ts
import {
  type CheckpointData,
  LightningModule,
  type Stage,
  seedEverything,
  Trainer,
  type TrainerOptions,
} from '@lightning-ts/lightning';
import { cat, randn, type Tensor } from '@lightning-ts/torch';
import { DataLoader, TensorDataset } from '@lightning-ts/torch/data';
import { clipGradNorm_, Linear } from '@lightning-ts/torch/nn';
import * as F from '@lightning-ts/torch/nn/functional';
import { Adam } from '@lightning-ts/torch/optim';
import { isMain } from '../isMain.js';

type Batch = [x: Tensor, y: Tensor];

export class Hooked extends LightningModule<Batch> {
  layer = new Linear(4, 1);
  customData: Record<string, unknown> = { runs: 0 };
  private trainSet: TensorDataset<Batch> | null = null;
  private trainingStepOutputs: Tensor[] = [];

  /** At the beginning of fit, validate, test or predict. */
  override setup(stage: Stage): void {
    if (stage !== 'fit') return;
    const x = randn([128, 4]);
    this.trainSet = new TensorDataset(x, x.sum(1).unsqueeze(1));
    this.customData = { ...this.customData, runs: Number(this.customData.runs) + 1 };
  }

  /** At the end, however it ends: let go of resources. */
  override teardown(): void {
    this.trainSet = null;
  }

  override trainDataloader() {
    return new DataLoader(this.trainSet!, { batchSize: 16, shuffle: true });
  }

  override trainingStep([x, y]: Batch): Tensor {
    const pred = this.layer.forward(x);
    this.trainingStepOutputs.push(pred.detach());
    return F.mseLoss(pred, y);
  }

  /** Before backward: here the loss can be looked at. */
  override onBeforeBackward(loss: Tensor): void {
    if (!Number.isFinite(loss.item())) throw new Error('the loss is not finite');
  }

  /** After backward, before the update: inspect or change gradients. */
  override onAfterBackward(): void {
    const gradNorm = clipGradNorm_(this.parameters(), 1.0);
    this.log('grad_norm', gradNorm);
  }

  /** Metrics over everything an epoch predicted. */
  override onTrainEpochEnd(): void {
    const allPreds = cat(this.trainingStepOutputs);
    this.log('prediction_std', allPreds.std());
    this.trainingStepOutputs = []; // Free memory
  }

  /** Customize checkpoint saving. */
  override onSaveCheckpoint(checkpoint: CheckpointData): void {
    checkpoint.custom_state = this.customData;
  }

  /** Customize checkpoint loading. */
  override onLoadCheckpoint(checkpoint: CheckpointData): void {
    this.customData = (checkpoint.custom_state as Record<string, unknown> | undefined) ?? { runs: 0 };
  }

  override configureOptimizers() {
    return new Adam(this.parameters(), { lr: 0.01 });
  }
}

export async function train(options: TrainerOptions = {}) {
  seedEverything(42);
  const model = new Hooked();
  const trainer = new Trainer({ maxEpochs: 2, logger: false, defaultRootDir: 'hooks-output', ...options });
  await trainer.fit(model);
  return { model, trainer };
}

if (isMain(import.meta.url)) {
  const { model, trainer } = await train();
  console.log(Object.fromEntries(Object.entries(trainer.callbackMetrics).map(([name, value]) => [name, value.item()])));
  const again = await Hooked.loadFromCheckpoint(trainer.checkpointCallback!.bestModelPath);
  console.log('What the checkpoint brought along:', again.customData, 'of', model.customData);
}
