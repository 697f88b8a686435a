import type { Tensor } from '../tensor.js';
import { Bernoulli } from './bernoulli.js';
import { Beta } from './beta.js';
import { Binomial } from './binomial.js';
import type { Distribution } from './distribution.js';
import { Exponential } from './exponential.js';
import { Gamma } from './gamma.js';
import { Gumbel } from './gumbel.js';
import { addDivergence, type DistributionClass } from './klTable.js';
import { Laplace } from './laplace.js';
import { Normal } from './normal.js';
import { eulerConstant } from './parameters.js';
import { Pareto } from './pareto.js';
import { Poisson } from './poisson.js';
import { Uniform } from './uniform.js';

// Divergences between distributions of different kinds, in PyTorch's order of operations.

const xLogX = (x: Tensor): Tensor => x.mul(x.log());

/** p reaches where q never comes, so that no finite cost will do. */
function infinite<P extends Distribution>(
  p: DistributionClass<P>,
  like: (p: P) => Tensor,
  ...all: DistributionClass[]
): void {
  for (const q of all) addDivergence(p, q, (from) => like(from).fullLike(Infinity));
}
/** Adds the divergences of this file to the table. */
export function addAcrossFamilies(): void {
  infinite(Beta, (p) => p.concentration1, Pareto);
  infinite(Exponential, (p) => p.rate, Beta, Pareto, Uniform);
  infinite(Gamma, (p) => p.concentration, Beta, Pareto, Uniform);
  infinite(Gumbel, (p) => p.loc, Beta, Exponential, Gamma, Pareto, Uniform);
  infinite(Laplace, (p) => p.loc, Beta, Exponential, Gamma, Pareto, Uniform);
  infinite(Normal, (p) => p.loc, Beta, Exponential, Gamma, Pareto, Uniform);
  infinite(Pareto, (p) => p.scale, Beta, Uniform);
  infinite(Poisson, (p) => p.rate, Bernoulli, Binomial);

  addDivergence(Bernoulli, Poisson, (p, q) => p.entropy().neg().sub(p.probs.mul(q.rate.log()).sub(q.rate)));

  addDivergence(Beta, Exponential, (p, q) => {
    const mean = p.concentration1.div(p.concentration1.add(p.concentration0));
    return p.entropy().neg().sub(q.rate.log()).add(q.rate.mul(mean));
  });
  addDivergence(Beta, Gamma, (p, q) => {
    const sum = p.concentration1.add(p.concentration0);
    const normalizer = q.concentration.lgamma().sub(q.concentration.mul(q.rate.log()));
    const slope = q.concentration.sub(1).mul(p.concentration1.digamma().sub(sum.digamma()));
    return p.entropy().neg().add(normalizer).sub(slope).add(q.rate.mul(p.concentration1).div(sum));
  });
  addDivergence(Beta, Normal, (p, q) => {
    const sum = p.concentration1.add(p.concentration0);
    const mean = p.concentration1.div(sum);
    const variance = q.scale.pow(2);
    const normalizer = variance.mul(2).mul(Math.PI).log().mul(0.5);
    const square = mean.mul(mean.rsub(1)).div(sum.add(1)).add(mean.pow(2)).mul(0.5);
    const distance = square.sub(q.loc.mul(mean)).add(q.loc.pow(2).mul(0.5));
    return p.entropy().neg().add(normalizer).add(distance.div(variance));
  });
  addDivergence(Beta, Uniform, (p, q) => {
    const reaches = q.low.gt(0).logicalOr(q.high.lt(1));
    return p.entropy().neg().add(q.high.sub(q.low).log()).maskedFill(reaches, Infinity);
  });

  addDivergence(Exponential, Gamma, (p, q) => {
    const ratio = q.rate.div(p.rate);
    return q.concentration
      .neg()
      .mul(ratio.log())
      .add(ratio)
      .add(q.concentration.lgamma())
      .add(q.concentration.mul(eulerConstant))
      .sub(1 + eulerConstant);
  });
  addDivergence(Exponential, Gumbel, (p, q) => {
    const product = p.rate.mul(q.scale);
    const place = q.loc.div(q.scale);
    const tail = place.exp().mul(product).div(product.add(1));
    return product.log().sub(1).sub(place).add(tail).add(product.reciprocal());
  });
  addDivergence(Exponential, Normal, (p, q) => {
    const variance = q.scale.pow(2);
    const squared = p.rate.pow(2);
    const normalizer = squared.mul(variance).mul(2).mul(Math.PI).log().mul(0.5);
    const distance = squared.reciprocal().sub(q.loc.div(p.rate)).add(q.loc.pow(2).mul(0.5));
    return normalizer.sub(1).add(distance.div(variance));
  });

  addDivergence(Gamma, Exponential, (p, q) =>
    p.entropy().neg().sub(q.rate.log()).add(q.rate.mul(p.concentration).div(p.rate)),
  );
  addDivergence(Gamma, Gumbel, (p, q) => {
    const product = p.rate.mul(q.scale);
    const place = q.loc.div(q.scale);
    const shape = p.concentration;
    const first = shape.sub(1).mul(shape.digamma()).sub(shape.lgamma()).sub(shape);
    const second = product.log().add(shape.div(product));
    const third = place.exp().mul(product.reciprocal().add(1).pow(shape.neg())).sub(place);
    return first.add(second).add(third);
  });
  addDivergence(Gamma, Normal, (p, q) => {
    const variance = q.scale.pow(2);
    const squared = p.rate.pow(2);
    const shape = p.concentration;
    const first = squared.mul(variance).mul(2).mul(Math.PI).log().mul(0.5).sub(shape).sub(shape.lgamma());
    const square = shape.pow(2).add(shape).mul(0.5).div(squared);
    const distance = square.sub(q.loc.mul(shape).div(p.rate)).add(q.loc.pow(2).mul(0.5));
    return first.add(shape.sub(1).mul(shape.digamma())).add(distance.div(variance));
  });

  addDivergence(Gumbel, Normal, (p, q) => {
    const ratio = p.scale.div(q.scale);
    const first = ratio.div(Math.sqrt(2 * Math.PI)).log();
    const second = ratio.mul(Math.PI).mul(0.5).pow(2).div(3);
    const third = p.loc.add(p.scale.mul(eulerConstant)).sub(q.loc).div(q.scale).pow(2).mul(0.5);
    return first
      .neg()
      .add(second)
      .add(third)
      .sub(eulerConstant + 1);
  });

  addDivergence(Laplace, Normal, (p, q) => {
    const variance = q.scale.pow(2);
    const ratio = p.scale.pow(2).div(variance);
    const first = ratio.mul(2).div(Math.PI).log().mul(0.5);
    const distance = p.loc.pow(2).mul(0.5).sub(p.loc.mul(q.loc)).add(q.loc.pow(2).mul(0.5));
    return first.neg().add(ratio).add(distance.div(variance)).sub(1);
  });

  addDivergence(Normal, Gumbel, (p, q) => {
    const place = p.loc.div(q.scale);
    const ratio = p.scale.div(q.scale).pow(2);
    const placeQ = q.loc.div(q.scale);
    const tail = place.neg().add(ratio.mul(0.5)).add(placeQ).exp();
    return ratio
      .log()
      .mul(0.5)
      .neg()
      .add(place.sub(placeQ))
      .add(tail)
      .sub(0.5 * (1 + Math.log(2 * Math.PI)));
  });
  addDivergence(Normal, Laplace, (p, q) => {
    const distance = p.loc.sub(q.loc);
    const ratio = p.scale.div(q.scale);
    const scaled = distance.div(p.scale);
    const first = p.scale.mul(Math.sqrt(2 / Math.PI)).mul(scaled.pow(2).mul(-0.5).exp());
    const second = distance.mul(scaled.mul(Math.sqrt(0.5)).erf());
    return ratio
      .log()
      .neg()
      .add(first.add(second).div(q.scale))
      .sub(0.5 * (1 + Math.log(0.5 * Math.PI)));
  });

  addDivergence(Pareto, Exponential, (p, q) => {
    const product = p.scale.mul(q.rate);
    const first = p.alpha.div(product).log();
    const mean = p.alpha.mul(product).div(p.alpha.sub(1));
    return first.sub(p.alpha.reciprocal()).add(mean).sub(1).maskedFill(p.alpha.le(1), Infinity);
  });
  addDivergence(Pareto, Gamma, (p, q) => {
    const common = p.scale.log().add(p.alpha.reciprocal());
    const first = p.alpha.log().sub(common);
    const second = q.concentration.lgamma().sub(q.concentration.mul(q.rate.log()));
    const third = q.concentration.rsub(1).mul(common);
    const mean = q.rate.mul(p.alpha).mul(p.scale).div(p.alpha.sub(1));
    return first.add(second).add(third).add(mean).sub(1).maskedFill(p.alpha.le(1), Infinity);
  });
  addDivergence(Pareto, Normal, (p, q) => {
    const variance = q.scale.pow(2).mul(2);
    const common = p.scale.div(p.alpha.sub(1));
    const first = q.scale
      .mul(Math.sqrt(2 * Math.PI))
      .mul(p.alpha)
      .div(p.scale)
      .log();
    const spread = p.alpha.mul(common.pow(2)).div(p.alpha.sub(2));
    const distance = p.alpha.mul(common).sub(q.loc).pow(2);
    return first
      .sub(p.alpha.reciprocal())
      .add(spread.add(distance).div(variance))
      .sub(1)
      .maskedFill(p.alpha.le(2), Infinity);
  });

  addDivergence(Uniform, Beta, (p, q) => {
    const width = p.high.sub(p.low);
    const first = width.log();
    const second = q.concentration1
      .sub(1)
      .mul(xLogX(p.high).sub(xLogX(p.low)).sub(width))
      .div(width);
    const [highLeft, lowLeft] = [p.high.rsub(1), p.low.rsub(1)];
    const third = q.concentration0
      .sub(1)
      .mul(xLogX(highLeft).sub(xLogX(lowLeft)).add(width))
      .div(width);
    const normalizer = q.concentration1
      .lgamma()
      .add(q.concentration0.lgamma())
      .sub(q.concentration1.add(q.concentration0).lgamma());
    const reaches = p.high.gt(1).logicalOr(p.low.lt(0));
    return third.add(normalizer).sub(first).sub(second).maskedFill(reaches, Infinity);
  });
  addDivergence(Uniform, Exponential, (p, q) => {
    const width = p.high.sub(p.low);
    return q.rate.mul(p.high.add(p.low)).div(2).sub(width.mul(q.rate).log()).maskedFill(p.low.lt(0), Infinity);
  });
  addDivergence(Uniform, Gamma, (p, q) => {
    const width = p.high.sub(p.low);
    const second = q.concentration.lgamma().sub(q.concentration.mul(q.rate.log()));
    const third = q.concentration
      .rsub(1)
      .mul(xLogX(p.high).sub(xLogX(p.low)).sub(width))
      .div(width);
    const mean = q.rate.mul(p.high.add(p.low)).div(2);
    return width.log().neg().add(second).add(third).add(mean).maskedFill(p.low.lt(0), Infinity);
  });
  addDivergence(Uniform, Gumbel, (p, q) => {
    const common = q.scale.div(p.high.sub(p.low));
    const high = p.high.sub(q.loc).div(q.scale);
    const low = p.low.sub(q.loc).div(q.scale);
    const first = common.log().add(high.add(low).mul(0.5));
    return first.sub(common.mul(high.neg().exp().sub(low.neg().exp())));
  });
  addDivergence(Uniform, Normal, (p, q) => {
    const width = p.high.sub(p.low);
    const first = q.scale
      .mul(Math.sqrt(Math.PI * 2))
      .div(width)
      .log();
    const distance = p.high.add(p.low).sub(q.loc.mul(2)).div(2).pow(2);
    return first.add(width.pow(2).div(12).add(distance).mul(0.5).div(q.scale.pow(2)));
  });
  addDivergence(Uniform, Pareto, (p, q) => {
    const width = p.high.sub(p.low);
    const first = q.alpha.mul(q.scale.pow(q.alpha)).mul(width).log();
    const second = xLogX(p.high).sub(xLogX(p.low)).sub(width).div(width);
    const reaches = p.low.lt(q.scale);
    return second.mul(q.alpha.add(1)).sub(first).maskedFill(reaches, Infinity);
  });
}
