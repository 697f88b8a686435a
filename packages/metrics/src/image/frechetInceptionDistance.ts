import { linalgEigvals, noGrad, rand, randint, type Tensor, tensor, zeros } from '@lightning-ts/torch';
import { Module } from '@lightning-ts/torch/nn';
import { MetricError } from '../errors.js';
import { Metric } from '../metric.js';

/** What turns images [n, channels, height, width] into features [n, features]. */
export type FeatureExtractor = ((images: Tensor) => Tensor) | (Module & { forward(images: Tensor): Tensor });

export interface FrechetInceptionDistanceOptions {
  /**
   * A module or function. It is used as it is, without a gradient: put a module into evaluation mode, and let it do the
   * resizing that it needs.
   */
  readonly feature: FeatureExtractor;
  /** How many features there are; default: the module's `numFeatures`, or what it gives for one random image. */
  readonly numFeatures?: number;
  /** Whether `reset` also forgets the real images; default true. False saves working them out anew for each epoch. */
  readonly resetRealFeatures?: boolean;
  /** Whether images are floats from 0 to 1; default false: uint8. Says only of what kind the one random image is. */
  readonly normalize?: boolean;
  /** [channels, height, width] of the one random image; default [3, 299, 299]. */
  readonly inputImgSize?: readonly [number, number, number];
}

const owner = 'FrechetInceptionDistance';

/**
 * How far generated images are from real ones: Fréchet's distance between the normal distributions of their features
 * (Heusel et al. 2017). `update(images, true)` takes real images in, `update(images, false)` generated ones.
 *
 * The published scores are of an Inception v3 with weights of its own; here the features are the caller's, and scores
 * compare only among those of one extractor. Covariances are float64, so there should be many more images than features.
 */
export class FrechetInceptionDistance extends Metric {
  declare protected realFeaturesSum: Tensor;
  declare protected realFeaturesCovSum: Tensor;
  declare protected realFeaturesNumSamples: Tensor;
  declare protected fakeFeaturesSum: Tensor;
  declare protected fakeFeaturesCovSum: Tensor;
  declare protected fakeFeaturesNumSamples: Tensor;
  /** The module, under the name that it has in torchmetrics' state dicts; null for a function. */
  readonly inception: Module | null;
  private readonly extract: (images: Tensor) => Tensor;
  private readonly numFeatures: number;
  private readonly resetRealFeatures: boolean;

  /** @throws MetricError OPTION_INVALID */
  constructor(options: FrechetInceptionDistanceOptions) {
    super();
    const { feature, resetRealFeatures = true } = options;
    const isModule = feature instanceof Module;
    if (!isModule && typeof feature !== 'function') {
      throw new MetricError(
        'OPTION_INVALID',
        `${owner}: feature is ${String(feature)}. Give a module or function from images to features [n, features]; there are no weights here to make one of.`,
      );
    }
    this.inception = isModule ? feature : null;
    this.extract = isModule ? (images) => feature.forward(images) : feature;
    this.resetRealFeatures = resetRealFeatures;
    this.numFeatures = this.countFeatures(options);
    for (const kind of ['real', 'fake'] as const) {
      const { numFeatures: size } = this;
      this.addState(`${kind}FeaturesSum`, zeros([size], { dtype: 'float64' }), { distReduceFx: 'sum' });
      this.addState(`${kind}FeaturesCovSum`, zeros([size, size], { dtype: 'float64' }), { distReduceFx: 'sum' });
      this.addState(`${kind}FeaturesNumSamples`, zeros([], { dtype: 'int64' }), { distReduceFx: 'sum' });
    }
  }

  override get higherIsBetter(): boolean {
    return false;
  }

  /**
   * @param images what the extractor takes, [n, channels, height, width].
   * @param real whether they are real, not generated.
   * @throws MetricError SHAPE_MISMATCH when the features are not [n, numFeatures]
   */
  update(images: Tensor, real: boolean): void {
    const features = this.featuresOf(images).double();
    const kind = real ? 'real' : 'fake';
    const add = (name: `${typeof kind}Features${'Sum' | 'CovSum' | 'NumSamples'}`, more: Tensor): void => {
      this[name] = this[name].add(more);
    };
    add(`${kind}FeaturesSum`, features.sum(0));
    add(`${kind}FeaturesCovSum`, features.t().mm(features));
    add(`${kind}FeaturesNumSamples`, tensor(features.size(0)));
  }

  /** The distance, 0-d float32. @throws MetricError NO_DATA with fewer than two images of a kind */
  compute(): Tensor {
    const [realMean, realCov] = moments(this.realFeaturesSum, this.realFeaturesCovSum, this.realFeaturesNumSamples);
    const [fakeMean, fakeCov] = moments(this.fakeFeaturesSum, this.fakeFeaturesCovSum, this.fakeFeaturesNumSamples);
    const apart = realMean.sub(fakeMean).square().sum();
    const spread = realCov.trace().add(fakeCov.trace());
    const shared = linalgEigvals(realCov.mm(fakeCov)).sqrt().real().sum();
    return apart.add(spread).sub(shared.mul(2)).float();
  }

  /** There is no value of one batch, which is either real or not. @throws MetricError NO_DATA */
  override forward(): never {
    throw new MetricError(
      'NO_DATA',
      `${owner}: a batch is real or generated, and the distance needs both. Call update for each, then compute.`,
    );
  }

  override reset(): void {
    const { realFeaturesSum, realFeaturesCovSum, realFeaturesNumSamples } = this;
    super.reset();
    if (!this.resetRealFeatures) Object.assign(this, { realFeaturesSum, realFeaturesCovSum, realFeaturesNumSamples });
  }

  private countFeatures({
    feature,
    numFeatures,
    normalize = false,
    inputImgSize = [3, 299, 299],
  }: FrechetInceptionDistanceOptions): number {
    const given = numFeatures ?? ('numFeatures' in feature ? Number(feature.numFeatures) : null);
    const size = [1, ...inputImgSize];
    const count =
      given ?? noGrad(() => this.extract(normalize ? rand(size) : randint(0, 255, size).to('uint8')).size(-1));
    if (Number.isInteger(count) && count > 0) return count;
    throw new MetricError('OPTION_INVALID', `${owner}: numFeatures is ${count}. Give a whole number from 1 up.`);
  }

  private featuresOf(images: Tensor): Tensor {
    const found = this.extract(images);
    const features = found.dim() === 1 ? found.unsqueeze(0) : found;
    if (features.dim() === 2 && features.size(0) === images.size(0) && features.size(1) === this.numFeatures)
      return features;
    throw new MetricError(
      'SHAPE_MISMATCH',
      `${owner}: the extractor gave [${found.shape}] for images [${images.shape}], where [${images.size(0)}, ${this.numFeatures}] was expected. Flatten the features, or say how many there are with numFeatures.`,
    );
  }
}

function moments(sum: Tensor, products: Tensor, samples: Tensor): [mean: Tensor, covariance: Tensor] {
  const count = samples.item();
  if (count < 2) {
    throw new MetricError(
      'NO_DATA',
      `${owner} has seen ${count} images of one kind. It needs two real and two generated ones at least.`,
    );
  }
  const mean = sum.div(count);
  return [mean, products.sub(mean.outer(mean).mul(count)).div(count - 1)];
}
