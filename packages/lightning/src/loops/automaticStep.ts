import { type Tensor, warn } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';
import { isPromise } from '../hooks/hookTable.js';
import { refusePromise } from '../hooks/refusePromise.js';
import type { StepOutputs } from '../hooks/trainerHooks.js';
import { LightningModule } from '../module/lightningModule.js';
import type { AccumulationWindow } from './accumulationWindow.js';
import { count } from './progress.js';
import type { FitRun, TrainStep } from './run.js';
import { lossOf, skipNullBatch, stepOutputs } from './stepOutput.js';

/** Carries the promise of a `trainingStep` that turned out to be asynchronous out of the optimizer's closure. */
class AsyncStepFound {
  constructor(readonly output: Promise<unknown>) {}
}

/**
 * One batch of automatic optimization: forward, clear the gradients, backward, and the update when the accumulation window
 * closes. Everything before the update happens inside the optimizer's closure, which some optimizers run several times.
 *
 * One object serves the whole run, so that a step makes no closures.
 */
export class AutomaticStep implements TrainStep {
  private batch: unknown = null;
  private batchIdx = 0;
  private output: unknown = null;
  private loss: Tensor | null = null;
  private closureRuns = 0;
  private isAsync: boolean;
  /** Whether the module leaves the step to the optimizer, so that the call can be spared. */
  private readonly stepsItself: boolean;

  constructor(
    private readonly run: Omit<FitRun, 'step'>,
    private readonly window: AccumulationWindow,
  ) {
    this.stepsItself = run.module.optimizerStep === LightningModule.prototype.optimizerStep;
    this.isAsync = run.module.trainingStep!.constructor.name === 'AsyncFunction';
  }

  takeBatch(batch: unknown, batchIdx: number, isLast: boolean): StepOutputs | Promise<StepOutputs> {
    if (batch === null) return this.skip(batchIdx, isLast);
    const { scope, strategy } = this.run;
    this.batch = batch;
    this.batchIdx = batchIdx;
    this.window.enter(batchIdx, isLast);
    const { closes: closesWindow } = this.window;
    if (closesWindow) count(this.run.progress.optimizerStep, 'ready');
    scope.hook = 'optimizerStep';
    try {
      if (this.isAsync)
        return this.runAsync(closesWindow, closesWindow ? this.forward() : strategy.withoutGradSync(this.callForward));
      this.step(closesWindow, this.closure);
      return this.finish(closesWindow);
    } catch (error) {
      if (!(error instanceof AsyncStepFound)) {
        this.forget();
        throw error;
      }
      this.isAsync = true;
      return this.runAsync(closesWindow, error.output);
    } finally {
      if (!this.isAsync) scope.hook = null;
    }
  }

  /** The batches before it in the window must not lose their gradients. */
  private skip(batchIdx: number, isLast: boolean): StepOutputs {
    const outputs = skipNullBatch(this.run.strategy.worldSize);
    this.batchIdx = batchIdx;
    if (this.window.skip(batchIdx, isLast)) {
      count(this.run.progress.optimizerStep, 'ready');
      this.step(true, () => {
        this.closureRuns += 1;
        return null;
      });
      count(this.run.progress.optimizerStep, 'completed');
    }
    return outputs;
  }

  /** Runs the closure, in the optimizer's step when the window closes. */
  private step(closesWindow: boolean, closure: () => Tensor | null): void {
    const { module, optimizers, progress, strategy } = this.run;
    this.closureRuns = 0;
    const optimizer = optimizers[0];
    if (!closesWindow) strategy.withoutGradSync(closure);
    else if (optimizer === undefined) closure();
    else if (this.stepsItself) optimizer.step(closure);
    else {
      const result: unknown = module.optimizerStep(progress.currentEpoch, this.batchIdx, optimizer, closure);
      refusePromise(module.constructor.name, 'optimizerStep', result);
    }
    if (this.closureRuns > 0) return;
    throw new LightningError(
      'CLOSURE_NOT_RUN',
      `${module.constructor.name}.optimizerStep returned without running its closure, which computes the loss and the gradients. ` +
        'Its arguments are (epoch, batchIdx, optimizer, closure): call optimizer.step(closure), or closure() yourself.',
    );
  }

