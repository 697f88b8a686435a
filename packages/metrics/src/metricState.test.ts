import { tensor } from '@lightning-ts/torch';
import { describe, expect, it } from 'vitest';
import { mergeState, type Reduction } from './metricState.js';

const merged = (reduction: Reduction | null): unknown =>
  (mergeState(tensor([1, 6]), tensor([4, 2]), reduction, 1, 2) as ReturnType<typeof tensor>).tolist();

describe('merging states', () => {
  it('reduces two tensors, the mean by the number of updates', () => {
    expect(merged('sum')).toEqual([5, 8]);
    expect(merged('max')).toEqual([4, 6]);
    expect(merged('min')).toEqual([1, 2]);
    expect(merged('mean')).toEqual([3, Math.fround(10 / 3)]);
    expect(merged('cat')).toEqual([1, 6, 4, 2]);
    expect(merged(null)).toEqual([4, 2]);
  });

  it('takes the other one when one has no updates, and joins lists in order', () => {
    const [a, b] = [tensor(1), tensor(2)];
    expect(mergeState(a, b, 'sum', 0, 3)).toBe(b);
    expect(mergeState(a, b, 'sum', 3, 0)).toBe(a);
    expect((mergeState([a], [b, a], 'cat', 1, 2) as (typeof a)[]).map((value) => value.item())).toEqual([1, 2, 1]);
  });
});
