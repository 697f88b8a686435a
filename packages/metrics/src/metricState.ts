import { cat, Tensor } from '@lightning-ts/torch';

/** A tensor, or a list of tensors that grows. */
export type StateValue = Tensor | Tensor[];

/** Two tensor states, the earlier first, as one; it must not matter how a row of states is put in pairs. */
export type JoinStates = (earlier: Tensor, later: Tensor) => Tensor;

/** How two states of one metric become one. */
export type Reduction = 'sum' | 'mean' | 'max' | 'min' | 'cat' | JoinStates;

/**
 * One state from two, the earlier first. `mean` weights each by its number of updates; null keeps lists joined and otherwise
 * the later state.
 */
export function mergeState(
  earlier: StateValue,
  later: StateValue,
  reduction: Reduction | null,
  earlierUpdates: number,
  laterUpdates: number,
): StateValue {
  if (Array.isArray(earlier) && Array.isArray(later)) return [...earlier, ...later];
  if (earlierUpdates === 0) return later;
  if (laterUpdates === 0) return earlier;
  if (!(earlier instanceof Tensor) || !(later instanceof Tensor)) return later;
  if (typeof reduction === 'function') return reduction(earlier, later);
  switch (reduction) {
    case 'sum':
      return earlier.add(later);
    case 'max':
      return earlier.maximum(later);
    case 'min':
      return earlier.minimum(later);
    case 'mean':
      return earlier
        .mul(earlierUpdates)
        .add(later.mul(laterUpdates))
        .div(earlierUpdates + laterUpdates);
    case 'cat':
      return cat([earlier, later]);
    default:
      return later;
  }
}