  private readonly closure = (): Tensor | null => {
    this.closureRuns += 1;
    const output = this.forward();
    if (isPromise(output)) throw new AsyncStepFound(output);
    return this.backward(output);
  };

  private forward(): unknown {
    const { module, precision, scope, strategy } = this.run;
    scope.hook = 'trainingStep';
    const output =
      strategy.runTrainingStep !== undefined
        ? strategy.runTrainingStep(this.callInPrecision)
        : precision.runStep === undefined
          ? module.trainingStep!(this.batch, this.batchIdx)
          : precision.runStep(this.callStep);
    if (!isPromise(output)) scope.hook = 'optimizerStep';
    return output;
  }

  private readonly callForward = (): unknown => this.forward();

  private readonly callInPrecision = (): unknown => {
    const { precision } = this.run;
    return precision.runStep === undefined ? this.callStep() : precision.runStep(this.callStep);
  };

  private readonly callStep = (): unknown => this.run.module.trainingStep!(this.batch, this.batchIdx);

  private backward(output: unknown): Tensor | null {
    const { hooks, module, precision } = this.run;
    this.output = output;
    this.loss = null;
    const loss = lossOf(output, module);
    if (this.window.opens) this.zeroGrad();
    if (loss === null) {
      if (this.run.strategy.worldSize > 1) throw nullAmongMany(module);
      warn(
        'TRAINING_STEP_NULL',
        `${module.constructor.name}.trainingStep returned null: such batches are skipped, and the optimizer steps with the ` +
          'gradients of the others in the accumulation window, if any.',
      );
      return null;
    }
    const part = this.window.partOf(loss, output, this.batch);
    this.loss = this.window.reported(loss, part);
    const scaled = precision.scaleLoss === undefined ? part : precision.scaleLoss(part);
    hooks.callSync('onBeforeBackward', scaled);
    this.run.strategy.backward(module, scaled);
    hooks.callSync('onAfterBackward');
    return this.loss;
  }

  private zeroGrad(): void {
    const { hooks, module, optimizers, progress } = this.run;
    const handle = optimizers[0];
    if (handle === undefined) return;
    count(progress.zeroGrad, 'ready');
    hooks.callSync('onBeforeZeroGrad', handle.optimizer);
    count(progress.zeroGrad, 'started');
    const result: unknown = module.optimizerZeroGrad(progress.currentEpoch, this.batchIdx, handle.optimizer);
    refusePromise(module.constructor.name, 'optimizerZeroGrad', result);
    count(progress.zeroGrad, 'completed');
  }

  private finish(closesWindow: boolean): StepOutputs {
    if (closesWindow) count(this.run.progress.optimizerStep, 'completed');
    this.window.leave();
    const outputs = this.run.hooks.has('onTrainBatchEnd') ? stepOutputs(this.output, this.loss) : noOutputs;
    this.forget();
    return outputs;
  }

  /** The graph of a step must not outlive it. */
  private forget(): void {
    this.output = null;
    this.loss = null;
    this.batch = null;
  }

  /** The same with a `trainingStep` that has to be awaited: the forward comes before the optimizer's step, not inside it. */
  private async runAsync(closesWindow: boolean, pending: unknown): Promise<StepOutputs> {
    const { module, scope } = this.run;
    try {
      const output = await pending;
      scope.hook = 'optimizerStep';
      this.step(closesWindow, () => {
        this.closureRuns += 1;
        if (this.closureRuns > 1) {
          throw new LightningError(
            'OPTIMIZATION_MODE',
            `The optimizer runs its closure several times in a step, but ${module.constructor.name}.trainingStep is async and can be ` +
              'awaited only once. Make trainingStep synchronous.',
          );
        }
        return this.backward(output);
      });
      return this.finish(closesWindow);
    } finally {
      this.forget();
      scope.hook = null;
    }
  }
}

function nullAmongMany(module: LightningModule): LightningError {
  return new LightningError(
    'TRAINING_STEP_OUTPUT',
    `${module.constructor.name}.trainingStep returned null to skip a batch, but the other processes wait for its gradients. Return a loss ` +
      'that is zero for such a batch, such as loss.mul(0), or leave the batch out in the loader.',
  );
}

const noOutputs: StepOutputs = Object.freeze({});
