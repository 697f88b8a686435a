import { afterEach, describe, expect, it, vi } from 'vitest';
import { batches, LossModel } from '../../test/lossModel.js';
import { MemoryLogger } from '../testing/memoryLogger.js';
import type { TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';
import { CpuStats } from './cpuStats.js';
import { DeviceStatsMonitor } from './deviceStatsMonitor.js';

afterEach(() => {
  vi.restoreAllMocks();
});

const trainerWith = (monitor: DeviceStatsMonitor, logger: MemoryLogger | false, options: TrainerOptions = {}) =>
  new Trainer({
    maxEpochs: 1,
    logger,
    logEveryNSteps: 2,
    numSanityValSteps: 1,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    callbacks: monitor,
    ...options,
  });
const data = () => ({ trainDataloaders: batches(4), valDataloaders: batches(1) });
/** Step and names of the rows that are the monitor's. */
const rowsOf = ({ rows }: MemoryLogger) =>
  rows
    .map((row) => [row.step, Object.keys(row).filter((name) => name.startsWith('DeviceStats'))] as const)
    .filter(([, names]) => names.length > 0);

describe('DeviceStatsMonitor', () => {
  it('logs what the machine does before and after each logged batch', async () => {
    const logger = new MemoryLogger();
    await trainerWith(new DeviceStatsMonitor({ filterKeys: ['cpu_percent', 'cpu_vm_percent'] }), logger).fit(
      new LossModel([1]),
      data(),
    );
    const names = (hook: string) => [
      `DeviceStatsMonitor.${hook}/cpu_vm_percent`,
      `DeviceStatsMonitor.${hook}/cpu_percent`,
    ];
    expect(rowsOf(logger)).toEqual([
      [1, names('on_train_batch_start')],
      [1, names('on_train_batch_end')],
      [3, names('on_train_batch_start')],
      [3, names('on_train_batch_end')],
      [3, names('on_validation_batch_start')],
      [3, names('on_validation_batch_end')],
    ]);
    for (const row of logger.rows)
      for (const [name, value] of Object.entries(row))
        if (name.startsWith('DeviceStats')) expect(value >= 0 && value <= 100).toBe(true);
  });

  it('logs in tests too, in two runs alike, and nothing when told not to', async () => {
    const logger = new MemoryLogger();
    const trainer = trainerWith(new DeviceStatsMonitor(), logger, { logEveryNSteps: 1 });
    for (let run = 0; run < 2; run += 1)
      await trainer.test(new LossModel(), { dataloaders: batches(1), verbose: false });
    const hooks = rowsOf(logger).map(([, names]) => names[0]!.split('/')[0]);
    expect(hooks).toEqual([
      'DeviceStatsMonitor.on_test_batch_start',
      'DeviceStatsMonitor.on_test_batch_end',
      'DeviceStatsMonitor.on_test_batch_start',
      'DeviceStatsMonitor.on_test_batch_end',
    ]);
    const silent = new MemoryLogger();
    await trainerWith(new DeviceStatsMonitor({ cpuStats: false }), silent).fit(new LossModel([1]), data());
    expect(rowsOf(silent)).toEqual([]);
    expect(silent.rows.length).toBeGreaterThan(0);
  });

  it('warns once of a statistic that does not exist', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const logger = new MemoryLogger();
    await trainerWith(new DeviceStatsMonitor({ filterKeys: ['cpu_percnt'] }), logger).fit(new LossModel([1]), data());
    const mine = warned.mock.calls.filter((call) => String(call).includes("Did you mean 'cpu_percent'"));
    expect(mine).toHaveLength(1);
    expect(rowsOf(logger)).toEqual([]);
  });

  it('needs a logger, and options it knows', async () => {
    await expect(trainerWith(new DeviceStatsMonitor(), false).fit(new LossModel([1]), data())).rejects.toThrow(
      /OPTION_CONFLICT.*no logger/,
    );
    expect(() => new DeviceStatsMonitor({ cpuStats: 1 as never })).toThrow(/OPTION_INVALID.*cpuStats is 1/);
    expect(() => new DeviceStatsMonitor({ filterKeys: 'cpu_percent' as never })).toThrow(/OPTION_INVALID.*filterKeys/);
    expect(() => new DeviceStatsMonitor({ cpu: true } as never)).toThrow(/OPTION_UNKNOWN/);
  });
});

describe('CpuStats', () => {
  it('reads shares of time and memory from 0 to 100', () => {
    const stats = new CpuStats();
    let sum = 0;
    for (let i = 0; i < 20_000_000; i += 1) sum += i % 7;
    expect(sum).toBeGreaterThan(0);
    const values = stats.read();
    expect(Object.keys(values)).toEqual(expect.arrayContaining(['cpu_vm_percent', 'cpu_percent']));
    expect(values.cpu_vm_percent).toBeGreaterThan(0);
    for (const value of Object.values(values)) expect(value >= 0 && value <= 100).toBe(true);
  });
});
