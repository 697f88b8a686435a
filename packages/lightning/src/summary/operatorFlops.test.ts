import { einsum, observeOperators, randn, type Tensor } from '@lightning-ts/torch';
import * as nn from '@lightning-ts/torch/nn';
import { describe, expect, it } from 'vitest';
import { operatorFlops } from './operatorFlops.js';

const flopsOf = (body: () => unknown): number => {
  let flops = 0;
  observeOperators((call) => {
    flops += operatorFlops(call);
  }, body);
  return flops;
};

describe('floating-point operations', () => {
  it.each<[name: string, body: () => unknown, expected: number]>([
    ['linear', () => new nn.Linear(4, 8).forward(randn([2, 4])), 2 * 2 * 4 * 8],
    ['linear with more dimensions', () => new nn.Linear(4, 8).forward(randn([2, 5, 4])), 2 * 10 * 4 * 8],
    ['mm', () => randn([3, 4]).mm(randn([4, 5])), 2 * 3 * 4 * 5],
    ['a batch of products', () => randn([2, 3, 4]).matmul(randn([2, 4, 5])), 2 * 2 * 3 * 4 * 5],
    ['a matrix and a vector', () => randn([3, 4]).matmul(randn([4])), 2 * 3 * 4],
    ['addmm', () => randn([5]).addmm(randn([3, 4]), randn([4, 5])), 2 * 3 * 4 * 5],
    ['baddbmm', () => randn([2, 3, 5]).baddbmm(randn([2, 3, 4]), randn([2, 4, 5])), 2 * 2 * 3 * 4 * 5],
    ['bilinear', () => new nn.Bilinear(3, 4, 5).forward(randn([2, 3]), randn([2, 4])), 2 * 2 * 5 * 3 * 4],
    ['einsum', () => einsum('bij,bjk->bik', randn([2, 3, 4]), randn([2, 4, 5])), 2 * 2 * 3 * 4 * 5],
    ['einsum with an ellipsis', () => einsum('...ij,jk->...ik', randn([2, 3, 4]), randn([4, 5])), 2 * 2 * 3 * 4 * 5],
    // Output [2, 8, 6, 6], each element from 3 · 3 · 3 inputs.
    ['conv2d', () => new nn.Conv2d(3, 8, 3).forward(randn([2, 3, 8, 8])), 2 * 2 * 8 * 36 * 27],
    ['a grouped conv2d', () => new nn.Conv2d(4, 8, 3, { groups: 2 }).forward(randn([1, 4, 8, 8])), 2 * 8 * 36 * 18],
    ['conv2d without a batch', () => new nn.Conv2d(3, 8, 3).forward(randn([3, 8, 8])), 2 * 8 * 36 * 27],
    [
      'conv1d with same padding',
      () => new nn.Conv1d(3, 8, 3, { padding: 'same' }).forward(randn([2, 3, 10])),
      2 * 2 * 8 * 10 * 9,
    ],
    // Each of the 16 inputs of a channel meets 5 · 2 · 2 weights.
    ['convTranspose2d', () => new nn.ConvTranspose2d(3, 5, 2).forward(randn([1, 3, 4, 4])), 2 * 16 * 3 * 20],
    // 4 gates of 5 from 3 inputs and 5 states, for 7 steps of 2 sequences.
    ['lstm', () => new nn.LSTM(3, 5).forward(randn([7, 2, 3])), 2 * 14 * (20 * 3 + 20 * 5)],
    [
      'two-layer gru',
      () => new nn.GRU(3, 5, { numLayers: 2 }).forward(randn([7, 2, 3])),
      2 * 14 * (15 * 3 + 15 * 5 * 3),
    ],
    ['rnn without a batch', () => new nn.RNN(3, 5).forward(randn([7, 3])), 2 * 7 * (5 * 3 + 5 * 5)],
    ['lstm cell', () => new nn.LSTMCell(3, 5).forward(randn([2, 3])), 2 * 2 * (20 * 3 + 20 * 5)],
    // Three projections and the last one, queries with keys, weights with values.
    [
      'attention',
      () => {
        const x: Tensor = randn([6, 2, 8]);
        return new nn.MultiheadAttention(8, 2).forward(x, x, x);
      },
      2 * 12 * 8 * 24 + 2 * 12 * 8 * 8 + 2 * (2 * 2 * 6 * 6 * 8),
    ],
    ['an activation', () => randn([3]).relu().add(1), 0],
  ])('of %s', (_name, body, expected) => {
    // Initialization has no matrix products.
    expect(flopsOf(body)).toBe(expected);
  });

  it('of a packed sequence count its steps alone', () => {
    const packed = nn.packPaddedSequence(randn([5, 2, 3]), [5, 2]);
    expect(flopsOf(() => new nn.RNN(3, 4).forward(packed as never))).toBe(2 * 7 * (4 * 3 + 4 * 4));
  });
});
