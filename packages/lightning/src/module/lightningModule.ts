import type { MetricCollection } from '@lightning-ts/metrics';
import type { Device, DType, Tensor } from '@lightning-ts/torch';
import { deviceOf, getDefaultDType, warn } from '@lightning-ts/torch';
import type { ScriptModule } from '@lightning-ts/torch/jit';
import { clipGradNorm_, clipGradValue_, Module } from '@lightning-ts/torch/nn';
import type { Closure, Optimizer } from '@lightning-ts/torch/optim';
import type { Callback } from '../callbacks/callback.js';
import { LightningError } from '../errors.js';
import type { ExampleInput } from '../exampleInputs.js';
import type { ModuleHooks } from '../hooks/trainerHooks.js';
import type { Logger } from '../loggers/logger.js';
import type { LightningOptimizer, OptimizerList, OptimizerTuple } from '../loops/lightningOptimizer.js';
import type { Trainer } from '../trainer/trainer.js';
import { checkClipping, noClipping } from './clipping.js';
import { addHyperparameters, hparamsOf, type SaveHyperparametersOptions } from './hparams.js';
import type { EvaluationLoaders, TrainLoaders } from './loaderTypes.js';
import type { LoadFromCheckpointOptions } from './loadFromCheckpoint.js';
import type { LogDictOptions, LoggedValue, LogOptions } from './log.js';
import { type BackwardOptions, contextOf, type GatherOptions, type ModuleContext } from './moduleContext.js';
import type { AnyScheduler, OptimizersConfig } from './optimizersConfig.js';
import type { TorchscriptOptions } from './torchscript.js';

/**
 * What `trainingStep` may return: the loss, an object with it, or null to skip the batch. Manual optimization may return nothing.
 * `weight` is how much the loss counts with `accumulationDivisor: 'weight'`: the tokens that its mean is over, say.
 */
export type StepOutput =
  | Tensor
  | ({ readonly loss: Tensor; readonly weight?: number | Tensor } & Readonly<Record<string, unknown>>)
  | null
  | void;

/** How gradients are clipped: by their common norm, or each element by itself. */
export type GradientClipAlgorithm = 'norm' | 'value';

/**
 * A model together with how it is trained: its layers are plain fields, its steps and hooks are methods, and everything the
 * subclass does not write does not exist at run time.
 *
 * Without a Trainer it is an ordinary module: `forward`, `loadStateDict`, `eval` and `stateDict` work, and nothing of the
 * training code is loaded.
 *
 * @typeParam Batch what the loaders yield
 * @typeParam HParams the constructor's options, typed in `this.hparams`
 */
// biome-ignore lint/correctness/noUnusedVariables: the interface below uses them
export class LightningModule<Batch = unknown, HParams extends object = Record<string, unknown>> extends Module {
  /** Set to false in the constructor to call `manualBackward` and `step` yourself in `trainingStep`. */
  automaticOptimization = true;
  /** Whether loading a checkpoint demands that its keys and the module's are the same. */
  strictLoading = true;
  /** An example of what `forward` takes, for the model summary and for exports. */
  exampleInputArray: ExampleInput | null = null;

  /** Computes the module's output. Overridden with exact types. */
  forward(..._inputs: never[]): unknown {
    throw new LightningError(
      'NO_FORWARD',
      `${this.constructor.name} has no forward. Write forward(...) to call the module or to predict with it.`,
    );
  }

  // --- hyperparameters ---

  /** The saved hyperparameters; empty until `saveHyperparameters` is called. */
  get hparams(): HParams {
    return hparamsOf(this).values as HParams;
  }

  /** The hyperparameters as they were when they were saved. */
  get hparamsInitial(): Readonly<HParams> {
    return hparamsOf(this).initial as HParams;
  }

  /**
   * Keeps the constructor's options: typed in `this.hparams`, stored in checkpoints, sent to the loggers. Call it in the
   * constructor; repeated calls merge.
   *
   * @throws LightningError HPARAMS_INVALID for anything but a plain object
   */
  saveHyperparameters(options: object, rules: SaveHyperparametersOptions = {}): void {
    addHyperparameters(this, options, rules);
  }

  // --- the run this module takes part in ---

  /** The Trainer that runs this module. @throws LightningError NOT_ATTACHED when there is none */
  get trainer(): Trainer {
    return this.context('trainer').trainer;
  }

