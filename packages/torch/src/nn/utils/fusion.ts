import { noGrad } from '../../autograd.js';
import { TorchError } from '../../errors.js';
import { onesLike, zerosLike } from '../../functions.js';
import { Parameter } from '../../parameter.js';
import type { Tensor } from '../../tensor.js';
import type { Module } from '../module.js';
import { fieldsOf } from './computedFields.js';

/** A layer with a weight and a bias. */
type Weighted = Module & { readonly weight: Parameter; readonly bias: Parameter | null };
/** A batch normalisation with running statistics. */
type Normalising = Module & {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly runningMean: Tensor | null;
  readonly runningVar: Tensor | null;
  readonly eps: number;
};

function fused<M extends Weighted>(layer: M, bn: Normalising, outputDim: number): M {
  const { runningMean: mean, runningVar: variance } = bn;
  if (layer.training || bn.training)
    throw new TorchError('MODULE_STATE', 'only layers in evaluation can be fused; call eval() first');
  if (mean === null || variance === null)
    throw new TorchError('MODULE_STATE', 'a batch normalisation without running statistics cannot be fused');
  return noGrad(() => {
    const copy = layer.clone();
    const scale = variance.add(bn.eps).rsqrt();
    const weight = bn.weight ?? onesLike(mean);
    const bias = layer.bias ?? zerosLike(mean);
    const shape = layer.weight.shape.map((_, d) => (d === outputDim ? -1 : 1));
    const fields = fieldsOf(copy);
    fields.weight = new Parameter(layer.weight.mul(weight.mul(scale).reshape(shape)));
    fields.bias = new Parameter(
      bias
        .sub(mean)
        .mul(scale)
        .mul(weight)
        .add(bn.bias ?? zerosLike(mean)),
    );
    return copy;
  });
}

/** A convolution that does what `conv` followed by `bn` does in evaluation; `transpose` for transposed convolutions. */
export const fuseConvBnEval = <M extends Weighted>(
  conv: M,
  bn: Normalising,
  options: { transpose?: boolean } = {},
): M => fused(conv, bn, options.transpose ? 1 : 0);

/** A linear layer that does what `linear` followed by `bn` does in evaluation. */
export const fuseLinearBnEval = <M extends Weighted>(linear: M, bn: Normalising): M => fused(linear, bn, 0);
