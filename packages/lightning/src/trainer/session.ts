import { setGradEnabled, warn } from '@lightning-ts/torch';
import type { Callback } from '../callbacks/callback.js';
import { LightningError } from '../errors.js';
import { type HookScope, HookTable } from '../hooks/hookTable.js';
import type { Stage } from '../hooks/trainerHooks.js';
import type { LoggerStatus } from '../loggers/logger.js';
import { joinMetrics, watchMetrics } from '../logging/loggedMetric.js';
import { metricSync } from '../logging/processSync.js';
import { Breather } from '../loops/breather.js';
import { isInterruption } from '../loops/interrupted.js';
import type { Run } from '../loops/run.js';
import type { LightningDataModule } from '../module/dataModule.js';
import { hparamsOf, toStored } from '../module/hparams.js';
import type { LightningModule } from '../module/lightningModule.js';
import type { Loader } from '../module/loaderTypes.js';
import { withModuleCallbacks } from './callbackList.js';
import type { DataSources } from './dataSources.js';
import { preemptionSignals } from './preemption.js';
import { profileSession } from './profiling.js';
import { exitCodeOf, watchSignals } from './signals.js';
import type { Trainer } from './trainer.js';
import { batchTransfer } from './transferBatch.js';

/** How far a session came: what has begun has to be ended. */
type Milestone = 'setup' | 'fitStart' | 'trainStart';

/**
 * One entry point from its first hook to its last: everything that `fit`, `validate`, `test` and `predict` have in common.
 *
 * Whatever happens in between, what was begun is ended: the model goes back, `teardown` hooks run, loggers close, signal
 * handlers go. An error of that comes second to the one that started it.
 */
export class Session {
  readonly callbacks: readonly Callback[];
  readonly hooks: HookTable;
  readonly scope: HookScope = { hook: null };
  readonly run: Run;
  /** The training loader, when somebody asked for it ahead of time. */
  trainLoader: Loader | null = null;
  private readonly reached = new Set<Milestone>();
  private readonly undo: (() => void | Promise<void>)[] = [];

  constructor(
    readonly trainer: Trainer,
    readonly stage: Stage,
    readonly module: LightningModule,
    readonly dataModule: LightningDataModule | null,
    readonly data: DataSources,
  ) {
    this.callbacks = withModuleCallbacks(trainer.givenCallbacks, module);
    const { profiler } = trainer.options;
    this.hooks = new HookTable({ trainer, module, dataModule, callbacks: this.callbacks, profiler }, this.scope);
    const { strategy } = trainer;
    const precision = trainer.precisionPlugin;
    this.run = {
      module,
      hooks: this.hooks,
      scope: this.scope,
      strategy,
      precision,
      metrics: trainer.metrics,
      control: trainer.control,
      breather: new Breather(),
      transferBatch: batchTransfer(module, dataModule, strategy, precision),
    };
  }

  /** Everything up to the `setup` hooks and `configureModel`. */
  async begin(): Promise<void> {
    const { dataModule, hooks, module, stage, trainer } = this;
    const { control, strategy } = trainer;
    const tell = (text: string): void => trainer.print(text);
    const pass = (signal: NodeJS.Signals): void => strategy.forwardSignal?.(signal);
    this.undo.push(watchSignals(control, tell, preemptionSignals(trainer.options), pass));
    this.setupProfiler();
    await strategy.setupEnvironment();
    trainer.agreeOnLoggers();
    for (const owner of [dataModule, module]) {
      const isFirst = (owner?.prepareDataPerNode ?? true) ? strategy.localRank === 0 : strategy.isGlobalZero;
      if (owner !== null && isFirst) await owner.prepareData?.();
    }
    await strategy.barrier('prepareData');
    // Opens the loggers' files and connections before anything is logged.
    if (strategy.isGlobalZero) for (const logger of trainer.loggers) void logger.experiment;
    this.connectCallbacks();
    this.reached.add('setup');
    await hooks.call('setup', stage);
    await this.configureModel();
    this.undo.push(watchMetrics(module));
    this.undo.push(joinMetrics(module, metricSync(strategy)));
  }

  /** What is built here is in the run's precision from the start, up to the first await. */
  private configureModel(): void | Promise<void> {
    const { module } = this;
    const { precision } = this.run;
    if (module.configureModel === undefined) return;
    return precision.initModule === undefined
      ? module.configureModel()
      : precision.initModule(() => module.configureModel!());
  }

  /** Lets callbacks log as the module does, by the rules of the hook that is running. */
  private connectCallbacks(): void {
    const { callbacks, module } = this;
    for (const callback of callbacks) callback.logTo = (name, value, options) => module.log(name, value, options);
    this.undo.push(() => {
      for (const callback of callbacks) callback.logTo = null;
    });
  }

  /** Has the profiler measure this run. Without one nothing is wrapped. */
  private setupProfiler(): void {
    const { module, stage, trainer } = this;
    const { profiler } = trainer.options;
    if (profiler === null) return;
    profiler.setup({
      stage,
      module,
      localRank: trainer.worldSize > 1 ? trainer.localRank : null,
      logDir: trainer.logDir,
      print: (report) => trainer.print(report),
    });
    this.undo.push(profileSession(this, profiler));
  }

