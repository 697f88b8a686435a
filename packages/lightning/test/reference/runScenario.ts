import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join, relative } from 'node:path';
import {
  type Callback,
  CombinedLoader,
  CSVLogger,
  EarlyStopping,
  type EarlyStoppingOptions,
  GradientAccumulationScheduler,
  LearningRateMonitor,
  MemoryLogger,
  ModelCheckpoint,
  seedEverything,
  Trainer,
  type TrainerOptions,
} from '@lightning-ts/lightning';
import { randn, Tensor } from '@lightning-ts/torch';
import { DataLoader, TensorDataset } from '@lightning-ts/torch/data';
import { load } from '@lightning-ts/torch/serialize';
import type { EntryCall, LoaderSpec, Outcome, RunRecord, Scenario } from './scenario.js';
import {
  camel,
  camelKeys,
  type Loaders,
  ScenarioData,
  ScenarioModel,
  Tape,
  tapeCallback,
  tapeData,
  tapeModel,
} from './scenarioModel.js';

function loaderOf(spec: LoaderSpec): unknown {
  if (typeof spec === 'number') return rows(spec, true);
  if ('unsized' in spec) return rows(spec.unsized, false);
  if ('shuffle' in spec)
    return new DataLoader(new TensorDataset(randn([4 * spec.shuffle, 2])), { batchSize: 4, shuffle: true });
  if ('dict' in spec)
    return Object.fromEntries(Object.entries(spec.dict).map(([key, value]) => [key, loaderOf(value)]));
  return new CombinedLoader(spec.loaders.map(loaderOf) as never, camel(spec.mode) as 'minSize');
}

function rows(count: number, hasLength: boolean): Iterable<Tensor> {
  const batches = Array.from({ length: count }, () => randn([4, 2]));
  const walk = { [Symbol.iterator]: () => batches.values() };
  return (hasLength ? { length: count, ...walk } : walk) as Iterable<Tensor>;
}

function loadersOf(spec: LoaderSpec | readonly LoaderSpec[] | undefined): unknown {
  if (spec === undefined) return undefined;
  if (!Array.isArray(spec)) return loaderOf(spec as LoaderSpec);
  const made = (spec as readonly LoaderSpec[]).map(loaderOf);
  return made.length === 1 ? made[0] : made;
}

function callbackOf(kind: string, options: Readonly<Record<string, unknown>>, folder: string): Callback {
  const given = camelKeys(options);
  switch (kind) {
    case 'EarlyStopping':
      return new EarlyStopping(given as unknown as EarlyStoppingOptions);
    case 'GradientAccumulationScheduler':
      return new GradientAccumulationScheduler(given.scheduling as Record<number, number>);
    case 'LearningRateMonitor':
      return new LearningRateMonitor(given);
    case 'ModelCheckpoint':
      return new ModelCheckpoint({ ...given, dirpath: join(folder, given.dirpath as string) });
    default:
      throw new Error(`the table names a callback that is not known here: ${kind}`);
  }
}

const numbers = (metrics: Readonly<Record<string, Tensor | number>>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(metrics).map(([name, value]) => [name, value instanceof Tensor ? Number(value.item()) : value]),
  );

function plain(value: unknown): unknown {
  if (value instanceof Tensor) return value.tolist();
  return Array.isArray(value) ? value.map(plain) : value;
}

/** How our options differ from the reference's so that both do the same. */
export type Ours = Partial<TrainerOptions> & { readonly checkpoint?: Readonly<Record<string, unknown>> };

