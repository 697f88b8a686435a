import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setNumThreads } from '../../src/index.js';
import { RankProcesses } from './runRanks.js';
import { alone, kinds, referenceGradients } from './scenarios/dataParallel.js';
import type { Overlap } from './scenarios/overlap.js';

let processes: RankProcesses;
beforeAll(async () => {
  setNumThreads(1);
  processes = await RankProcesses.start(3);
});
afterAll(async () => {
  expect(await processes.end()).toEqual({ endings: [0, 0, 0], output: '' });
}, 30_000);

const range = (size: number) => Array.from({ length: size }, (_, i) => i);
const farthest = (a: number[], b: number[]): number => Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));

interface Found {
  training: Record<string, number[]>;
  accumulation: { unsynced: number[]; joined: number[]; keys: string[] };
  unused: Record<string, unknown>;
  buffers: Record<string, unknown>;
  sparse: number[][];
  bfloat16: unknown;
  flags: unknown;
  memory: { tensors: number; bytes: number };
}

describe.each([2, 3])('data-parallel training in %i processes', (size) => {
  let found: Found[];
  beforeAll(async () => {
    found = await processes.values<Found>('dataParallel.everything', size);
  }, 60_000);

  it('ends with equal weights on all ranks, bit for bit, and the same in a second run', () => {
    for (const [label, weights] of Object.entries(found[0]!.training))
      for (const rank of range(size)) expect([label, found[rank]!.training[label]]).toEqual([label, weights]);
    expect(found[0]!.training['plain again']).toEqual(found[0]!.training.plain);
  });

  it('gives the weights of one process with the joined batch after 50 steps, to 2e-6', () => {
    const reference = { sgd: alone(50, 'sgd'), adam: alone(50, 'adam') };
    for (const { label, optimizer } of kinds.filter(({ label }) => label !== 'fp16' && label !== 'bf16'))
      expect([label, farthest(found[0]!.training[label]!, reference[optimizer]) < 2e-6]).toEqual([label, true]);
    for (const label of ['scripted', 'scripted, no work'])
      expect([label, farthest(found[0]!.training[label]!, reference.sgd) < 2e-6]).toEqual([label, true]);
    // Rounded gradients lead nearby: 11 and 8 bits of them survive.
    expect(farthest(found[0]!.training.fp16!, reference.sgd)).toBeLessThan(5e-3);
    expect(farthest(found[0]!.training.bf16!, reference.sgd)).toBeLessThan(5e-2);
    expect(found[0]!.training.fp16).not.toEqual(found[0]!.training.plain);
  });

  it('accumulates without an exchange inside noSync', () => {
    const reference = referenceGradients();
    for (const { accumulation } of found) expect(farthest(accumulation.joined, reference)).toBeLessThan(1e-6);
    expect(found[0]!.accumulation.unsynced).not.toEqual(found[1]!.accumulation.unsynced);
    expect(found[0]!.accumulation.keys[0]).toBe('module.0.weight');
  });

  it('averages what some ranks used, leaves alone what none did, and names what was waited for in vain', () => {
    const right = range(size)
      .slice(1)
      .reduce((sum, rank) => sum + rank + 1, 0);
    for (const { unused } of found) {
      expect(unused).toMatchObject({ never: null, error: ['DISTRIBUTED_UNUSED_PARAMETERS', true, true, false] });
      expect(unused.left).toEqual([[1, 1, 1, 1].map((value) => Math.fround(value / size))]);
      expect((unused.right as number[][])[0]![0]).toBeCloseTo(right / size, 6);
    }
  });

  it('shares the first rank buffers before each trained forward, but for those kept out', () => {
    const mean = (size + 1) / 2;
    found.forEach(({ buffers }, rank) => {
      expect(buffers).toEqual({
        initial: [0, rank, rank],
        trained: 11,
        afterTraining: 11,
        evaluated: 10 * (rank + 1) + 1,
        gradient: [[mean, mean]],
        own: [[rank + 1, rank + 1]],
      });
    });
  });

  it('takes sparse and bfloat16 gradients', () => {
    for (const { sparse, bfloat16 } of found) {
      for (const row of range(5)) {
        const expected = row === 4 ? 1 : row < size ? 1 / size : 0;
        expect(sparse[row]![0]).toBeCloseTo(expected, 6);
      }
      expect(bfloat16).toEqual(['bfloat16', [[(size + 1) / 2, (size + 1) / 2]]]);
    }
  });

  it('tells who still has a batch', () => {
    for (const { flags } of found)
      expect(flags).toEqual([
        { all: false, any: true, count: 1 },
        { all: true, any: true, count: size },
        { all: false, any: false, count: 0 },
      ]);
  });

  it('holds no tensors of wrappers that are gone', () => {
    for (const { memory } of found) {
      expect(memory.tensors).toBeLessThanOrEqual(0);
      expect(memory.bytes).toBeLessThan(200_000);
    }
  });
});

it('gradients travel while backward still runs, as a trace shows', async () => {
  const [first] = await processes.values<Overlap[]>('overlap.traces', 2, { args: 20 });
  for (const { begun, begunBefore } of first!) {
    expect(begun).toBeGreaterThan(3);
    // All but the bucket that the last gradient completes.
    expect(begunBefore).toBe(begun - 1);
  }
  // When the backend's threads get to it is the system's choice; in some steps it is in time.
  expect(Math.max(...first!.map(({ runningBefore }) => runningBefore))).toBeGreaterThan(0);
});

it('models that differ are an error on every rank, which names the tensor', async () => {
  const results = await processes.run('dataParallel.mismatch', 3);
  for (const { error } of results) {
    expect(error?.code).toBe('DISTRIBUTED_MISMATCH');
    expect(error?.ranks).toEqual([1]);
    expect(error?.message).toContain(
      "rank 1: tensor 2 is '1.weight' float32[3, 4], and rank 0 has '1.weight' float32[2, 4]",
    );
  }
});
