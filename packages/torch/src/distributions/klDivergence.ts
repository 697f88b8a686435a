import type { Tensor } from '../tensor.js';
import type { Distribution } from './distribution.js';
import { addAcrossFamilies } from './klAcrossFamilies.js';
import { addSameFamily } from './klSameFamily.js';
import { addDivergence, type DistributionClass, divergenceOf } from './klTable.js';

let isFilled = false;

/** The known pairs, added by the first call rather than by an import, which a bundler might drop. */
function fill(): void {
  if (isFilled) return;
  isFilled = true;
  addSameFamily();
  addAcrossFamilies();
}

/**
 * Says how to compute the divergence from a distribution of one class to one of another. Subclasses share it unless they
 * have their own; a pair that is known already is replaced.
 */
export function registerKl<P extends Distribution, Q extends Distribution>(
  p: DistributionClass<P>,
  q: DistributionClass<Q>,
  divergence: (p: P, q: Q) => Tensor,
): void {
  fill();
  addDivergence(p, q, divergence);
}

/**
 * The Kullback-Leibler divergence KL(p ‖ q), of the shape of the batch: what it costs, in nats, to take q for p.
 *
 * @throws TorchError `DISTRIBUTION_UNSUPPORTED` for two kinds without a closed form.
 */
export function klDivergence(p: Distribution, q: Distribution): Tensor {
  fill();
  return divergenceOf(p, q);
}
