import { type DeviceName, inferenceMode, stack, type Tensor } from '@lightning-ts/torch';
import * as jit from '@lightning-ts/torch/jit';
import { Compose, Normalize, ToTensor } from '@lightning-ts/vision/transforms';
import { LightningCNN } from './model.js';

export const classes = ['plane', 'car', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];

/** What the model says about one image. */
export interface Prediction {
  class: string;
  /** Its probability. */
  confidence: number;
  /** Of every class, in the order of `classes`. */
  probabilities: number[];
}

/** Production inference: a model from its checkpoint, with the preprocessing it was trained with. */
export class LightningInferenceEngine {
  private readonly transform = new Compose([
    new ToTensor(),
    new Normalize([0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.201]),
  ]);

  private constructor(private readonly model: LightningCNN) {
    model.eval();
  }

  static async load(modelPath: string, device: DeviceName = 'cpu'): Promise<LightningInferenceEngine> {
    const model = await LightningCNN.loadFromCheckpoint(modelPath);
    return new LightningInferenceEngine(model.to(device));
  }

  /** Predict single image: uint8 [32, 32, 3], or a float tensor [3, 32, 32] that is preprocessed already. */
  predict(image: Tensor): Prediction {
    return this.batchPredict([image])[0]!;
  }

  /** Predict batch of images efficiently. */
  batchPredict(images: readonly Tensor[], batchSize = 32): Prediction[] {
    const results: Prediction[] = [];
    for (let i = 0; i < images.length; i += batchSize) {
      const batch = images
        .slice(i, i + batchSize)
        .map((image) => (image.dtype === 'uint8' ? this.transform.forward(image) : image));
      inferenceMode(() => {
        const logits = this.model.forward(stack(batch).to(this.model.device));
        const probabilities = logits.softmax(1).cpu();
        const { values: confidences, indices: predictions } = probabilities.max(1);
        for (let j = 0; j < batch.length; j += 1) {
          results.push({
            class: classes[Number(predictions.at(j).item())]!,
            confidence: Number(confidences.at(j).item()),
            probabilities: probabilities.at(j).tolist() as number[],
          });
        }
      });
    }
    return results;
  }
}

/**
 * Convert Lightning model to TorchScript for production: Python and C++ load the file, too. What is saved is the frozen
 * program; `jit.optimizeForInference` makes it fast where it is loaded, for that machine.
 */
export function lightningModelToTorchscript(model: LightningCNN, exampleInput: Tensor): jit.ScriptModule {
  model.eval();
  const traced = jit.trace(model.cpu(), exampleInput);
  return jit.freeze(traced);
}
