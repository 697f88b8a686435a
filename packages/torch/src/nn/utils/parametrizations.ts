import { noGrad } from '../../autograd.js';
import { eye, randn, where } from '../../creation.js';
import { TorchError } from '../../errors.js';
import * as torch from '../../functions.js';
import type { Tensor } from '../../tensor.js';
import { normalize } from '../functional/activation.js';
import { Module } from '../module.js';
import { fieldsOf, tensorIn } from './computedFields.js';
import { registerParametrization } from './parametrize.js';
import { asMatrix, outputDim, type SpectralNormOptions, unitVector } from './spectralNorm.js';
import { weightOf } from './weightNorm.js';

/** Divides by the largest singular value, found by power iteration (Miyato et al. 2018). */
class SpectralNorm extends Module {
  static readonly stateKeys = { u: '_u', v: '_v' };
  declare u: Tensor;
  declare v: Tensor;
  private readonly dim: number;

  constructor(
    weight: Tensor,
    private readonly iterations: number,
    dim: number,
    private readonly eps: number,
  ) {
    super();
    const dims = weight.dim();
    if (dim >= dims || dim < -dims)
      throw new TorchError('INDEX_OUT_OF_RANGE', `dim is ${dim}, the weight has ${dims} dimensions`);
    this.dim = dim < 0 ? dim + dims : dim;
    if (dims < 2) return;
    const matrix = asMatrix(weight.detach(), this.dim);
    const [height, width] = matrix.shape as [number, number];
    this.registerBuffer('u', unitVector(weight, height, eps));
    this.registerBuffer('v', unitVector(weight, width, eps));
    this.iterate(matrix, 15);
  }

  private iterate(matrix: Tensor, count: number): void {
    noGrad(() => {
      for (let i = 0; i < count; i++) {
        this.u.copy_(normalize(torch.mv(matrix, this.v), { dim: 0, eps: this.eps }));
        this.v.copy_(normalize(torch.mv(matrix.t(), this.u), { dim: 0, eps: this.eps }));
      }
    });
  }

  override forward(weight: Tensor): Tensor {
    if (weight.dim() === 1) return normalize(weight, { dim: 0, eps: this.eps });
    const matrix = asMatrix(weight, this.dim);
    if (this.training) this.iterate(matrix, this.iterations);
    // The next forward changes the buffers, and this one's backward still needs them.
    const [u, v] = [this.u.clone(), this.v.clone()];
    return weight.div(torch.dot(u, torch.mv(matrix, v)));
  }
  rightInverse(value: Tensor): Tensor {
    return value;
  }
}

/** Divides a parameter by its largest singular value; see `spectralNorm` for the form with hooks. */
export function spectralNorm<M extends Module>(module: M, name = 'weight', options: SpectralNormOptions = {}): M {
  const { nPowerIterations = 1, eps = 1e-12, dim = outputDim(module) } = options;
  if (!(nPowerIterations > 0))
    throw new TorchError('ARGUMENT_RANGE', `nPowerIterations must be positive, got ${nPowerIterations}`);
  return registerParametrization(module, name, new SpectralNorm(tensorIn(module, name), nPowerIterations, dim, eps));
}

/** The product of a length (`original0`) and the direction of another tensor (`original1`). */
class WeightNorm extends Module {
  private readonly dim: number;
  constructor(dim: number | null) {
    super();
    this.dim = dim ?? -1;
  }
  override forward(length: Tensor, direction: Tensor): Tensor {
    return weightOf(direction, length, this.dim);
  }
  rightInverse(value: Tensor): Tensor[] {
    return [torch.normExceptDim(value, 2, this.dim), value];
  }
}

/**
 * Replaces a parameter by its length and its direction (Salimans and Kingma 2016), keys
 * `parametrizations.weight.original0` and `.original1` as torch 2 writes them; see `weightNorm` for the form with hooks,
 * which is the only one of torch 1.13. `dim` (default 0) is the dimension with a length each; null takes one for all.
 */
export function weightNorm<M extends Module>(module: M, name = 'weight', options: { dim?: number | null } = {}): M {
  const dim = options.dim === undefined ? 0 : options.dim;
  return registerParametrization(module, name, new WeightNorm(dim), { unsafe: true });
}

export type OrthogonalMap = 'matrix_exp' | 'cayley' | 'householder';

export interface OrthogonalOptions {
  /** Default `matrix_exp` for square matrices, `householder` for others. */
  orthogonalMap?: OrthogonalMap;
  /** Works around a matrix kept in the buffer `base` (Lezcano 2019); needed to give the parameter a value; default true. */
  useTrivialization?: boolean;
}

function orthogonalized(matrix: Tensor): Tensor {
  const [reflectors, tau] = Object.values(torch.geqrf(matrix)) as [Tensor, Tensor];
  return torch.linalgHouseholderProduct(reflectors, tau).mul(reflectors.diagonal(0, -2, -1).sgn().unsqueeze(-2));
}

