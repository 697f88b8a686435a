import { noGrad } from '../../autograd.js';
import { empty } from '../../creation.js';
import { TorchError } from '../../errors.js';
import { dot, mv } from '../../functions.js';
import { Parameter } from '../../parameter.js';
import type { Tensor } from '../../tensor.js';
import { normalize } from '../functional/activation.js';
import { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from '../layers/convTranspose.js';
import type { Module } from '../module.js';
import { addRule, FieldRule, fieldsOf, parameterIn, removeRule, ruleOf, tensorIn } from './computedFields.js';

export interface SpectralNormOptions {
  /** Steps of the power iteration in each training forward; default 1. */
  nPowerIterations?: number;
  /** Default 1e-12. */
  eps?: number;
  /** The dimension of the outputs; default 0, and 1 for transposed convolutions. */
  dim?: number;
}

/** A weight as a matrix with `dim` for rows. */
export function asMatrix(weight: Tensor, dim: number): Tensor {
  const turned = dim === 0 ? weight : weight.permute([dim, ...weight.shape.map((_, d) => d).filter((d) => d !== dim)]);
  return turned.reshape([turned.size(0), -1]);
}

export const outputDim = (module: Module): number =>
  module instanceof ConvTranspose1d || module instanceof ConvTranspose2d || module instanceof ConvTranspose3d ? 1 : 0;

export const unitVector = (like: Tensor, size: number, eps: number): Tensor =>
  normalize(empty([size], { dtype: like.dtype, device: like.device }).normal_(0, 1), { dim: 0, eps });

class SpectralNorm extends FieldRule {
  constructor(
    field: string,
    readonly iterations: number,
    readonly dim: number,
    readonly eps: number,
  ) {
    super(field);
  }
  override compute(module: Module): Tensor {
    return this.normalized(module, module.training);
  }
  normalized(module: Module, iterate: boolean): Tensor {
    const { field, eps } = this;
    const weight = tensorIn(module, `${field}Orig`);
    let u = tensorIn(module, `${field}U`);
    let v = tensorIn(module, `${field}V`);
    const matrix = asMatrix(weight, this.dim);
    if (iterate)
      noGrad(() => {
        for (let i = 0; i < this.iterations; i++) {
          v.copy_(normalize(mv(matrix.t(), u), { dim: 0, eps }));
          u.copy_(normalize(mv(matrix, v), { dim: 0, eps }));
        }
        // The next forward changes the buffers, and this one's backward still needs them.
        u = u.clone();
        v = v.clone();
      });
    return weight.div(dot(u, mv(matrix, v)));
  }
}

/**
 * Divides a parameter by its largest singular value, found by power iteration (Miyato et al. 2018): the parameter
 * becomes `weightOrig`, key `weight_orig`, with the buffers `weight_u` and `weight_v`.
 */
export function spectralNorm<M extends Module>(module: M, name = 'weight', options: SpectralNormOptions = {}): M {
  const { nPowerIterations = 1, eps = 1e-12, dim = outputDim(module) } = options;
  if (!(nPowerIterations > 0))
    throw new TorchError('ARGUMENT_RANGE', `nPowerIterations must be positive, got ${nPowerIterations}`);
  if (ruleOf(module, name) !== undefined)
    throw new TorchError(
      'MODULE_STATE',
      `'${name}' of ${module.constructor.name} is computed already; remove that first`,
    );
  const weight = parameterIn(module, name);
  const rule = new SpectralNorm(name, nPowerIterations, dim, eps);
  const [height, width] = asMatrix(weight.detach(), dim).shape as [number, number];
  const u = unitVector(weight, height, eps);
  const v = unitVector(weight, width, eps);
  const fields = fieldsOf(module);
  fields[`${name}Orig`] = weight;
  module.registerBuffer(`${name}U`, u);
  module.registerBuffer(`${name}V`, v);
  addRule(module, rule, weight.detach());
  return module;
}

/** Makes the parameter a plain one again, with its present value. */
export function removeSpectralNorm<M extends Module>(module: M, name = 'weight'): M {
  const rule = ruleOf(module, name);
  if (!(rule instanceof SpectralNorm))
    throw new TorchError('MODULE_STATE', `'${name}' of ${module.constructor.name} has no spectral norm to remove`);
  const weight = new Parameter(noGrad(() => rule.normalized(module, false)));
  removeRule(module, rule, weight, [`${name}Orig`, `${name}U`, `${name}V`]);
  return module;
}
