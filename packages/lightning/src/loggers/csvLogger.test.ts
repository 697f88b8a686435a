import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { resetWarnings } from '@lightning-ts/torch';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LightningError } from '../errors.js';
import { CSVLogger } from './csvLogger.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'csv-logger-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const metricsOf = (logger: CSVLogger): string => readFileSync(join(logger.logDir, 'metrics.csv'), 'utf8');

describe('CSVLogger', () => {
  it('writes one row for each call, with sorted columns and empty cells', () => {
    const logger = new CSVLogger(folder);
    logger.logMetrics({ train_loss: 0.5, epoch: 0 }, 0);
    logger.logMetrics({ train_loss: 0.25, epoch: 0 }, 0);
    logger.logMetrics({ 'val/acc': 1, epoch: 0, 'lr-Adam': 1e-5 }, 4);
    logger.finalize('success');
    expect(metricsOf(logger)).toBe('epoch,lr-Adam,step,train_loss,val/acc\n0,,0,0.5,\n0,,0,0.25,\n0,1e-05,4,,1.0\n');
  });

  it("can tell each row's moment in every unit", () => {
    const logger = new CSVLogger(folder, { logMoments: true });
    logger.logMetrics({ val_loss: 0.5 }, 4, {
      epoch: 1,
      batches: 10,
      globalStep: 5,
      seconds: 1.25,
      step: 4,
      xAxis: 'step',
    });
    logger.finalize('success');
    expect(metricsOf(logger)).toBe('batches,epoch,global_step,seconds,step,val_loss\n10,1,5,1.25,4,0.5\n');
  });

  it('extends the header when a new column comes, and appends otherwise', () => {
    const logger = new CSVLogger(folder, { flushLogsEveryNSteps: 1 });
    logger.logMetrics({ b: 1.5 }, 0);
    const before = metricsOf(logger);
    logger.logMetrics({ b: 2.5 }, 1);
    expect(metricsOf(logger)).toBe(`${before}2.5,1\n`);
    logger.logMetrics({ a: 3.5 }, 2);
    logger.logMetrics({ b: Number.NaN, 'odd,"name"': Number.POSITIVE_INFINITY }, 3);
    logger.logMetrics({ b: Number.NEGATIVE_INFINITY }, 4);
    expect(metricsOf(logger)).toBe('a,b,"odd,""name""",step\n,1.5,,0\n,2.5,,1\n3.5,,,2\n,nan,inf,3\n,-inf,,4\n');
    logger.finalize('success');
  });

  it('holds what it was given, whatever the order of columns', () => {
    const key = fc.constantFrom('a', 'b', 'train/loss', 'Z', 'é');
    const rows = fc.array(fc.dictionary(key, fc.double({ noNaN: true, noDefaultInfinity: true })), { maxLength: 12 });
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 5 }), (given, flushLogsEveryNSteps) => {
        const logger = new CSVLogger(folder, { flushLogsEveryNSteps });
        for (const [step, row] of given.entries()) logger.logMetrics(row, step);
        logger.finalize('success');
        if (given.length === 0) return;
        const [header, ...lines] = metricsOf(logger)
          .trimEnd()
          .split('\n')
          .map((line) => line.split(','));
        expect(header).toEqual([...new Set(['step', ...given.flatMap((row) => Object.keys(row))])].sort());
        const read = lines.map((cells) =>
          Object.fromEntries(
            header!.map((column, index) => [column, cells[index]] as const).filter(([, cell]) => cell !== ''),
          ),
        );
        const expected = given.map((row, step) => ({ ...row, step }));
        expect(
          read.map((row) => Object.fromEntries(Object.entries(row).map(([name, cell]) => [name, Number(cell)]))),
        ).toEqual(expected.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value]))));
      }),
      { numRuns: 50 },
    );
  });

  it('numbers a row without a step by the rows that wait', () => {
    const logger = new CSVLogger(folder, { flushLogsEveryNSteps: 1000 });
    for (let row = 0; row < 3; row += 1) logger.logMetrics({ a: row });
    logger.finalize('success');
    expect(metricsOf(logger)).toBe('a,step\n0.0,0\n1.0,1\n2.0,2\n');
  });

  it('writes soon after save, at once when the last write is a while ago', async () => {
    const logger = new CSVLogger(folder);
    logger.logMetrics({ a: 1 }, 0);
    logger.save();
    expect(metricsOf(logger)).toBe('a,step\n1.0,0\n');
    logger.logMetrics({ a: 2 }, 1);
    logger.save();
    await sleep(400);
    expect(metricsOf(logger)).toBe('a,step\n1.0,0\n2.0,1\n');
    logger.finalize('success');
  });

  it('writes what waits when the process ends', () => {
    const script = join(folder, 'script.ts');
    const source = JSON.stringify(new URL('./csvLogger.ts', import.meta.url).pathname);
    writeFileSync(
      script,
      `import { CSVLogger } from ${source};
       const logger = new CSVLogger(${JSON.stringify(folder)}, { name: 'exit' });
       for (let step = 0; step < 3; step += 1) { logger.logMetrics({ a: step }, step); logger.save(); }
       process.exit(3);`,
    );
    const run = () =>
      execFileSync(process.execPath, ['--conditions=@lightning-ts/source', '--import', 'tsx', script], {
        stdio: 'pipe',
      });
    expect(run).toThrow();
    expect(readFileSync(join(folder, 'exit', 'version_0', 'metrics.csv'), 'utf8')).toBe(
      'a,step\n0.0,0\n1.0,1\n2.0,2\n',
    );
  });

  it('takes the next free version, or the one it is given', () => {
    expect(new CSVLogger(folder).logDir).toBe(join(folder, 'lightning_logs', 'version_0'));
    for (const name of ['version_0', 'version_7', 'version_x', 'v9'])
      mkdirSync(join(folder, 'runs', name), { recursive: true });
    writeFileSync(join(folder, 'runs', 'version_11'), 'a file, not a folder');
    const logger = new CSVLogger(folder, { name: 'runs' });
    expect(logger.version).toBe(8);
    mkdirSync(join(folder, 'runs', 'version_8'));
    expect(logger.version).toBe(8);
    expect(new CSVLogger(folder, { name: 'a', version: 'v1.0' }).logDir).toBe(join(folder, 'a', 'v1.0'));
    expect(new CSVLogger(folder, { name: null }).logDir).toBe(join(folder, 'version_0'));
  });

  it('replaces the metrics of an earlier run in the same folder, and says so', async () => {
    const first = new CSVLogger(folder, { version: 'v' });
    first.logMetrics({ old: 1 }, 0);
    first.finalize('success');
    resetWarnings();
    const warned = new Promise<NodeJS.ErrnoException>((resolve) =>
      process.once('warning', resolve as (error: Error) => void),
    );
    const second = new CSVLogger(folder, { version: 'v' });
    second.logMetrics({ new: 1 }, 0);
    second.finalize('success');
    expect((await warned).code).toBe('LOG_DIRECTORY_NOT_EMPTY');
    expect(metricsOf(second)).toBe('new,step\n1.0,0\n');
  });

  it('goes on after finalize, in the same file', () => {
    const logger = new CSVLogger(folder);
    logger.logMetrics({ a: 1 }, 0);
    logger.finalize('success');
    logger.logMetrics({ a: 2 }, 1);
    logger.finalize('success');
    expect(metricsOf(logger)).toBe('a,step\n1.0,0\n2.0,1\n');
  });

  it('keeps its rows when the file cannot be written, and tries again', () => {
    const logger = new CSVLogger(folder);
    logger.logMetrics({ a: 1 }, 0);
    // A folder stands where the file belongs.
    mkdirSync(join(logger.logDir, 'metrics.csv'));
    logger.experiment.write();
    expect(logger.experiment.pending).toBe(1);
    rmSync(join(logger.logDir, 'metrics.csv'), { recursive: true });
    logger.finalize('success');
    expect(metricsOf(logger)).toBe('a,step\n1.0,0\n');
    expect(readdirSync(logger.logDir)).toEqual(['metrics.csv']);
  });

  it('joins the prefix to names with a dash', () => {
    const logger = new CSVLogger(folder, { prefix: 'run1' });
    logger.logMetrics({ loss: 1 }, 0);
    logger.finalize('success');
    expect(metricsOf(logger)).toBe('run1-loss,step\n1.0,0\n');
  });

  it('writes hyperparameters as sorted YAML, merging what is logged later', () => {
    class Network {}
    const logger = new CSVLogger(folder);
    logger.logHyperparams({
      lr: 1e-5,
      epochs: 10,
      name: 'yes',
      layers: [1, 2],
      optimizer: { name: 'adam', betas: [0.9, 0.999] },
      none: null,
      flag: true,
      act: Math.max,
      net: new Network(),
      empty: [],
      absent: undefined,
    });
    logger.logHyperparams({ epochs: 20 });
    expect(readFileSync(join(logger.logDir, 'hparams.yaml'), 'utf8')).toBe(
      [
        'act: max',
        'empty: []',
        'epochs: 20',
        'flag: true',
        'layers:',
        '- 1',
        '- 2',
        'lr: 1.0e-05',
        'name: "yes"',
        'net: Network',
        'none: null',
        'optimizer:',
        '  betas:',
        '  - 0.9',
        '  - 0.999',
        '  name: adam',
        '',
      ].join('\n'),
    );
    expect(existsSync(join(logger.logDir, 'metrics.csv'))).toBe(false);
  });

  it('names what it cannot take', () => {
    const fault = (run: () => unknown): string => {
      try {
        run();
      } catch (error) {
        return (error as LightningError).code;
      }
      return 'none';
    };
    expect(fault(() => new CSVLogger(folder, { flushLogsEveryNSteps: 0 }))).toBe('OPTION_INVALID');
    expect(fault(() => new CSVLogger(folder).logMetrics({ a: 'x' as never }, 0))).toBe('LOGGER_VALUE');
  });
});