function isOrthogonal(matrix: Tensor): boolean {
  const columns = matrix.size(-1);
  const epsilon = matrix.dtype === 'float64' ? 2 ** -52 : 2 ** -23;
  const identity = eye(columns, { dtype: matrix.dtype, device: matrix.device });
  return torch.allclose(
    torch.matmul(matrix.mT, matrix),
    identity.expand([...matrix.shape.slice(0, -2), columns, columns]),
    1e-5,
    10 * matrix.size(-2) * epsilon,
  );
}

/** Real matrices with orthonormal columns (rows, when there are more columns than rows). */
class Orthogonal extends Module {
  declare base: Tensor | null;
  private readonly shape: number[];
  constructor(
    weight: Tensor,
    private readonly map: OrthogonalMap,
    private readonly isTrivialized: boolean,
  ) {
    super();
    this.shape = weight.shape;
    if (isTrivialized) this.registerBuffer('base', null);
  }

  override forward(input: Tensor): Tensor {
    const isWide = input.size(-2) < input.size(-1);
    const x = isWide ? input.mT : input;
    let q = this.map === 'householder' ? this.reflected(x) : this.rotated(x);
    if (this.isTrivialized) q = torch.matmul(this.base!, q);
    return isWide ? q.mT : q;
  }

  private reflected(x: Tensor): Tensor {
    const a = x.tril(-1);
    const tau = a.mul(a).sum([-2]).add(1).reciprocal().mul(2);
    return torch.linalgHouseholderProduct(a, tau).mul(x.detach().diagonal(0, -2, -1).int().unsqueeze(-2));
  }

  private rotated(x: Tensor): Tensor {
    const [rows, columns] = [x.size(-2), x.size(-1)];
    let lower = x.tril();
    if (rows !== columns) {
      const zeros = torch.zerosLike(x.narrow(-1, 0, 1)).expand([...x.shape.slice(0, -1), rows - columns]);
      lower = torch.cat([lower, zeros], -1);
    }
    const skew = lower.sub(lower.mT);
    let q: Tensor;
    if (this.map === 'matrix_exp') q = torch.matrixExp(skew);
    else {
      const identity = eye(rows, { dtype: x.dtype, device: x.device });
      q = torch.linalgSolve(torch.add(identity, skew, { alpha: -0.5 }), torch.add(identity, skew, { alpha: 0.5 }));
    }
    return rows === columns ? q : q.narrow(-1, 0, columns);
  }

  rightInverse(value: Tensor): Tensor {
    if (String(value.shape) !== String(this.shape))
      throw new TorchError('SHAPE_MISMATCH', `expected [${this.shape.join(', ')}], got [${value.shape.join(', ')}]`);
    return noGrad(() => (this.isTrivialized ? this.rebase(value) : this.reflectorsOf(value)));
  }

  private reflectorsOf(value: Tensor): Tensor {
    if (this.map !== 'householder')
      throw new TorchError('MODULE_STATE', `'${this.map}' without useTrivialization cannot be given a value`);
    const isWide = value.size(-2) < value.size(-1);
    const [reflectors, tau] = Object.values(torch.geqrf(isWide ? value.mT : value)) as [Tensor, Tensor];
    const diagonal = reflectors.diagonal(0, -2, -1);
    diagonal.sign_();
    diagonal.mul_(where(tau.eq(0), torch.fullLike(diagonal, -1), torch.onesLike(diagonal)));
    return isWide ? reflectors.mT : reflectors;
  }

  private rebase(value: Tensor): Tensor {
    const tall = value.size(-2) < value.size(-1) ? value.mT : value;
    const [rows, columns] = [tall.size(-2), tall.size(-1)];
    let base: Tensor;
    if (rows !== columns) {
      const rest = randn([...tall.shape.slice(0, -2), rows, rows - columns], {
        dtype: value.dtype,
        device: value.device,
      });
      base = orthogonalized(torch.cat([tall, rest], -1));
    } else base = isOrthogonal(tall) ? tall.clone() : orthogonalized(tall);
    fieldsOf(this).base = base;
    const negative = torch.zerosLike(value);
    negative.diagonal(0, -2, -1).fill_(-1);
    return negative;
  }
}

/** Keeps a matrix (or a batch of them) orthogonal while it is trained. Real matrices only. */
export function orthogonal<M extends Module>(module: M, name = 'weight', options: OrthogonalOptions = {}): M {
  const weight = tensorIn(module, name);
  const { shape } = weight;
  if (shape.length < 2)
    throw new TorchError('SHAPE_MISMATCH', `orthogonal needs a matrix or a batch of them, got [${shape.join(', ')}]`);
  if (weight.isComplex()) throw new TorchError('DTYPE_MISMATCH', `orthogonal takes real matrices, got ${weight.dtype}`);
  const { orthogonalMap = shape.at(-1) === shape.at(-2) ? 'matrix_exp' : 'householder', useTrivialization = true } =
    options;
  if (!['matrix_exp', 'cayley', 'householder'].includes(orthogonalMap))
    throw new TorchError(
      'ARGUMENT_TYPE',
      `orthogonalMap must be 'matrix_exp', 'cayley' or 'householder', got '${orthogonalMap as string}'`,
    );
  return registerParametrization(module, name, new Orthogonal(weight, orthogonalMap, useTrivialization), {
    unsafe: true,
  });
}
