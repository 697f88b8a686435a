import { TorchError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import { Bernoulli } from './bernoulli.js';
import { Beta } from './beta.js';
import { Binomial } from './binomial.js';
import { Categorical } from './categorical.js';
import { Cauchy } from './cauchy.js';
import { Dirichlet } from './dirichlet.js';
import { Exponential } from './exponential.js';
import { Gamma } from './gamma.js';
import { Geometric } from './geometric.js';
import { Gumbel } from './gumbel.js';
import { HalfNormal } from './halfNormal.js';
import { Independent } from './independent.js';
import { addDivergence, divergenceOf } from './klTable.js';
import { Laplace } from './laplace.js';
import { halfLogDeterminant, MultivariateNormal, mahalanobis } from './multivariateNormal.js';
import { Normal } from './normal.js';
import { OneHotCategorical } from './oneHotCategorical.js';
import { commonShape, eulerConstant, sameShape, sumRightmost } from './parameters.js';
import { Pareto } from './pareto.js';
import { Poisson } from './poisson.js';
import { ComposeTransform } from './transform.js';
import { TransformedDistribution } from './transformedDistribution.js';
import { Uniform } from './uniform.js';

// Divergences between two distributions of one kind. The order of operations is that of PyTorch, so that the results
// are equal bit for bit; formulas without a remark are integrals that textbooks give.

const unsupported = (message: string) => new TorchError('DISTRIBUTION_UNSUPPORTED', message);

/** Adds the divergences of this file to the table. */
export function addSameFamily(): void {
  addDivergence(Bernoulli, Bernoulli, (p, q) => {
    const success = p.probs
      .mul(q.logits.neg().softplus().sub(p.logits.neg().softplus()))
      .maskedFill(q.probs.eq(0), Infinity)
      .maskedFill(p.probs.eq(0), 0);
    const failure = p.probs
      .rsub(1)
      .mul(q.logits.softplus().sub(p.logits.softplus()))
      .maskedFill(q.probs.eq(1), Infinity)
      .maskedFill(p.probs.eq(1), 0);
    return success.add(failure);
  });

  addDivergence(Beta, Beta, (p, q) => {
    const sumP = p.concentration1.add(p.concentration0);
    const sumQ = q.concentration1.add(q.concentration0);
    const first = q.concentration1.lgamma().add(q.concentration0.lgamma()).add(sumP.lgamma());
    const second = p.concentration1.lgamma().add(p.concentration0.lgamma()).add(sumQ.lgamma());
    return first
      .sub(second)
      .add(p.concentration1.sub(q.concentration1).mul(p.concentration1.digamma()))
      .add(p.concentration0.sub(q.concentration0).mul(p.concentration0.digamma()))
      .add(sumQ.sub(sumP).mul(sumP.digamma()));
  });

  addDivergence(Binomial, Binomial, (p, q) => {
    if (p.totalCount.lt(q.totalCount).any().item())
      throw unsupported('KL between binomials is known only where the count of p is at least that of q');
    const each = p.probs.mul(p.logits.sub(q.logits)).add(p.probs.neg().log1p()).sub(q.probs.neg().log1p());
    return p.totalCount.mul(each).maskedFill(p.totalCount.gt(q.totalCount), Infinity);
  });

  const categorical = (p: Categorical, q: Categorical): Tensor =>
    p.probs.mul(p.logits.sub(q.logits)).maskedFill(q.probs.eq(0), Infinity).maskedFill(p.probs.eq(0), 0).sum(-1);
  addDivergence(Categorical, Categorical, categorical);
  addDivergence(OneHotCategorical, OneHotCategorical, (p, q) => categorical(p.categorical, q.categorical));

  // Chyzak and Nielsen, "A closed-form formula for the Kullback-Leibler divergence between Cauchy distributions" (2019)
  addDivergence(Cauchy, Cauchy, (p, q) => {
    const spread = p.scale.add(q.scale).pow(2).add(p.loc.sub(q.loc).pow(2)).log();
    return spread.sub(p.scale.mul(4).mul(q.scale).log());
  });

  addDivergence(Dirichlet, Dirichlet, (p, q) => {
    const sumP = p.concentration.sum(-1);
    const sumQ = q.concentration.sum(-1);
    const first = sumP.lgamma().sub(sumQ.lgamma());
    const second = p.concentration.lgamma().sub(q.concentration.lgamma()).sum(-1);
    const slope = p.concentration.digamma().sub(sumP.digamma().unsqueeze(-1));
    return first.sub(second).add(p.concentration.sub(q.concentration).mul(slope).sum(-1));
  });

  addDivergence(Exponential, Exponential, (p, q) => {
    const ratio = q.rate.div(p.rate);
    return ratio.log().neg().add(ratio).sub(1);
  });

  addDivergence(Gamma, Gamma, (p, q) =>
    q.concentration
      .mul(p.rate.div(q.rate).log())
      .add(q.concentration.lgamma().sub(p.concentration.lgamma()))
      .add(p.concentration.sub(q.concentration).mul(p.concentration.digamma()))
      .add(q.rate.sub(p.rate).mul(p.concentration.div(p.rate))),
  );

  addDivergence(Geometric, Geometric, (p, q) =>
    p.entropy().neg().sub(q.probs.neg().log1p().div(p.probs)).sub(q.logits),
  );

  addDivergence(Gumbel, Gumbel, (p, q) => {
    const ratio = p.scale.div(q.scale);
    const [locQ, locP] = [q.loc.div(q.scale), p.loc.div(q.scale)];
    const tail = locQ.add(ratio.add(1).lgamma()).sub(locP).exp();
    return ratio
      .log()
      .neg()
      .sub(locQ)
      .add(locP)
      .add(ratio.mul(eulerConstant))
      .add(tail)
      .sub(1 + eulerConstant);
  });

  const normal = (p: Normal, q: Normal): Tensor => {
    const ratio = p.scale.div(q.scale).pow(2);
    const distance = p.loc.sub(q.loc).div(q.scale).pow(2);
    return ratio.add(distance).sub(1).sub(ratio.log()).mul(0.5);
  };
  addDivergence(Normal, Normal, normal);
  addDivergence(HalfNormal, HalfNormal, (p, q) => normal(p.baseDist, q.baseDist));

  // Gil, Alajaji and Linder, "Rényi divergence measures for commonly used univariate continuous distributions" (2013)
  addDivergence(Laplace, Laplace, (p, q) => {
    const ratio = p.scale.div(q.scale);
    const distance = p.loc.sub(q.loc).abs();
    const near = ratio.mul(distance.neg().div(p.scale).exp());
    return ratio.log().neg().add(distance.div(q.scale)).add(near).sub(1);
  });
  addDivergence(Pareto, Pareto, (p, q) => {
    const ratio = q.alpha.div(p.alpha);
    const scales = q.alpha.mul(p.scale.div(q.scale).log());
    return scales.add(ratio.log().neg()).add(ratio).sub(1).maskedFill(p.scale.lt(q.scale), Infinity);
  });

  addDivergence(MultivariateNormal, MultivariateNormal, (p, q) => {
    if (!sameShape(p.eventShape, q.eventShape))
      throw new TorchError(
        'SHAPE_MISMATCH',
        `KL between normal rows of ${p.eventShape} and of ${q.eventShape} numbers`,
      );
    const [factorP, factorQ] = [p.unbroadcastScaleTril, q.unbroadcastScaleTril];
    const batch = commonShape(factorQ.shape.slice(0, -2), factorP.shape.slice(0, -2));
    if (batch === null)
      throw new TorchError('SHAPE_MISMATCH', `KL between batches of [${p.batchShape}] and [${q.batchShape}]`);
    const [n] = p.eventShape as [number];
    const shape = [...batch, n, n];
    const solved = factorQ.expand(shape).linalgSolveTriangular(factorP.expand(shape), { upper: false });
    const trace = solved
      .reshape([-1, n * n])
      .pow(2)
      .sum(-1)
      .reshape(batch);
    const distance = mahalanobis(factorQ, q.loc.sub(p.loc));
    const logRatio = halfLogDeterminant(factorQ).sub(halfLogDeterminant(factorP));
    return logRatio.add(trace.add(distance).sub(n).mul(0.5));
  });

  addDivergence(Poisson, Poisson, (p, q) => p.rate.mul(p.rate.log().sub(q.rate.log())).sub(p.rate.sub(q.rate)));

  addDivergence(Uniform, Uniform, (p, q) => {
    const reaches = q.low.gt(p.low).logicalOr(q.high.lt(p.high));
    return q.high.sub(q.low).div(p.high.sub(p.low)).log().maskedFill(reaches, Infinity);
  });

  addDivergence(Independent, Independent, (p, q) => {
    if (p.reinterpretedBatchDims !== q.reinterpretedBatchDims)
      throw unsupported('KL between Independent distributions needs the same reinterpretedBatchDims on both sides');
    return sumRightmost(divergenceOf(p.baseDist, q.baseDist), p.reinterpretedBatchDims);
  });

  addDivergence(TransformedDistribution, TransformedDistribution, (p, q) => {
    const isSame = new ComposeTransform(p.transforms).equals(new ComposeTransform(q.transforms));
    if (!isSame || !sameShape(p.eventShape, q.eventShape))
      throw unsupported('KL between transformed distributions is known only where both have the same transforms');
    return divergenceOf(p.baseDist, q.baseDist);
  });
}