  /** Epochs completed: 0 during the first. */
  get currentEpoch(): number {
    return contextOf(this)?.currentEpoch ?? 0;
  }

  /** Optimizer steps done. */
  get globalStep(): number {
    return contextOf(this)?.globalStep ?? 0;
  }

  get globalRank(): number {
    return contextOf(this)?.globalRank ?? 0;
  }

  get localRank(): number {
    return contextOf(this)?.localRank ?? 0;
  }

  /** The first logger, or null. */
  get logger(): Logger | null {
    return this.loggers[0] ?? null;
  }

  get loggers(): readonly Logger[] {
    return contextOf(this)?.loggers ?? [];
  }

  /** Where the module is: the run's device, or without a run that of its first parameter. */
  get device(): Device {
    return contextOf(this)?.device ?? this.parameters()[0]?.device ?? deviceOf('cpu');
  }

  /** The element type of its parameters: that of the first floating one. Change it with `to`. */
  get dtype(): DType {
    return this.parameters().find((parameter) => parameter.isFloatingPoint())?.dtype ?? getDefaultDType();
  }

  /** Whether it is on a CUDA device. */
  get onGpu(): boolean {
    return this.device.type === 'cuda';
  }

  /**
   * The values of all processes in one tensor, `[worldSize, ...]`; with one process the value itself, as a tensor. Arrays and
   * objects are walked through. Every process must call it.
   */
  allGather<Data>(data: Data, options: GatherOptions = {}): Gathered<Data> {
    return this.context('allGather').allGather(data, options) as Gathered<Data>;
  }

  /** Prints on the first process only, above the progress bar. */
  print(...values: unknown[]): void {
    const context = contextOf(this);
    if (context === null) console.log(...values);
    else context.print(...values);
  }

  /** Records a value for the loggers, the progress bar, and the callbacks that watch metrics. See {@link LogOptions}. */
  log(name: string, value: LoggedValue, options: LogOptions = noOptions): void {
    const context = contextOf(this);
    if (context === null) warnNotAttached();
    else context.log(this, name, value, options);
  }

  /** Records several values, or the metrics of a collection, with the same options. */
  logDict(values: Readonly<Record<string, LoggedValue>> | MetricCollection, options: LogDictOptions = noOptions): void {
    if (typeof (values as MetricCollection).items === 'function')
      for (const [name, metric] of (values as MetricCollection).items()) this.log(name, metric, options);
    else for (const name in values) this.log(name, (values as Record<string, LoggedValue>)[name]!, options);
  }

  // --- optimization ---

  /**
   * The optimizers, to step by hand. Several can be taken apart: `const [generator, discriminator] = this.optimizers()`.
   * With `count` the result is a tuple of that many, checked; with `useLightningOptimizer: false` they are the bare ones, whose
   * steps run no hooks and are not counted.
   *
   * @throws LightningError OPTIMIZER_COUNT when `count` is not how many there are
   */
  optimizers(): OptimizerList;
  optimizers<Count extends 1 | 2 | 3 | 4>(count: Count): OptimizerTuple[Count];
  optimizers(options: { readonly useLightningOptimizer: false }): readonly Optimizer[];
  optimizers(
    count?: number | { readonly useLightningOptimizer: boolean },
  ): OptimizerList | readonly LightningOptimizer[] | readonly Optimizer[] {
    const list = this.context('optimizers').optimizers;
    if (typeof count === 'object' && !count.useLightningOptimizer) return list.map(({ optimizer }) => optimizer);
    if (typeof count !== 'number') return list;
    if (list.length !== count) {
      throw new LightningError(
        'OPTIMIZER_COUNT',
        `${this.constructor.name} asked for ${count} optimizers, but configureOptimizers returned ${list.length}.`,
      );
    }
    return [...list];
  }

  /** The schedulers that `configureOptimizers` returned, in order. */
  lrSchedulers(): readonly AnyScheduler[] {
    return this.context('lrSchedulers').schedulers.map((entry) => entry.scheduler);
  }

  /** Backward in manual optimization, with its hooks. @throws LightningError OPTIMIZATION_MODE in automatic mode */
  manualBackward(loss: Tensor, options?: BackwardOptions): void {
    this.context('manualBackward').manualBackward(loss, options);
  }

