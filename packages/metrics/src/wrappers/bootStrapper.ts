import { arange, multinomial, ones, poisson, quantile, stack, Tensor } from '@lightning-ts/torch';
import { ModuleList } from '@lightning-ts/torch/nn';
import { checkCount } from '../classification/options.js';
import { MetricError } from '../errors.js';
import { checkChoice } from '../regression/inputs.js';
import { type AnyMetric, checkMetric, WrapperMetric } from './wrapperMetric.js';

export interface BootStrapperOptions {
  /** How many copies of the metric are kept. Default 10. */
  readonly numBootstraps?: number;
  /** Whether the mean over the copies is given. Default true. */
  readonly mean?: boolean;
  /** Whether their standard deviation is given. Default true. */
  readonly std?: boolean;
  /** Which quantile, or quantiles [q], of all values is given; default null, none. */
  readonly quantile?: number | Tensor | null;
  /** Whether the values of all copies are given, `[numBootstraps, ...]`. Default false. */
  readonly raw?: boolean;
  /** How often each sample of a batch is taken: by a Poisson distribution (default), or as many samples are drawn as there are. */
  readonly samplingStrategy?: 'poisson' | 'multinomial';
}

/**
 * How sure a metric is: copies of it see each batch with samples drawn again and left out, by the engine's generator.
 *
 * Its value is a record with `mean`, `std`, `quantile` and `raw`, as asked for.
 */
export class BootStrapper extends WrapperMetric {
  private readonly metrics: ModuleList<AnyMetric>;
  private readonly options: Required<BootStrapperOptions>;

  constructor(baseMetric: AnyMetric, options: BootStrapperOptions = {}) {
    super();
    checkMetric('BootStrapper', baseMetric);
    const {
      numBootstraps = 10,
      mean = true,
      std = true,
      quantile: wanted = null,
      raw = false,
      samplingStrategy = 'poisson',
    } = options;
    checkCount('numBootstraps', numBootstraps, 1, 'BootStrapper');
    checkChoice('BootStrapper', 'samplingStrategy', samplingStrategy, ['poisson', 'multinomial']);
    this.options = { numBootstraps, mean, std, quantile: wanted, raw, samplingStrategy };
    this.metrics = new ModuleList(Array.from({ length: numBootstraps }, () => baseMetric.clone()));
  }

  override get higherIsBetter(): boolean | null {
    return this.metrics.at(0).higherIsBetter;
  }

  /** Tensors are drawn from along their first dimension; other inputs go as they are. @throws MetricError OPTION_INVALID without a tensor */
  update(...inputs: unknown[]): void {
    const first = inputs.find((input) => input instanceof Tensor);
    if (first === undefined)
      throw new MetricError(
        'OPTION_INVALID',
        'BootStrapper: no input is a tensor, so there are no samples to draw from.',
      );
    for (const metric of this.metrics) {
      const drawn = this.draw(first.size(0));
      if (drawn.numel() === 0) continue;
      metric.update(...inputs.map((input) => (input instanceof Tensor ? input.indexSelect(0, drawn) : input)));
    }
  }

  compute(): Record<string, Tensor> {
    const values = stack([...this.metrics].map((metric) => metric.compute() as Tensor));
    const { mean, std, quantile: wanted, raw } = this.options;
    return {
      ...(mean ? { mean: values.mean(0) } : {}),
      ...(std ? { std: values.std(0) } : {}),
      ...(wanted === null ? {} : { quantile: quantile(values, wanted as number) }),
      ...(raw ? { raw: values } : {}),
    };
  }

  /** Places of the samples to take. */
  private draw(size: number): Tensor {
    if (this.options.samplingStrategy === 'multinomial') return multinomial(ones([size]), size, true);
    return arange(size).repeatInterleave(poisson(ones([size])).long(), 0);
  }
}
