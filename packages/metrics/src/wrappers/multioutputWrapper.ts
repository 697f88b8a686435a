import { stack, Tensor } from '@lightning-ts/torch';
import { ModuleList } from '@lightning-ts/torch/nn';
import { checkCount } from '../classification/options.js';
import { type AnyMetric, checkMetric, WrapperMetric } from './wrapperMetric.js';

export interface MultioutputOptions {
  /** The dimension of the outputs; default -1. */
  readonly outputDim?: number;
  /** Whether samples with NaN in any input are left out, output by output. Default true. */
  readonly removeNans?: boolean;
  /** Whether the dimension of the outputs is taken away before the metric sees its part. Default true. */
  readonly squeezeOutputs?: boolean;
}

/** A metric of its own for each output: its value is `[outputs, ...]`. */
export class MultioutputWrapper extends WrapperMetric {
  private readonly metrics: ModuleList<AnyMetric>;
  private readonly options: Required<MultioutputOptions>;

  constructor(baseMetric: AnyMetric, numOutputs: number, options: MultioutputOptions = {}) {
    super();
    checkMetric('MultioutputWrapper', baseMetric);
    checkCount('numOutputs', numOutputs, 1, 'MultioutputWrapper');
    const { outputDim = -1, removeNans = true, squeezeOutputs = true } = options;
    this.options = { outputDim, removeNans, squeezeOutputs };
    this.metrics = new ModuleList(Array.from({ length: numOutputs }, () => baseMetric.clone()));
  }

  override get higherIsBetter(): boolean | null {
    return this.metrics.at(0).higherIsBetter;
  }

  update(...inputs: Tensor[]): void {
    for (const [output, metric] of [...this.metrics].entries()) metric.update(...this.partOf(inputs, output));
  }

  compute(): Tensor {
    return stack([...this.metrics].map((metric) => metric.compute() as Tensor));
  }

  private partOf(inputs: readonly Tensor[], output: number): Tensor[] {
    const { outputDim, removeNans, squeezeOutputs } = this.options;
    const parts = inputs.map((input) => input.narrow(outputDim, output, 1));
    const kept = removeNans ? parts.map((part) => part.flatten(1).isnan().any(1)) : [];
    const wholes = kept
      .reduce<Tensor | null>((any, one) => (any === null ? one : any.logicalOr(one)), null)
      ?.logicalNot()
      .nonzero()
      .flatten();
    return parts
      .map((part) => (wholes instanceof Tensor ? part.indexSelect(0, wholes) : part))
      .map((part) => (squeezeOutputs ? part.squeeze(outputDim) : part));
  }
}