  /** Lets only the parameters of `optimizer` take gradients, until `untoggleOptimizer`. */
  toggleOptimizer(optimizer: LightningOptimizer | Optimizer): void {
    this.context('toggleOptimizer').toggleOptimizer(optimizer);
  }

  /** Undoes `toggleOptimizer`. */
  untoggleOptimizer(optimizer: LightningOptimizer | Optimizer): void {
    this.context('untoggleOptimizer').untoggleOptimizer(optimizer);
  }

  /** Runs `fn` with `optimizer` toggled, and undoes it also when `fn` throws. */
  toggledOptimizer<T>(optimizer: LightningOptimizer | Optimizer, fn: () => T): T {
    this.toggleOptimizer(optimizer);
    let result: T;
    try {
      result = fn();
    } catch (error) {
      this.untoggleOptimizer(optimizer);
      throw error;
    }
    if (result instanceof Promise) return result.finally(() => this.untoggleOptimizer(optimizer)) as T;
    this.untoggleOptimizer(optimizer);
    return result;
  }

  /** Computes the gradients of `loss`. Override to change how. */
  backward(loss: Tensor, options?: BackwardOptions): void {
    if (options === undefined) loss.backward();
    else loss.backward(options.gradient, { retainGraph: options.retainGraph, createGraph: options.createGraph });
  }

  /** Steps the optimizer; `closure` computes the loss and its gradients and has to run. Override to step differently. */
  optimizerStep(_epoch: number, _batchIdx: number, optimizer: LightningOptimizer, closure: Closure): void {
    optimizer.step(closure);
  }

  /** Clears the gradients. */
  optimizerZeroGrad(_epoch: number, _batchIdx: number, optimizer: Optimizer): void {
    optimizer.zeroGrad();
  }

  /** Steps a scheduler; `metric` is what a plateau scheduler watches, null for the others. */
  lrSchedulerStep(scheduler: AnyScheduler, metric: Tensor | null): void {
    if (metric === null) (scheduler as { step(): void }).step();
    else (scheduler as { step(metric: Tensor): void }).step(metric);
  }

  /** Clips before the update, with the Trainer's options. Override to clip differently. */
  configureGradientClipping(
    optimizer: Optimizer,
    gradientClipVal: number | null,
    gradientClipAlgorithm: GradientClipAlgorithm,
  ): void {
    this.clipGradients(optimizer, { gradientClipVal, gradientClipAlgorithm });
  }

  /**
   * Clips the gradients of the optimizer's parameters. What is left out is taken from the Trainer; null or a value of 0 or less
   * does nothing.
   *
   * @throws LightningError OPTION_INVALID, OPTION_CONFLICT for a value that contradicts the Trainer's
   */
  clipGradients(
    optimizer: Optimizer | LightningOptimizer,
    options: { readonly gradientClipVal?: number | null; readonly gradientClipAlgorithm?: GradientClipAlgorithm } = {},
  ): void {
    const ofTrainer = contextOf(this)?.clipping ?? noClipping;
    const { gradientClipVal = ofTrainer.gradientClipVal, gradientClipAlgorithm = ofTrainer.gradientClipAlgorithm } =
      options;
    checkClipping(gradientClipVal, gradientClipAlgorithm, ofTrainer);
    if (gradientClipVal === null || gradientClipVal <= 0) return;
    const parameters = optimizer.paramGroups.flatMap((group) => group.params);
    if (gradientClipAlgorithm === 'value') clipGradValue_(parameters, gradientClipVal);
    else clipGradNorm_(parameters, gradientClipVal);
  }

  /** Turns gradients off for all parameters and puts the module into evaluation mode. */
  freeze(): this {
    return this.requiresGrad_(false).eval();
  }

  /** Undoes `freeze`. */
  unfreeze(): this {
    return this.requiresGrad_(true).train();
  }

  /**
   * Records `forward` as a TorchScript program that Python and C++ run too. The module is in evaluation mode meanwhile.
   *
   * @param path where to save it; null: nowhere
   * @param options.exampleInputs what `forward` takes: a tensor, an array of arguments, or an object. Default: `exampleInputArray`
   * @param options.method `'trace'`; there is no source to script
   * @throws LightningError EXPORT_INPUT without example inputs, OPTION_UNAVAILABLE for another method; TorchError TRACE
   */
  async toTorchscript(path: string | null = null, options: TorchscriptOptions = {}): Promise<ScriptModule> {
    // Loaded on demand, as it is not needed to train or to predict.
    const { exportTorchscript } = await import('./torchscript.js');
    return exportTorchscript(this as AnyLightningModule, path, options);
  }

