import { cat, type Tensor, tensor } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { Metric } from '../metric.js';
import type { SampleReduction } from '../regression/inputs.js';
import { checkReduction, reduceSamples } from './reduceSamples.js';

export interface TotalVariationOptions {
  /** Default `sum`. */
  readonly reduction?: SampleReduction;
}

const owner = 'TotalVariation';

function variationOf(images: Tensor): Tensor {
  if (images.dim() !== 4) {
    throw new MetricError(
      'SHAPE_MISMATCH',
      `${owner} takes [batch, channels, height, width], but the images have [${images.shape}].`,
    );
  }
  const along = (dim: number): Tensor => images.diff(1, dim).abs().flatten(1).sum(1);
  return along(2).add(along(3));
}

/** How much neighbouring pixels differ: the sum of the absolute steps down and across, an image. `update(images [batch, channels, height, width])`. */
export class TotalVariation extends Metric {
  declare protected sum: Tensor;
  declare protected total: Tensor;
  declare protected scores: Tensor[];
  private readonly reduction: SampleReduction;

  constructor({ reduction = 'sum' }: TotalVariationOptions = {}) {
    super();
    checkReduction(owner, reduction);
    this.reduction = reduction;
    this.addState('sum', tensor(0, { dtype: 'float32' }), { distReduceFx: 'sum' });
    this.addState('total', tensor(0, { dtype: 'int64' }), { distReduceFx: 'sum' });
    this.addState('scores', [], { distReduceFx: 'cat' });
  }

  override get higherIsBetter(): boolean {
    return false;
  }

  update(images: Tensor): void {
    const scores = variationOf(images);
    if (this.reduction === 'none') this.scores = [...this.scores, scores];
    this.sum = this.sum.add(scores.sum());
    this.total = this.total.add(images.size(0));
  }

  compute(): Tensor {
    if (this.reduction === 'none') return this.scores.length === 0 ? this.sum.newEmpty([0]) : cat(this.scores);
    return this.reduction === 'sum' ? this.sum : this.sum.div(this.total);
  }
}

export const totalVariation = (images: Tensor, { reduction = 'sum' }: TotalVariationOptions = {}): Tensor => {
  checkReduction(owner, reduction);
  return reduceSamples(variationOf(images), reduction);
};
