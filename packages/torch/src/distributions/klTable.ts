import { TorchError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import type { Distribution } from './distribution.js';

export type DistributionClass<D extends Distribution = Distribution> = abstract new (...args: never[]) => D;
type Divergence = (p: Distribution, q: Distribution) => Tensor;

const table = new Map<DistributionClass, Map<DistributionClass, Divergence>>();

/** Says how to compute the divergence from a distribution of one class to one of another; subclasses share it. */
export function addDivergence<P extends Distribution, Q extends Distribution>(
  p: DistributionClass<P>,
  q: DistributionClass<Q>,
  divergence: (p: P, q: Q) => Tensor,
): void {
  const row = table.get(p) ?? new Map<DistributionClass, Divergence>();
  row.set(q, divergence as Divergence);
  table.set(p, row);
}

/** A distribution's class and those it extends, the nearest first. */
function* classesOf(distribution: Distribution): Generator<DistributionClass> {
  for (
    let prototype = Object.getPrototypeOf(distribution);
    prototype !== null;
    prototype = Object.getPrototypeOf(prototype)
  )
    yield prototype.constructor as DistributionClass;
}

/** The divergence of the nearest classes that have one. */
export function divergenceOf(p: Distribution, q: Distribution): Tensor {
  for (const classOfP of classesOf(p)) {
    const row = table.get(classOfP);
    if (row === undefined) continue;
    for (const classOfQ of classesOf(q)) {
      const divergence = row.get(classOfQ);
      if (divergence !== undefined) return divergence(p, q);
    }
  }
  throw new TorchError(
    'DISTRIBUTION_UNSUPPORTED',
    `there is no closed form of KL(${p.constructor.name} ‖ ${q.constructor.name}) here; estimate it as the mean of p.logProb(x) - q.logProb(x) over samples x of p, or add one with registerKl`,
  );
}
