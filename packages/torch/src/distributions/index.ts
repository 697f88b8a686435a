export { Bernoulli } from './bernoulli.js';
export { Beta } from './beta.js';
export { Binomial } from './binomial.js';
export { Categorical } from './categorical.js';
export { Cauchy } from './cauchy.js';
export * as constraints from './constraints.js';
export { Dirichlet } from './dirichlet.js';
export { Distribution, type DistributionOptions } from './distribution.js';
export { Exponential } from './exponential.js';
export { FisherSnedecor } from './fisherSnedecor.js';
export { Chi2, Gamma } from './gamma.js';
export { Geometric } from './geometric.js';
export { Gumbel } from './gumbel.js';
export { HalfCauchy, HalfNormal } from './halfNormal.js';
export { Independent } from './independent.js';
export { klDivergence, registerKl } from './klDivergence.js';
export type { DistributionClass } from './klTable.js';
export { Laplace } from './laplace.js';
export { LogNormal } from './logNormal.js';
export { MixtureSameFamily } from './mixtureSameFamily.js';
export { Multinomial } from './multinomial.js';
export { MultivariateNormal, type MultivariateNormalOptions } from './multivariateNormal.js';
export { NegativeBinomial } from './negativeBinomial.js';
export { Normal } from './normal.js';
export { OneHotCategorical, OneHotCategoricalStraightThrough } from './oneHotCategorical.js';
export type { ParameterLike } from './parameters.js';
export { Pareto } from './pareto.js';
export { Poisson } from './poisson.js';
export type { ProbsOrLogits } from './probsOrLogits.js';
export { StudentT } from './studentT.js';
export { ComposeTransform, IndependentTransform, Transform } from './transform.js';
export { TransformedDistribution } from './transformedDistribution.js';
export {
  AbsTransform,
  AffineTransform,
  ExpTransform,
  PowerTransform,
  SigmoidTransform,
  SoftplusTransform,
  TanhTransform,
} from './transforms.js';
export { Uniform } from './uniform.js';
export { Weibull } from './weibull.js';
