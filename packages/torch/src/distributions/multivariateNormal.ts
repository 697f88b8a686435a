import { eye } from '../creation.js';
import { TorchError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import type { Constraint } from './constraints.js';
import * as constraints from './constraints.js';
import { Distribution, type DistributionOptions } from './distribution.js';
import { standardNormal } from './normal.js';
import { commonShape } from './parameters.js';

/** Exactly one of the three says how the numbers vary together; each is [...batch, k, k]. */
export interface MultivariateNormalOptions extends DistributionOptions {
  covarianceMatrix?: Tensor;
  /** The inverse of the covariance. */
  precisionMatrix?: Tensor;
  /** The lower triangular L of covariance = L Lᵀ; the cheapest of the three. */
  scaleTril?: Tensor;
}

type MatrixName = 'covarianceMatrix' | 'precisionMatrix' | 'scaleTril';
const matrixNames: readonly MatrixName[] = ['covarianceMatrix', 'precisionMatrix', 'scaleTril'];

/** k normal numbers that vary together: `loc` is [...batch, k], a draw has k numbers. */
export class MultivariateNormal extends Distribution {
  readonly loc: Tensor;
  /** L as given, before it is repeated over the batch. */
  readonly unbroadcastScaleTril: Tensor;
  private readonly givenName: MatrixName;
  private readonly givenMatrix: Tensor;
  override readonly hasRsample = true;

  constructor(loc: Tensor, options: MultivariateNormalOptions) {
    const wrong = (message: string) => new TorchError('DISTRIBUTION_ARGUMENT', `MultivariateNormal: ${message}`);
    if (loc.dim() < 1) throw wrong('loc needs at least one dimension');
    const given = matrixNames.filter((name) => options[name] !== undefined);
    const [name] = given;
    if (name === undefined || given.length > 1)
      throw wrong(
        `give exactly one of ${matrixNames.join(', ')}; ${given.length === 0 ? 'none' : given.join(' and ')} came`,
      );
    const matrix = options[name] as Tensor;
    if (matrix.dim() < 2) throw wrong(`${name} needs at least two dimensions`);
    const batchShape = commonShape(matrix.shape.slice(0, -2), loc.shape.slice(0, -1));
    if (batchShape === null)
      throw wrong(`loc of the shape [${loc.shape}] and ${name} of [${matrix.shape}] do not broadcast`);
    super(batchShape, loc.shape.slice(-1), options);
    this.loc = loc.expand([...batchShape, -1]);
    this.givenName = name;
    this.givenMatrix = matrix.expand([...batchShape, -1, -1]);
    this.unbroadcastScaleTril = matrix; // the check reads it when it is what was given
    this.checkArguments();
    if (name === 'covarianceMatrix') this.unbroadcastScaleTril = matrix.linalgCholesky();
    else if (name === 'precisionMatrix') this.unbroadcastScaleTril = scaleTrilOf(matrix);
  }

  get argConstraints(): Readonly<Record<string, Constraint>> {
    const region = this.givenName === 'scaleTril' ? constraints.lowerCholesky : constraints.positiveDefinite;
    return { loc: constraints.realVector, [this.givenName]: region };
  }
  get support() {
    return constraints.realVector;
  }
  get scaleTril(): Tensor {
    return this.givenName === 'scaleTril' ? this.givenMatrix : this.overBatch(this.unbroadcastScaleTril);
  }
  get covarianceMatrix(): Tensor {
    if (this.givenName === 'covarianceMatrix') return this.givenMatrix;
    return this.overBatch(this.unbroadcastScaleTril.matmul(this.unbroadcastScaleTril.mT));
  }
  get precisionMatrix(): Tensor {
    if (this.givenName === 'precisionMatrix') return this.givenMatrix;
    return this.overBatch(this.unbroadcastScaleTril.choleskyInverse());
  }
  override get mean(): Tensor {
    return this.loc;
  }
  override get mode(): Tensor {
    return this.loc;
  }
  override get variance(): Tensor {
    return this.unbroadcastScaleTril.pow(2).sum(-1).expand(this.extendedShape());
  }

  override expand(batchShape: readonly number[]): this {
    const [k] = this.eventShape as [number];
    return this.copyWith(batchShape, {
      loc: this.loc.expand([...batchShape, k]),
      givenMatrix: this.givenMatrix.expand([...batchShape, k, k]),
    });
  }

  override rsample(sampleShape: readonly number[] = []): Tensor {
    const drawn = standardNormal(this.extendedShape(sampleShape), this.loc);
    return this.loc.add(this.unbroadcastScaleTril.matmul(drawn.unsqueeze(-1)).squeeze(-1));
  }
  logProb(value: Tensor): Tensor {
    this.checkValue(value);
    const distance = mahalanobis(this.unbroadcastScaleTril, value.sub(this.loc));
    const [k] = this.eventShape as [number];
    return distance
      .add(k * Math.log(2 * Math.PI))
      .mul(-0.5)
      .sub(halfLogDeterminant(this.unbroadcastScaleTril));
  }
  override entropy(): Tensor {
    const [k] = this.eventShape as [number];
    const entropy = halfLogDeterminant(this.unbroadcastScaleTril).add(0.5 * k * (1 + Math.log(2 * Math.PI)));
    return this.batchShape.length === 0 ? entropy : entropy.expand([...this.batchShape]);
  }

  private overBatch(matrix: Tensor): Tensor {
    return matrix.expand([...this.batchShape, ...this.eventShape, ...this.eventShape]);
  }
}

/** Half the logarithm of the determinant of L Lᵀ; `scaleTril` is [..., k, k]. */
export const halfLogDeterminant = (scaleTril: Tensor): Tensor =>
  scaleTril.diagonal({ dim1: -2, dim2: -1 }).log().sum(-1);

/**
 * The squared distance xᵀ (L Lᵀ)⁻¹ x for x of [..., k] and L of [..., k, k]. Dimensions of x that L lacks, or has once,
 * are solved together as columns of one system for each L.
 */
export function mahalanobis(scaleTril: Tensor, x: Tensor): Tensor {
  const n = x.size(-1);
  const batch = x.shape.slice(0, -1);
  const matrixDims = scaleTril.dim() - 2;
  const outer = batch.length - matrixDims;
  // Split each shared dimension of x into (repeats, size in L), then bring the repeats to the front.
  const split = batch.slice(0, outer);
  scaleTril.shape.slice(0, -2).forEach((size, i) => {
    split.push(Math.floor((batch[outer + i] as number) / size), size);
  });
  const order = [...Array(outer).keys()];
  for (let i = 0; i < matrixDims; i++) order.push(outer + 2 * i);
  for (let i = 0; i < matrixDims; i++) order.push(outer + 2 * i + 1);
  const grouped = x.reshape([...split, n]).permute([...order, split.length]);
  const matrices = scaleTril.reshape([-1, n, n]); // [matrices, k, k]
  const columns = grouped.reshape([-1, matrices.size(0), n]).permute([1, 2, 0]); // [matrices, k, columns]
  const distances = matrices.linalgSolveTriangular(columns, { upper: false }).pow(2).sum(-2);
  const permuted = distances.t().reshape(grouped.shape.slice(0, -1));
  const back = [...Array(outer).keys()];
  for (let i = 0; i < matrixDims; i++) back.push(outer + i, outer + matrixDims + i);
  return permuted.permute(back).reshape(batch);
}

/** L of covariance = L Lᵀ from the precision, by way of a factor of the precision read backwards. */
function scaleTrilOf(precision: Tensor): Tensor {
  const factor = precision.flip([-2, -1]).linalgCholesky();
  const inverse = factor.flip([-2, -1]).transpose(-2, -1);
  const identity = eye(precision.size(-1), { dtype: precision.dtype, device: precision.device });
  return inverse.linalgSolveTriangular(identity, { upper: false });
}
