import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setNumThreads } from '../../src/index.js';
import { RankProcesses } from './runRanks.js';
import { cases, type Outcome, plainLayer, rowsOf, steps } from './scenarios/syncBatchNorm.js';

const size = 3;
let processes: RankProcesses;
let found: Record<string, Outcome>[];
beforeAll(async () => {
  setNumThreads(1);
  processes = await RankProcesses.start(size);
  found = await processes.values<Record<string, Outcome>>('syncBatchNorm.run', size);
}, 60_000);
afterAll(async () => {
  expect(await processes.end()).toEqual({ endings: [0, 0, 0], output: '' });
}, 30_000);

const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const close = (a: number[], b: number[], tolerance: number): boolean =>
  a.length === b.length && a.every((value, i) => Math.abs(value - b[i]!) <= tolerance * Math.max(1, Math.abs(b[i]!)));

describe('SyncBatchNorm over parts of different sizes', () => {
  it.each(cases.map(({ name }, index) => [name, index] as const))(
    'is BatchNorm over the joined batch: %s',
    (name, index) => {
      const [total] = rowsOf(size, size);
      const joined = steps(plainLayer(index), index, 0, total, total);
      const tolerance = cases[index]!.dtype === 'float64' ? 1e-12 : 5e-5;
      const perRow = cases[index]!.shape.reduce((product, length) => product * length, 1);
      const parts = (values: number[], rank: number) => {
        const [start, rows] = rowsOf(rank, size);
        return values.slice(start * perRow, (start + rows) * perRow);
      };
      for (const rank of range(size)) {
        const own = found[rank]![name]!;
        own.outputs.forEach((output, step) => {
          expect(close(output, parts(joined.outputs[step]!, rank), tolerance)).toBe(true);
          const inputs = own.gradients[step]!.slice(0, output.length);
          expect(close(inputs, parts(joined.gradients[step]!, rank), tolerance)).toBe(true);
        });
        expect(own.running.every((values, i) => close(values, joined.running[i]!, tolerance))).toBe(true);
        expect(close(own.evaluated, joined.evaluated, tolerance)).toBe(true);
      }
      // Each rank's gradients of the parameters are its part of the joined ones.
      joined.gradients.forEach((gradients, step) => {
        const expected = gradients.slice(total * perRow);
        const sums = expected.map((_, i) =>
          range(size).reduce((sum, rank) => {
            const own = found[rank]![name]!;
            return sum + own.gradients[step]![own.outputs[step]!.length + i]!;
          }, 0),
        );
        expect(close(sums, expected, tolerance * 10)).toBe(true);
      });
    },
  );

  it('takes the place of layers in fields and containers, with their tensors, and gives it back', () => {
    for (const rank of range(size))
      expect(found[rank]!.converted).toEqual({
        during: ['Net', 'Sequential', 'Conv2d', 'SyncBatchNorm', 'ModuleDict', 'SyncBatchNorm', 'SyncBatchNorm'],
        back: true,
        sameKeys: true,
        weight: [7, 7, 7, 7],
      });
  });
});
