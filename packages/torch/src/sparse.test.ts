import { beforeAll, describe, expect, it } from 'vitest';
import { type EncodedTensor, expectSameBits, readFixture, torchErrorOf } from '../test/encodedTensor.js';
import type { Tensor } from './index.js';
import * as torch from './index.js';

const fixture = readFixture<{ printed: Record<string, string>; results: Record<string, EncodedTensor> }>(
  'sparse/sparse.json',
);
const float = { dtype: 'float32' } as const;
const coo = () => {
  const indices = [
    [0, 1, 1, 0],
    [2, 0, 2, 2],
  ];
  return torch.sparseCooTensor(indices, [3, 4, 5, 0.5], [2, 3]);
};
const csr = (options: torch.SparseOptions = {}) =>
  torch.sparseCsrTensor([0, 2, 3], [0, 2, 1], [1, 2, 3.5], [2, 3], options);
const dense = () => torch.arange(6).float().reshape([3, 2]);

describe('sparse tensors', () => {
  beforeAll(() => torch.setNumThreads(1));

  /** As in fixtures/sparse/make.py. */
  const printed: Record<string, () => Tensor> = {
    coo,
    coalesced: () => coo().coalesce(),
    double: () => coo().double(),
    ints: () =>
      torch.sparseCooTensor(
        [
          [0, 1],
          [1, 0],
        ],
        [7, 8],
      ),
    hybrid: () =>
      torch.sparseCooTensor(
        [[0, 2]],
        [
          [1, 2],
          [3, 4.5],
        ],
        [3, 2],
      ),
    empty: () => torch.sparseCooTensor(torch.zeros([2, 0], { dtype: 'int64' }), torch.zeros([0]), [2, 3]),
    tracked: () => coo().requiresGrad_(),
    computed: () => coo().requiresGrad_().mul(2),
    many: () => torch.sparseCooTensor(torch.arange(1200).reshape([1, -1]), torch.arange(1200).float(), [1200]),
    csr,
    csrDouble: () => csr({ dtype: 'float64' }),
  };
  it.each(Object.keys(fixture.printed))('print as in PyTorch: %s', (name) => {
    expect(String(printed[name]!())).toBe(fixture.printed[name]);
  });

  it('compute as in PyTorch, bit for bit', () => {
    const x = coo();
    const leaf = coo().requiresGrad_();
    const weight = dense().requiresGrad_();
    torch.sparse.mm(leaf, weight).pow(2).sum().backward();
    const results: Record<string, Tensor> = {
      dense: x.toDense(),
      indices: x.coalesce().indices(),
      values: x.coalesce().values(),
      mm: torch.sparse.mm(x, dense()),
      addmm: torch.sparse.addmm(torch.ones([2, 2]), x, dense(), { beta: 0.5, alpha: 2 }),
      sum: torch.sparse.sum(x),
      sumRows: torch.sparse.sum(x, 1).toDense(),
      softmax: torch.sparse.softmax(x, 1).toDense(),
      logSoftmax: torch.sparse.logSoftmax(x, 0).toDense(),
      leafGrad: leaf.grad!.toDense(),
      weightGrad: weight.grad!,
      csrDense: csr().toDense(),
      csrMatmul: csr().matmul(dense()),
      toSparse: dense().toSparse().values(),
      toCsr: dense().toSparseCsr().crowIndices(),
    };
    expect(Object.keys(results)).toEqual(Object.keys(fixture.results));
    for (const [name, result] of Object.entries(results)) expectSameBits(result, fixture.results[name]!);
  });

  it('tell what they are', () => {
    const x = torch.sparseCooTensor([[1, 1]], [2, 3], [3], { ...float, requiresGrad: true });
    expect([x.isSparse, x.isSparseCsr, x.isCoalesced(), x.sparseDim(), x.denseDim()]).toEqual([
      true,
      false,
      false,
      1,
      0,
    ]);
    expect([csr().isSparse, csr().isSparseCsr, x.dtype, x.requiresGrad]).toEqual([false, true, 'float32', true]);
    expect(torchErrorOf(() => torch.sparseCooTensor([[5]], [1], [3])).message).toMatch(/found index 5/);
    expect(torchErrorOf(() => torch.sparseCooTensor([[0, 1]], [1], [3])).message).toMatch(/values/);
    expect(torchErrorOf(() => coo().values()).message).toMatch(/coalesce/);
  });
});
