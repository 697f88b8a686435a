import { bucketize, linspace, type Tensor, tensor, warn } from '@lightning-ts/torch';
import { LightningError } from '../../errors.js';
import type { HistogramMessage } from './eventMessages.js';

/** TensorBoard's own edges: growing by a tenth from 1e-12 to 1e20, their negatives, and 0. */
let defaultEdges: Tensor | null = null;

function tensorBoardEdges(): Tensor {
  if (defaultEdges === null) {
    const positive: number[] = [];
    for (let edge = 1e-12; edge < 1e20; edge *= 1.1) positive.push(edge);
    const negative = positive.map((edge) => -edge).reverse();
    defaultEdges = tensor([...negative, 0, ...positive], { dtype: 'float64' });
  }
  return defaultEdges;
}

/**
 * The histogram of a tensor's values. NaN and infinite ones are left out, with a warning.
 *
 * @param bins how many buckets of equal width; default null: TensorBoard's exponential ones
 * @throws LightningError LOGGER_VALUE when no value is left
 */
export function histogramOf(values: Tensor, bins: number | null): HistogramMessage {
  const all = values.detach().to('cpu').to('float64').flatten();
  const finite = all.at(all.isfinite());
  if (finite.numel() < all.numel()) {
    warn(
      'HISTOGRAM_NOT_FINITE',
      'A histogram was logged of values some of which are NaN or infinite; they are left out.',
    );
  }
  if (finite.numel() === 0) {
    throw new LightningError('LOGGER_VALUE', `A histogram of shape [${values.shape.join(', ')}] has no finite values.`);
  }
  const [min, max] = [finite.min().item(), finite.max().item()];
  const edges = bins === null ? tensorBoardEdges() : equalEdges(min, max, bins);
  // A value belongs to the bucket whose lower edge is the last that is not above it; the highest edge to the last bucket.
  const last = edges.numel() - 2;
  const buckets = bucketize(finite, edges, { right: true }).sub(1).clamp(0, last);
  const counts = buckets.bincount(null, last + 1).tolist() as number[];
  return {
    min,
    max,
    num: finite.numel(),
    sum: finite.sum().item(),
    sum_squares: finite.dot(finite).item(),
    ...withoutEmptyEnds(counts, edges.tolist() as number[]),
  };
}

/** Edges of `bins` buckets of equal width, around the values. */
function equalEdges(min: number, max: number, bins: number): Tensor {
  const [from, to] = min < max ? [min, max] : [min - 0.5, max + 0.5];
  return linspace(from, to, bins + 1, { dtype: 'float64' });
}

/** Cuts off empty buckets, but keeps one below the first that has something: the reader takes its edge for the lower end. */
function withoutEmptyEnds(
  counts: readonly number[],
  edges: readonly number[],
): { bucket: number[]; bucket_limit: number[] } {
  const first = counts.findIndex((count) => count > 0);
  const last = counts.findLastIndex((count) => count > 0);
  if (first < 0) return { bucket: [0], bucket_limit: [edges.at(-1)!] };
  return { bucket: [0, ...counts.slice(first, last + 1)], bucket_limit: edges.slice(first, last + 2) };
}
