import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReduceOp } from '../../src/distributed/index.js';
import * as torch from '../../src/index.js';
import { RankProcesses } from './runRanks.js';
import { dtypes } from './scenarios/collectives.js';

type Found = Record<string, unknown>;

let processes: RankProcesses;
beforeAll(async () => {
  processes = await RankProcesses.start(3);
});
afterAll(async () => {
  expect(await processes.end()).toEqual({ endings: [0, 0, 0], output: '' });
}, 30_000);

async function everything(size: number): Promise<Record<string, Found[]>> {
  const values = await processes.values<Record<string, Found>>('allCollectives.run', size);
  const names = Object.keys(values[0]!);
  return Object.fromEntries(names.map((name) => [name, values.map((value) => value[name]!)]));
}

const range = (size: number) => Array.from({ length: size }, (_, i) => i);

describe.each([2, 3])('%i processes', (size) => {
  let found: Record<string, Found[]>;
  beforeAll(async () => {
    found = await everything(size);
  }, 60_000);

  it('reduce every dtype by every reduction it has, in every way, as one process does', () => {
    for (const [key, first] of Object.entries(found.reductions![0]!)) {
      const [dtype, op] = key.split(' ') as [torch.DType, ReduceOp];
      const expected = reduced(dtype, op, size);
      for (const rank of range(size)) {
        const [all, onOne, part, listed] = found.reductions![rank]![key] as unknown[];
        expect([key, all, part, listed]).toEqual([key, expected, expected, expected]);
        if (rank === 1) expect([key, onOne]).toEqual([key, expected]);
        else expect([key, onOne]).toEqual([key, inputOf(dtype, rank).tolist()]);
      }
      expect(first).toHaveLength(4);
    }
    expect(Object.keys(found.reductions![0]!)).toHaveLength(4 * 5 + 5 * 8 + 7 + 2);
  });

  it('move every dtype in every way', () => {
    for (const dtype of dtypes) {
      const isBool = dtype === 'bool';
      const pair = (value: number) => torch.full([2], isBool ? value % 2 : value, { dtype }).tolist() as unknown[];
      const own = (rank: number) => pair(isBool ? rank : rank + 1);
      for (const rank of range(size))
        expect([dtype, found.moves![rank]![dtype]]).toEqual([
          dtype,
          [
            own(1),
            range(size).map(own),
            range(size).flatMap(own),
            rank === 0 ? range(size).map(own) : null,
            torch.full([2], rank % 2, { dtype }).tolist(),
            range(size).map((from) => pair(isBool ? rank + from : from * 10 + rank)),
            range(size).flatMap(own),
          ],
        ]);
    }
  });

  it('take strided, empty, uneven, sparse and trained tensors', () => {
    const sum = (size * (size + 1)) / 2;
    const ranks = range(size);
    for (const rank of ranks)
      expect(found.shapes![rank]).toEqual({
        transposed: [
          [0, sum, 2 * sum],
          [3 * sum, 4 * sum, 5 * sum],
        ],
        scalar: ranks.reduce((total, each) => total + each + 0.5, 0),
        empty: [0, 3],
        uneven: ranks.flatMap((from) => range(from + 1).map(() => [from, from])),
        lists: ranks.map((from) => range(from + 1).map(() => from)),
        trained: [[size, size], true, null],
        coalesced: [
          [size, sum - size],
          [
            [sum - size, sum - size],
            [sum - size, sum - size],
          ],
        ],
        sparse: [0, 1, 2, 3].map((i) => (i < size ? 1 : 0) + (i === 2 ? 2 * size : 0)),
      });
  });

  it('send and receive in a ring, by tag, from anybody, and tell the end of a work without blocking', () => {
    for (const rank of range(size))
      expect(found.messages![rank]).toEqual({
        received: [(rank + size - 1) % size, 7],
        tagged: [[1], [2]],
        from: rank === 0 ? 1 : -1,
        turns: true,
        completedEarly: rank === 0 ? null : false,
        completed: true,
        sum: [(size * (size - 1)) / 2, size],
      });
  });

  it('exchange plain values with tensors in them', () => {
    for (const rank of range(size))
      expect(found.objects![rank]).toEqual({
        all: range(size).map((each) => [each, 1000 * each, range(each + 1).map(() => each), [null, true, 1.5]]),
        later: range(size).map((each) => each * 2),
        one: { best: 0.25 },
        list: ['a', [1, 2], [1, 1]],
        gathered: rank === 1 ? range(size).map((each) => `from ${each}`) : null,
        mine: { for: rank },
      });
  });

  it('hold no more memory after many rounds', () => {
    for (const { grown, tensors } of found.memory as { grown: number; tensors: number }[]) {
      expect(tensors).toBe(0);
      // What the backend's threads handled last stays with them; anything held from each round would be 8 MB or more.
      expect(grown).toBeLessThan(1_000_000);
    }
  });

  it.runIf(size === 3)('form groups of some of them, with ranks of their own', () => {
    const common = (rank: number) => ({ world: [rank, 3, 2], notIn: expect.any(String) as string });
    expect(found.subGroups![0]).toEqual({
      ...common(0),
      ranks: [1, -1],
      isMember: [true, false],
      pair: [[2], [2], [2, 0]],
      destroyed: 'DISTRIBUTED_NOT_INITIALIZED',
      notIn: 'DISTRIBUTED_ARGUMENT',
    });
    expect(found.subGroups![1]).toEqual({
      ...common(1),
      ranks: [-1, 0],
      isMember: [false, true],
      outsider: 'DISTRIBUTED_ARGUMENT',
      alone: [5],
      notIn: 'DISTRIBUTED_ARGUMENT',
    });
    expect(found.subGroups![2]).toMatchObject({ ranks: [0, -1], pair: [[2], [2], [2, 0]] });
  });
});

const inputOf = (dtype: torch.DType, rank: number): torch.Tensor =>
  dtype === 'bool'
    ? torch.tensor([true, rank === 0, false, rank > 0])
    : torch.tensor([1, 2, rank, 3 + rank], { dtype });

/** The reduction by one process. */
function reduced(dtype: torch.DType, op: ReduceOp, size: number): unknown {
  const stack = torch.stack(range(size).map((rank) => inputOf(dtype, rank)));
  const isBool = dtype === 'bool';
  const fold = (combine: (a: torch.Tensor, b: torch.Tensor) => torch.Tensor) => stack.unbind(0).reduce(combine);
  const isShort = dtype === 'bfloat16' || dtype === 'float16';
  switch (op) {
    case 'sum':
      return (isBool ? stack.any(0) : stack.sum(0).to(dtype)).tolist();
    case 'avg': {
      if (dtype.includes('int')) return stack.sum(0).div(size, { roundingMode: 'trunc' }).to(dtype).tolist();
      return isShort ? stack.float().sum(0).div(size).to(dtype).tolist() : stack.sum(0).div(size).tolist();
    }
    case 'product':
      return (isBool ? stack.all(0) : fold((a, b) => a.mul(b))).tolist();
    case 'min':
      return (isBool ? stack.all(0) : stack.amin(0)).tolist();
    case 'max':
      return (isBool ? stack.any(0) : stack.amax(0)).tolist();
    case 'band':
      return fold((a, b) => a.bitwiseAnd(b)).tolist();
    case 'bor':
      return fold((a, b) => a.bitwiseOr(b)).tolist();
    case 'bxor':
      return fold((a, b) => a.bitwiseXor(b)).tolist();
  }
}
