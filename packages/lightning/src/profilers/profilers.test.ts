import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randn, type Tensor } from '@lightning-ts/torch';
import { schedule } from '@lightning-ts/torch/profiler';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { batches, LossModel } from '../../test/lossModel.js';
import { Callback } from '../callbacks/callback.js';
import { ModelCheckpoint } from '../callbacks/modelCheckpoint.js';
import { LightningDataModule } from '../module/dataModule.js';
import type { StepOutput } from '../module/lightningModule.js';
import type { Loader } from '../module/loaderTypes.js';
import { BoringModel } from '../testing/boringModel.js';
import type { TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';
import { AdvancedProfiler } from './advancedProfiler.js';
import { PassThroughProfiler } from './passThroughProfiler.js';
import { Profiler } from './profiler.js';
import { PyTorchProfiler } from './pyTorchProfiler.js';
import { SimpleProfiler } from './simpleProfiler.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'profilers-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const trainerWith = (profiler: TrainerOptions['profiler'], options: TrainerOptions = {}): Trainer =>
  new Trainer({
    maxEpochs: 2,
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: folder,
    profiler,
    ...options,
  });

const data = () => ({ trainDataloaders: batches(3), valDataloaders: batches(1) });

class Watch extends Callback {
  override onTrainBatchEnd(): void {}

  override async onValidationEnd(): Promise<void> {}
}

describe('what is measured', () => {
  it('are the hooks, steps, batches and files of a run, under the names of the reference', async () => {
    class Data extends LightningDataModule {
      override setup(): void {}

      override trainDataloader(): Loader {
        return batches(3);
      }

      override valDataloader(): Loader {
        return batches(1);
      }
    }
    const profiler = new SimpleProfiler({ dirpath: folder, filename: 'prof' });
    const callbacks = [new Watch(), new ModelCheckpoint({ dirpath: folder })];
    const trainer = trainerWith(profiler, { callbacks, enableCheckpointing: true });
    await trainer.fit(new LossModel([1]), { datamodule: new Data() });
    const calls = Object.fromEntries([...profiler.durations].map(([action, { calls: count }]) => [action, count]));
    expect(calls).toMatchObject({
      run_training_epoch: 2,
      run_training_batch: 6,
      save_checkpoint: 2,
      setup_train_dataloader: 1,
      '[_TrainingEpochLoop].train_dataloader_next': 8, // also when an epoch turns out to be over
      '[Callback]Watch.on_train_batch_end': 6,
      '[Callback]Watch.on_validation_end': 3,
      '[LightningModule]LossModel.configure_optimizers': 1,
      '[LightningModule]LossModel.optimizer_step': 6,
      '[LightningModule]LossModel.optimizer_zero_grad': 6,
      '[LightningModule]LossModel.on_validation_end': 3,
      '[LightningDataModule]Data.setup': 1,
      '[LightningDataModule]Data.train_dataloader': 1,
      '[Strategy]SingleDeviceStrategy.training_step': 6,
      '[Strategy]SingleDeviceStrategy.validation_step': 3,
      '[Strategy]SingleDeviceStrategy.backward': 6,
    });
    expect(calls['[_EvaluationLoop].val_next']).toBeGreaterThanOrEqual(2);
    expect(Object.keys(calls).filter((action) => action.includes('ModelCheckpoint'))).toContain(
      `[Callback]${callbacks[1]!.stateKey}.on_validation_end`,
    );
    expect(readdirSync(folder)).toContain('fit-prof.txt');
  });

  it('counts test and predict as well, and only what belongs to each report', async () => {
    const profiler = new SimpleProfiler({ dirpath: folder, filename: 'p' });
    const trainer = trainerWith(profiler);
    const model = new LossModel();
    await trainer.test(model, { dataloaders: batches(2), verbose: false });
    await trainer.predict(model, { dataloaders: batches(2) });
    const [predict, test] = ['predict', 'test'].map((stage) => readFileSync(join(folder, `${stage}-p.txt`), 'utf8'));
    expect(test).toContain('[_EvaluationLoop].test_next');
    expect(predict).toContain('[_PredictionLoop].predict_next');
    expect(predict).not.toContain('test_step');
    expect(predict!.startsWith('PREDICT Profiler Report\n')).toBe(true);
  });

  it('leaves the objects as they were, also after a failure', async () => {
    class Failing extends LossModel {
      override trainingStep(batch: Tensor, batchIdx: number): Tensor {
        if (this.globalStep === 1) throw new Error('no luck');
        return super.trainingStep(batch, batchIdx);
      }
    }
    const model = new Failing();
    const trainer = trainerWith(new SimpleProfiler({ filename: 'p' }));
    await expect(trainer.fit(model, data())).rejects.toThrow('no luck');
    expect(Object.getOwnPropertyNames(model).filter((name) => typeof (model as never)[name] === 'function')).toEqual(
      [],
    );
    expect(Object.hasOwn(trainer.strategy, 'backward')).toBe(false);
    expect(Object.hasOwn(trainer, 'saveCheckpoint')).toBe(false);
    // What was measured until then is reported.
    expect(readFileSync(join(folder, 'fit-p.txt'), 'utf8')).toContain('run_training_batch');
  });

  it('measures manual optimization and async steps', async () => {
    class Manual extends LossModel {
      override automaticOptimization = false;

      override trainingStep(batch: Tensor): Tensor {
        const [optimizer] = [this.optimizers()].flat();
        const loss = this.layer.forward(batch).square().mean();
        optimizer!.zeroGrad();
        this.manualBackward(loss);
        optimizer!.step();
        return loss;
      }
    }
    const profiler = new SimpleProfiler();
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    await trainerWith(profiler, { maxEpochs: 1 }).fit(new Manual(), { trainDataloaders: batches(3) });
    expect(profiler.durations.get('optimizer_step')!.calls).toBe(3);
    class Async extends BoringModel {
      override async trainingStep(batch: Tensor, batchIdx: number): Promise<StepOutput> {
        await new Promise((resolve) => setTimeout(resolve, 5));
        return super.trainingStep(batch, batchIdx);
      }
    }
    const slow = new SimpleProfiler();
    await trainerWith(slow, { maxEpochs: 1 }).fit(new Async(), {
      trainDataloaders: [randn([2, 32]), randn([2, 32]), randn([2, 32])],
    });
    log.mockRestore();
    const { calls, total } = slow.durations.get('[Strategy]SingleDeviceStrategy.training_step')!;
    expect(calls).toBe(3);
    expect(total).toBeGreaterThan(0.014);
  });

  it("can be of one's own, and of one's own code", async () => {
    const seen: string[] = [];
    class Own extends Profiler {
      override start(action: string): void {
        seen.push(`+${action}`);
      }

      override stop(action: string): void {
        seen.push(`-${action}`);
      }

      override summary(): string {
        return '';
      }
    }
    class Labelled extends LossModel {
      override onTrainBatchStart(): void {
        this.trainer.profiler.profile('labels', () => seen.push('work'));
      }
    }
    await trainerWith(new Own(), { maxEpochs: 1 }).fit(new Labelled(), { trainDataloaders: batches(1) });
    const at = seen.indexOf('+labels');
    expect(seen.slice(at, at + 3)).toEqual(['+labels', 'work', '-labels']);
    expect(seen.filter((entry) => entry.startsWith('+')).length).toBe(
      seen.filter((entry) => entry.startsWith('-')).length,
    );
  });

  it('is nothing without a profiler', async () => {
    const trainer = trainerWith(null);
    expect(trainer.profiler).toBeInstanceOf(PassThroughProfiler);
    await trainer.fit(new LossModel(), data());
    expect(trainer.profiler.summary()).toBe('');
    expect(trainer.profiler.profile('x', () => 5)).toBe(5);
  });
});

describe('SimpleProfiler', () => {
  /** Clocks stand still but for what an action is said to take. */
  function withFakeClock(run: (take: (milliseconds: number) => void) => Promise<void>): Promise<void> {
    vi.useFakeTimers({ toFake: ['performance'] });
    return run((milliseconds) => void vi.advanceTimersByTime(milliseconds)).finally(() => vi.useRealTimers());
  }

  it('prints a table of calls, means, totals and shares', () =>
    withFakeClock(async (take) => {
      const profiler = new SimpleProfiler();
      profiler.profile('short', () => take(20));
      profiler.profile('long action', () => take(50));
      await profiler.profile('long action', async () => take(30));
      expect(profiler.summary().split('\n')).toEqual([
        'Profiler Report',
        '',
        '-'.repeat(114),
        '|  Action     \t|  Mean duration (s)\t|  Num calls      \t|  Total time (s) \t|  Percentage %   \t|',
        '-'.repeat(114),
        '|  Total      \t|  -              \t|  3              \t|  0.1            \t|  100 %          \t|',
        '-'.repeat(114),
        '|  long action\t|  0.04           \t|  2              \t|  0.08           \t|  80.0           \t|',
        '|  short      \t|  0.02           \t|  1              \t|  0.02           \t|  20.0           \t|',
        '-'.repeat(114),
        '',
      ]);
    }));

  it('prints means and totals only when told so, the largest mean first', () =>
    withFakeClock(async (take) => {
      const profiler = new SimpleProfiler({ extended: false });
      for (const milliseconds of [10, 20]) profiler.profile('often', () => take(milliseconds));
      profiler.profile('once', () => take(25));
      const [, , , head, , ...rows] = profiler.summary().split('\n');
      expect(head).toBe('|  Action\t|  Mean duration (s)\t|  Total time (s) \t|');
      expect(rows.slice(0, 2)).toEqual([
        '|  once \t|  0.025          \t|  0.025          \t|',
        '|  often\t|  0.015          \t|  0.03           \t|',
      ]);
    }));

  it('refuses to start what runs and to stop what does not, and stops what throws', () => {
    const profiler = new SimpleProfiler();
    profiler.start('a');
    expect(() => profiler.start('a')).toThrow(/PROFILER_ACTION.*already started/);
    expect(() => profiler.stop('b')).toThrow(/PROFILER_ACTION.*never started/);
    expect(() =>
      profiler.profile('c', () => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(profiler.durations.get('c')!.calls).toBe(1);
  });
});

describe('AdvancedProfiler', () => {
  it('shows which functions each action spends its time in, actions inside actions too', async () => {
    // A function of its own: V8 tells code that it optimised before the profiler began less reliably. So much work, not so
    // much time: a loaded machine may let another process have all of the time.
    function busyStep(): number {
      let sum = 0;
      for (let i = 0; i < 30_000_000; i += 1) sum += i % 7;
      return sum;
    }
    class Heavy extends LossModel {
      override trainingStep(batch: Tensor, batchIdx: number): Tensor {
        busyStep();
        return super.trainingStep(batch, batchIdx);
      }
    }
    const profiler = new AdvancedProfiler({ dirpath: folder, filename: 'adv', dumpStats: true });
    await trainerWith(profiler, { maxEpochs: 1 }).fit(new Heavy(), { trainDataloaders: batches(4) });
    const report = readFileSync(join(folder, 'fit-adv.txt'), 'utf8');
    const tables = Object.fromEntries(
      report
        .split('Profile stats for: ')
        .slice(1)
        .map((part) => [part.slice(0, part.indexOf('\n')), part]),
    );
    const step = tables['[Strategy]SingleDeviceStrategy.training_step']!;
    expect(step).toMatch(/4 calls in \d+\.\d+ seconds/);
    const row = step.split('\n').find((line) => line.endsWith('(busyStep)'))!;
    const [, , total] = row.trim().split(/\s+/).map(Number);
    expect(total).toBeGreaterThan(0);
    expect(row).toContain('profilers.test.ts:');
    // What calls the action is not the action's.
    expect(step).not.toMatch(/\((fitLoop|takeBatch|profile)\)/);
    expect(tables.run_training_batch).toContain('(busyStep)');
    expect(tables['[Strategy]SingleDeviceStrategy.backward'] ?? '').not.toContain('(busyStep)');
    const dump = readdirSync(folder).find((name) => name.endsWith('training_step.cpuprofile'))!;
    expect(dump).toBe('fit-adv-_Strategy_SingleDeviceStrategy.training_step.cpuprofile');
    const profile = JSON.parse(readFileSync(join(folder, dump), 'utf8'));
    const ids = new Set(profile.nodes.map(({ id }: { id: number }) => id));
    expect(profile.nodes[0].callFrame.functionName).toBe('(root)');
    expect(profile.samples.every((id: number) => ids.has(id))).toBe(true);
    expect(profile.timeDeltas).toHaveLength(profile.samples.length);
    // Every place hangs on one other, the root on none.
    expect(profile.nodes.flatMap(({ children }: { children: number[] }) => children).sort()).toEqual(
      [...ids].filter((id) => id !== 1).sort(),
    );
  });

  it('shows as many functions as it is told, and takes starts and stops by hand', () => {
    const profiler = new AdvancedProfiler({ lineCountRestriction: 2 });
    profiler.start('mine');
    let sum = 0;
    for (let i = 0; i < 10_000_000; i += 1) sum += i % 7;
    expect(sum).toBeGreaterThan(0);
    profiler.stop('mine');
    const summary = profiler.summary();
    profiler.teardown();
    expect(summary).toMatch(/^Profile stats for: mine\n {3}1 call in \d+\.\d{3} seconds, \d+ samples\n/);
    expect(summary).toMatch(/\.\.\. and \d+ more functions/);
    expect(() => profiler.stop('mine')).toThrow(/PROFILER_ACTION/);
  });

  it('can be used in two runs', async () => {
    const profiler = new AdvancedProfiler({ filename: 'p' });
    const trainer = trainerWith(profiler, { maxEpochs: 1 });
    await trainer.fit(new LossModel(), { trainDataloaders: batches(1) });
    await trainer.validate(new LossModel([1]), { dataloaders: batches(1), verbose: false });
    expect(readFileSync(join(folder, 'validate-p.txt'), 'utf8')).toContain('validation_step');
    expect(readFileSync(join(folder, 'validate-p.txt'), 'utf8')).not.toContain('training_step');
  });
});

describe('PyTorchProfiler', () => {
  it('shows the operators of some batches, with modules and actions, and writes traces', async () => {
    const profiler = new PyTorchProfiler({
      dirpath: folder,
      filename: 'ops',
      schedule: schedule({ wait: 1, warmup: 1, active: 2 }),
    });
    const model = new LossModel();
    await trainerWith(profiler, { maxEpochs: 1 }).fit(model, { trainDataloaders: batches(8) });
    const report = readFileSync(join(folder, 'fit-ops.txt'), 'utf8');
    expect(report).toContain('Profile stats for: records');
    expect(report).toContain('aten::linear');
    const traces = readdirSync(folder).filter((name) => name.endsWith('.pt.trace.json'));
    expect(traces.sort()).toEqual(['fit-ops-training_step.1.pt.trace.json', 'fit-ops-training_step.pt.trace.json']);
    const { traceEvents } = JSON.parse(readFileSync(join(folder, traces[1]!), 'utf8'));
    const names: string[] = traceEvents.map(({ name }: { name: string }) => name);
    expect(names.filter((name) => name === '[pl][profile]run_training_batch')).toHaveLength(2);
    expect(names.filter((name) => name === '[pl][module]Linear: layer')).toHaveLength(2);
    expect(names).toContain('[pl][profile][Strategy]SingleDeviceStrategy.backward');
    expect(Object.hasOwn(model.layer, 'forward')).toBe(false);
  });

  it('records the whole run without a schedule, and stops with a run that fails', async () => {
    class Failing extends LossModel {
      override trainingStep(batch: Tensor, batchIdx: number): Tensor {
        if (this.globalStep === 1) throw new Error('no luck');
        return super.trainingStep(batch, batchIdx);
      }
    }
    const profiler = new PyTorchProfiler({
      dirpath: folder,
      filename: 'all',
      schedule: null,
      groupByInputShapes: true,
    });
    await expect(trainerWith(profiler).fit(new Failing(), { trainDataloaders: batches(2) })).rejects.toThrow('no luck');
    expect(readFileSync(join(folder, 'fit-all.txt'), 'utf8')).toContain('aten::linear');
    // The engine's recorder is free again.
    await trainerWith(profiler, { maxEpochs: 1 }).validate(new LossModel([1]), {
      dataloaders: batches(1),
      verbose: false,
    });
    expect(readdirSync(folder)).toContain('validate-all.txt');
  });

  it('says so when the run was too short for its schedule', async () => {
    const warnings: string[] = [];
    const listen = (warning: Error): void => void warnings.push(warning.message);
    process.on('warning', listen);
    await trainerWith('pytorch', { maxEpochs: 1 }).fit(new LossModel(), { trainDataloaders: batches(2) });
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', listen);
    expect(warnings.join('\n')).toContain('PyTorchProfiler recorded nothing');
  });
});

describe('bad options', () => {
  it.each([
    ['fast', 'OPTION_INVALID'],
    [5, 'OPTION_INVALID'],
    [{}, 'OPTION_INVALID'],
    ['xla', 'OPTION_UNAVAILABLE'],
  ])('the Trainer refuses profiler: %j', (profiler, code) => {
    expect(() => trainerWith(profiler as never)).toThrow(new RegExp(code));
  });

  it('barebones leaves no room for one', () => {
    expect(() => new Trainer({ barebones: true, profiler: 'simple' })).toThrow(/OPTION_CONFLICT/);
  });

  it.each([
    [() => new SimpleProfiler({ extended: 1 as never })],
    [() => new SimpleProfiler({ dirpath: 5 as never })],
    [() => new SimpleProfiler({ fliename: 'x' } as never)],
    [() => new AdvancedProfiler({ lineCountRestriction: -1 })],
    [() => new AdvancedProfiler({ lineCountRestriction: 2.5 })],
    [() => new AdvancedProfiler({ dumpStats: 'yes' as never })],
    [() => new AdvancedProfiler({ samplingInterval: 1 })],
    [() => new PyTorchProfiler({ rowLimit: 0 })],
    [() => new PyTorchProfiler({ sortByKey: 'cpu_time' as never })],
    [() => new PyTorchProfiler({ schedule: 5 as never })],
    [() => new PyTorchProfiler({ emitNvtx: true } as never)],
  ])('%s', (make) => {
    expect(make).toThrow(/OPTION_(INVALID|UNKNOWN): (Simple|Advanced|PyTorch)Profiler/);
  });
});
