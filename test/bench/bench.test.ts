import { rmSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Measurement, measure, median, readOptions, runSide, type SideSummary } from '../../bench/harness.js';
import { StepClock } from '../../bench/measure.js';
import { buildJob } from '../../bench/models.js';
import { compareLosses, jsonLine, table } from '../../bench/report.js';
import { lmSizes, product, readWorkload, writeWorkload } from '../../bench/workload.js';
import { temporaryFolder } from '../setup/fakeLibtorch.js';

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
  return () => rmSync(folder, { recursive: true, force: true });
});

const side = (seconds: number, losses: number[] = []): SideSummary => ({
  seconds,
  secondsByRound: [seconds],
  peakRssMb: 100,
  losses,
  extra: {},
});
const measurement = (sides: Measurement['sides']): Measurement => ({
  bench: 'mlp',
  options: { json: true, threads: 1, rounds: 3, steps: 10 },
  sides,
});

describe('a workload', () => {
  it('is the same in every run, and comes back as it was written', () => {
    const first = readWorkload(writeWorkload(`${folder}/a`, { kind: 'mlp', batchSize: 4, batches: 3 }));
    const second = readWorkload(writeWorkload(`${folder}/b`, { kind: 'mlp', batchSize: 4, batches: 3 }));
    expect(first.workload).toEqual(second.workload);
    for (const record of [...first.workload.weights, first.workload.inputs, first.workload.targets]) {
      expect(first.values(record)).toEqual(second.values(record));
      expect(first.values(record)).toHaveLength(product(record.shape));
    }
    expect(first.workload.inputs.shape).toEqual([12, 32]);
    const labels = [...(first.values(first.workload.targets) as BigInt64Array)].map(Number);
    expect(Math.min(...labels)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...labels)).toBeLessThan(10);
  });

  it('draws weights as wide as a fresh linear layer has them', () => {
    const { workload, values } = readWorkload(writeWorkload(folder, { kind: 'mlp', batchSize: 2, batches: 1 }));
    const weight = values(workload.weights[0]!) as Float32Array;
    const bound = 1 / Math.sqrt(32);
    expect(Math.max(...weight.map(Math.abs))).toBeLessThanOrEqual(bound);
    expect(Math.max(...weight)).toBeGreaterThan(bound * 0.9);
    expect(Math.min(...weight)).toBeLessThan(-bound * 0.9);
  });
});

describe('the workloads of larger models', () => {
  it('ask the language model for the token that comes next', () => {
    const { workload, values } = readWorkload(writeWorkload(folder, { kind: 'lm', batchSize: 2, batches: 2 }));
    const { length, vocabulary } = lmSizes;
    expect([workload.inputs.dtype, workload.inputs.shape, workload.targets.shape]).toEqual([
      'int64',
      [4, length],
      [4, length],
    ]);
    const [tokens, next] = [values(workload.inputs), values(workload.targets)];
    for (let row = 0; row < 4; row += 1)
      expect(tokens.slice(row * length + 1, (row + 1) * length)).toEqual(
        next.slice(row * length, (row + 1) * length - 1),
      );
    expect(Math.max(...[...tokens].map(Number))).toBeLessThan(vocabulary);
  });

  it('have a weight for each of the model by its name', () => {
    for (const kind of ['lm', 'resnet18'] as const) {
      const loaded = readWorkload(writeWorkload(folder, { kind, batchSize: 1, batches: 1 }));
      const { model } = buildJob(loaded);
      const shapes = new Map([...model.stateDict()].map(([name, tensor]) => [name, tensor.shape]));
      for (const { name, shape } of loaded.workload.weights) expect([name, shapes.get(name)]).toEqual([name, shape]);
      const norms = [...shapes.keys()].filter((name) => /norm|bn|downsample\.1/.test(name)).length;
      expect(shapes.size - norms).toBe(loaded.workload.weights.length);
    }
  });
});

describe('StepClock', () => {
  it('counts whole steps after the warm-up and refuses a wrong number of steps', () => {
    const clock = new StepClock(2, 3);
    for (let step = 0; step < 5; step += 1) clock.begin();
    expect(() => clock.secondsPerStep).toThrow('expected 6 steps, ran 5');
    clock.begin();
    expect(clock.secondsPerStep).toBeGreaterThanOrEqual(0);
  });
});

describe('runSide', () => {
  const node = (program: string) => ({ name: 'ours' as const, command: process.execPath, args: ['-e', program] });

  it('takes the last line, whatever came before', () => {
    const result = runSide(node(`console.log('hello'); console.log('{"seconds": 2, "peakRssMb": 3}')`), {});
    expect(result).toMatchObject({ seconds: 2, peakRssMb: 3 });
    expect(result.wallSeconds).toBeGreaterThan(0);
  });

  it('shows the output of a side that fails', () => {
    expect(() => runSide(node(`console.error('no such op'); process.exit(3)`), {})).toThrow(
      /ours failed \(status 3.*\n.*no such op/,
    );
  });

  it('gives every side the same number of threads', () => {
    const program = `console.log(JSON.stringify({ seconds: Number(process.env.OMP_NUM_THREADS), peakRssMb: 1 }))`;
    const { sides } = measure('x', [node(program)], { json: true, threads: 2, rounds: 2, steps: 1 });
    expect(sides.ours?.seconds).toBe(2);
  });
});

describe('the report', () => {
  it('is one JSON line with null for absent peers', () => {
    const line = jsonLine(measurement({ ours: side(1e-4), 'python-torch': side(4e-4) }), {
      unit: 'µs/step',
      perBase: 1e6,
    });
    expect(line).not.toContain('\n');
    expect(JSON.parse(line)).toEqual({
      bench: 'mlp',
      unit: 'µs/step',
      ours: 100,
      peers: { 'raw-ts': null, 'python-torch': 400, 'python-lightning': null },
      ratios: { 'raw-ts': null, 'python-torch': 0.25, 'python-lightning': null },
      peakRssMb: { ours: 100, 'raw-ts': null, 'python-torch': 100, 'python-lightning': null },
    });
  });

  it('says in the table which peers are absent and whether losses are equal', () => {
    const text = table(
      measurement({ ours: side(1, [2.5]), 'raw-ts': side(1, [2.5]), 'python-torch': side(2, [2.25]) }),
      {
        unit: 's',
        perBase: 1,
      },
    );
    expect(text).toMatch(/python-lightning\s+absent/);
    expect(text).toContain('losses, ours and raw-ts: equal bit for bit');
    expect(text).toContain('losses, ours and python-torch: largest difference 2.5e-1');
  });

  it('does not call lists of different lengths equal', () => {
    expect(compareLosses([1, 2], [1])).toBe('2 losses against 1');
  });
});

describe('options', () => {
  it('have defaults and are checked', () => {
    expect(readOptions({ rounds: 5, steps: 9 }, [])).toEqual({ json: false, threads: 1, rounds: 5, steps: 9 });
    expect(readOptions({ rounds: 5 }, ['--json', '--threads', '2']).threads).toBe(2);
    expect(() => readOptions({ rounds: 5 }, ['--rounds', '0'])).toThrow(
      '--rounds must be a whole number from 1 up, got "0"',
    );
    expect(() => readOptions({ rounds: 5 }, ['--fast'])).toThrow(/fast/);
  });

  it('take the middle of the rounds', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });
});