/** Runs a scenario of the table on our side and says what happened, as make.py does. */
export async function runScenario(scenario: Scenario, ours: Ours = {}): Promise<Outcome> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'lightning-')));
  try {
    return await new ScenarioRun(scenario, ours, folder).outcome();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

class ScenarioRun {
  private readonly tape: Tape;
  private readonly made: Loaders;
  private memory = new MemoryLogger();
  private trainer: Trainer | null = null;
  private model: ScenarioModel | null = null;

  constructor(
    private readonly scenario: Scenario,
    private readonly ours: Ours,
    private readonly folder: string,
  ) {
    this.tape = new Tape(scenario);
    seedEverything(scenario.seed ?? 1);
    this.made = {
      train: loadersOf(scenario.train),
      val: loadersOf(scenario.val),
      test: loadersOf(scenario.test),
      predict: loadersOf(scenario.predict),
    };
  }

  private readonly relative = (path: string): string => (path === '' ? '' : relative(this.folder, path));

  private begin(call: EntryCall): void {
    const { folder, ours, scenario, tape } = this;
    this.model = tapeModel(new ScenarioModel(scenario, tape), tape);
    this.memory = new MemoryLogger();
    const given = camelKeys({ ...scenario.trainer, ...call.trainer });
    const { checkpoint, ...options } = ours;
    const callbacks = (scenario.callbacks ?? []).map(([kind, own]) =>
      callbackOf(kind, kind === 'ModelCheckpoint' ? { ...own, ...checkpoint } : own, folder),
    );
    this.trainer = new Trainer({
      accelerator: 'cpu',
      defaultRootDir: folder,
      enableProgressBar: false,
      enableModelSummary: false,
      enableCheckpointing: callbacks.some((callback) => callback instanceof ModelCheckpoint),
      ...given,
      logger: given.logger === 'csv' ? [this.memory, new CSVLogger(folder, { name: 'csv' })] : this.memory,
      callbacks: [tapeCallback(this.model, tape), ...callbacks],
      ...options,
    });
  }

  private async enter(call: EntryCall): Promise<RunRecord> {
    if (this.trainer === null || call.trainer !== undefined) this.begin(call);
    const { folder, made, scenario, tape } = this;
    const trainer = this.trainer!;
    const model = this.model!;
    const { ckpt = null } = call;
    const ckptPath = ckpt === null || ckpt === 'best' || ckpt === 'last' ? ckpt : join(folder, ckpt);
    const data = scenario.datamodule === true ? { datamodule: tapeData(new ScenarioData(made), tape) } : null;
    tape.calls = [];
    let result: unknown = null;
    let error: string | null = null;
    try {
      if (call.do === 'fit') {
        const loaders = {
          trainDataloaders: made.train,
          ...(made.val === undefined ? {} : { valDataloaders: made.val }),
        };
        await trainer.fit(model, { ...(data ?? loaders), ckptPath } as never);
      } else {
        const from = { ...(data ?? { dataloaders: made[call.do === 'validate' ? 'val' : call.do] }), ckptPath };
        if (call.do === 'predict') result = plain(await trainer.predict(model, from as never));
        else result = await trainer[call.do](model, { ...from, verbose: false } as never);
      }
    } catch (failure) {
      error = (failure as Error).message;
    }
    if (call.save !== undefined) await trainer.saveCheckpoint(join(folder, call.save));
    return {
      hooks: tape.calls.join(' '),
      result,
      error,
      global_step: trainer.globalStep,
      current_epoch: trainer.currentEpoch,
      rows: this.memory.rows.splice(0).map(({ step, ...values }) => [step!, values]),
      callback_metrics: numbers(trainer.callbackMetrics),
      logged_metrics: numbers(trainer.loggedMetrics),
      progress_bar_metrics: numbers(trainer.progressBarMetrics),
    };
  }

  async outcome(): Promise<Outcome> {
    const { folder, scenario, tape } = this;
    const calls = scenario.calls ?? [{ do: 'fit' }];
    const runs: RunRecord[] = [];
    for (const call of calls) runs.push(await this.enter(call));
    const trainer = this.trainer!;
    const outcome: Outcome = {
      name: scenario.name,
      runs,
      losses: tape.losses,
      rates: tape.rates,
      weights: Object.fromEntries([...this.model!.stateDict()].map(([name, value]) => [name, value.tolist()])),
      files: (readdirSync(folder, { recursive: true }) as string[]).filter((name) => name.endsWith('.ckpt')).sort(),
      contents: {},
      checkpoints: trainer.checkpointCallbacks.map((each) => {
        const { bestKModels, bestModelPath, bestModelScore, lastModelPath } = each as ModelCheckpoint;
        return {
          best: this.relative(bestModelPath),
          score: bestModelScore,
          last: this.relative(lastModelPath),
          models: Object.fromEntries([...bestKModels].map(([path, score]) => [this.relative(path), score])),
        };
      }),
      stopping: trainer.earlyStoppingCallbacks.map(({ stoppedEpoch, waitCount, bestScore }) => ({
        epoch: stoppedEpoch,
        wait: waitCount,
        best: bestScore,
      })),
    };
    for (const path of outcome.files) outcome.contents[path] = await this.contentOf(path);
    if (calls.some((call) => call.do === 'fit')) {
      const path = join(folder, 'final.ckpt');
      await trainer.saveCheckpoint(path);
      outcome.loops = ((await load(path)) as { loops: { fit_loop: Record<string, unknown> } }).loops.fit_loop;
    }
    const csv = join(folder, 'csv', 'version_0', 'metrics.csv');
    if (existsSync(csv)) outcome.csv = readFileSync(csv, 'utf8');
    return outcome;
  }

  private async contentOf(path: string): Promise<[number, number]> {
    const file = isAbsolute(path) ? path : join(this.folder, path);
    const held = (await load(file)) as { epoch: number; global_step: number };
    return [held.epoch, held.global_step];
  }
}