  /**
   * Builds the module from a checkpoint's hyperparameters and loads its weights. `overrides` replace saved hyperparameters:
   * `await LitModel.loadFromCheckpoint('last.ckpt', { learningRate: 1e-4 })`. The result is in training mode.
   *
   * @param source the file's path, or its bytes
   * @throws LightningError CHECKPOINT_NOT_FOUND, CHECKPOINT_INVALID, CHECKPOINT_DAMAGED
   */
  static async loadFromCheckpoint<Model extends AnyLightningModule, Options>(
    this: new (
      options: Options,
    ) => Model,
    source: string | Uint8Array,
    overrides: NoInfer<Partial<NonNullable<Options>> & LoadFromCheckpointOptions> = {} as never,
  ): Promise<Model> {
    // Loaded on demand: a module that is only built and called does not need the file reader.
    const { loadModuleFromCheckpoint } = await import('./loadFromCheckpoint.js');
    return loadModuleFromCheckpoint(this as never, source, overrides);
  }

  private context(member: string): ModuleContext {
    const context = contextOf(this);
    if (context !== null) return context;
    throw new LightningError(
      'NOT_ATTACHED',
      `${this.constructor.name} is not attached to a Trainer, so it has no ${member} yet. It has while fit, validate, test or ` +
        'predict runs.',
    );
  }
}

/** What `allGather` makes of numbers, tensors and collections of them. */
export type Gathered<Data> = Data extends number | boolean | Tensor
  ? Tensor
  : Data extends object
    ? { [Key in keyof Data]: Gathered<Data[Key]> }
    : Data;

/** A module whatever its batches and hyperparameters are. */
export type AnyLightningModule = LightningModule<unknown, object>;

/** The steps and hooks a module may have. */
// biome-ignore lint/correctness/noUnusedVariables: merging with the class needs the same type parameters
export interface LightningModule<Batch, HParams> extends ModuleHooks<Batch> {
  trainingStep?(batch: Batch, batchIdx: number): StepOutput | Promise<StepOutput>;
  validationStep?(batch: Batch, batchIdx: number, dataloaderIdx: number): unknown;
  testStep?(batch: Batch, batchIdx: number, dataloaderIdx: number): unknown;
  /** Default: `this.forward(batch)`. */
  predictStep?(batch: Batch, batchIdx: number, dataloaderIdx: number): unknown;
  configureOptimizers?(): OptimizersConfig;
  /** Builds layers late, when the device is known. Runs in every stage, so it must leave alone what is already there. */
  configureModel?(): void | Promise<void>;
  /** Callbacks that belong to this module; one of the same class in the Trainer's list gives way. */
  configureCallbacks?(): Callback | readonly Callback[];
  /** Downloads and the like: runs once, before `setup`, and must not set state. */
  prepareData?(): void | Promise<void>;
  /** Whether `prepareData` runs once on each machine, rather than once in all. Default true. */
  prepareDataPerNode?: boolean;
  trainDataloader?(): TrainLoaders<Batch> | Promise<TrainLoaders<Batch>>;
  valDataloader?(): EvaluationLoaders<Batch> | Promise<EvaluationLoaders<Batch>>;
  testDataloader?(): EvaluationLoaders<Batch> | Promise<EvaluationLoaders<Batch>>;
  predictDataloader?(): EvaluationLoaders<Batch> | Promise<EvaluationLoaders<Batch>>;
  /** Moves a batch to the device. Default: every tensor in it. */
  transferBatchToDevice?(batch: Batch, device: Device, dataloaderIdx: number): Batch;
  onBeforeBatchTransfer?(batch: Batch, dataloaderIdx: number): Batch;
  onAfterBatchTransfer?(batch: Batch, dataloaderIdx: number): Batch;
}

const noOptions: LogOptions = Object.freeze({});

function warnNotAttached(): void {
  warn(
    'LOG_NOT_ATTACHED',
    'log was called on a module that no Trainer runs, so the value goes nowhere. Log inside the steps and hooks.',
  );
}
