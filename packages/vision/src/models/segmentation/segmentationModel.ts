import type { Tensor } from '@lightning-ts/torch';
import { Module, type UnaryModule } from '@lightning-ts/torch/nn';
import * as F from '@lightning-ts/torch/nn/functional';
import type { ModelOptions } from '../weights.js';
import type { IntermediateLayers } from './intermediateLayers.js';

export interface SegmentationOptions extends ModelOptions {
  /** Default 21, the classes of Pascal VOC with the background. */
  numClasses?: number;
  /** A second classifier on the features before the last stage, for a second loss; default false. */
  auxLoss?: boolean;
  /** Weights of the backbone alone, by name or file; default random ones. */
  weightsBackbone?: string;
}

/** Logits for every pixel, and those of the second classifier if there is one: each [batch, numClasses, h, w]. */
export interface SegmentationOutput {
  out: Tensor;
  aux?: Tensor;
}

/** A backbone and a classifier of its features, whose logits are stretched to the size of the image [batch, 3, h, w]. */
export abstract class SegmentationModel extends Module {
  readonly backbone: IntermediateLayers<'out' | 'aux'>;
  readonly classifier: UnaryModule;
  readonly auxClassifier: UnaryModule | null;

  constructor(
    backbone: IntermediateLayers<'out' | 'aux'>,
    classifier: UnaryModule,
    auxClassifier: UnaryModule | null = null,
  ) {
    super();
    this.backbone = backbone;
    this.classifier = classifier;
    this.auxClassifier = auxClassifier;
  }

  override forward(input: Tensor): SegmentationOutput {
    const features = this.backbone.forward(input);
    const stretched = (logits: Tensor) =>
      F.interpolate(logits, { size: input.shape.slice(-2), mode: 'bilinear', alignCorners: false });
    const out = stretched(this.classifier.forward(features.out));
    if (this.auxClassifier === null) return { out };
    return { out, aux: stretched(this.auxClassifier.forward(features.aux)) };
  }
}