  /** Notes that a pair of hooks has been opened. */
  pass(milestone: Milestone): void {
    this.reached.add(milestone);
  }

  /** Has `act` done when the run ends, however it ends; what was asked for last comes first. */
  onEnd(act: () => void | Promise<void>): void {
    this.undo.push(act);
  }

  /** Moves the model to where it runs. */
  async moveModel(): Promise<void> {
    const { module, stage, trainer } = this;
    await trainer.strategy.setup(stage === 'fit');
    this.undo.push(() => trainer.strategy.teardown());
    this.run.precision.convertModule?.(module);
    await trainer.strategy.wrapModel?.(stage === 'fit');
  }

  /**
   * Sends the hyperparameters of the module and the data module to every logger.
   *
   * @throws LightningError HPARAMS_INVALID when both have one name with different values
   */
  async logHyperparameters(): Promise<void> {
    const { dataModule, module, trainer } = this;
    if (!trainer.isGlobalZero || trainer.loggers.length === 0) return;
    const { enableAutologHparams } = trainer.options;
    const owners = enableAutologHparams ? [module, dataModule] : [];
    const values: Record<string, unknown> = {};
    for (const record of owners.map((owner) => (owner === null ? null : hparamsOf(owner)))) {
      if (record === null || !record.isLogged) continue;
      for (const [name, value] of Object.entries(toStored(record.initial).stored)) {
        if (name in values && JSON.stringify(values[name]) !== JSON.stringify(value)) {
          throw new LightningError(
            'HPARAMS_INVALID',
            `The hyperparameter '${name}' of ${module.constructor.name} and ${dataModule?.constructor.name} differs. Rename one, or leave ` +
              'it out of one with { ignore }.',
          );
        }
        values[name] = value;
      }
    }
    for (const logger of trainer.loggers) {
      if (Object.keys(values).length > 0) await logger.logHyperparams(values);
      await logger.logGraph(module, module.exampleInputArray ?? undefined);
      await logger.save();
    }
  }

  /** Ends a run that went well. */
  async succeed(): Promise<void> {
    const errors = await this.close('success', true);
    this.trainer.control.status = 'finished';
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) {
      throw new LightningError(
        'TEARDOWN_FAILED',
        `${errors.length} things failed while the run was ended: ${errors.map(text).join('; ')}`,
        {
          cause: new AggregateError(errors),
        },
      );
    }
  }

  /**
   * Ends a run that failed or was interrupted.
   *
   * @returns whether a signal interrupted it, rather than an error; and the error to throw: with several processes that of the one
   *   that failed first
   */
  async fail(thrown: unknown): Promise<{ readonly isInterrupted: boolean; readonly error: unknown }> {
    const { control, strategy } = this.trainer;
    const isInterrupted = isInterruption(thrown);
    // Before anything else: the other processes wait for this one.
    const error = isInterrupted ? thrown : ((await strategy.failWith?.(thrown)) ?? thrown);
    control.isBroken = !isInterrupted;
    // An operation that failed inside noGrad puts gradients back itself; a native failure might not have.
    setGradEnabled(true);
    this.scope.hook = null;
    control.status = 'interrupted';
    const cause = error instanceof Error ? error : new Error(String(error));
    const errors = await this.hooks.callAll('onException', cause);
    if (isInterrupted && this.reached.has('trainStart')) errors.push(...(await this.hooks.callAll('onTrainEnd')));
    errors.push(...(await this.close('failed', isInterrupted)));
    for (const second of errors)
      warn('TEARDOWN_FAILED', `While the run was ended after '${cause.message}', this failed too: ${text(second)}`);
    if (isInterrupted && control.signal !== null) process.exitCode ??= exitCodeOf(control.signal);
    return { isInterrupted, error };
  }

  private async close(status: LoggerStatus, endsFit: boolean): Promise<unknown[]> {
    const { hooks, reached, stage, trainer } = this;
    const errors: unknown[] = [];
    const attempt = async (act: () => unknown): Promise<void> => {
      try {
        await act();
      } catch (error) {
        errors.push(error);
      }
    };
    // What was logged last stays readable, also after a failure in the middle of an epoch.
    await attempt(() => trainer.metrics.absorb());
    trainer.metrics.active = null;
    // The first thing undone is the last that was done; signal handlers were the first and stay to the end.
    const [stopSignals, ...others] = this.undo;
    for (const step of others.reverse()) await attempt(step);
    if (endsFit && reached.has('fitStart')) errors.push(...(await hooks.callAll('onFitEnd')));
    if (reached.has('setup')) errors.push(...(await hooks.callAll('teardown', stage)));
    await attempt(() => trainer.checkpointIo.teardown?.());
    if (trainer.isGlobalZero) for (const logger of trainer.loggers) await attempt(() => logger.finalize(status));
    const { profiler } = trainer.options;
    await attempt(() => profiler?.describe());
    await attempt(() => profiler?.teardown(stage));
    if (stopSignals !== undefined) await attempt(stopSignals);
    trainer.control.stage = null;
    return errors;
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
