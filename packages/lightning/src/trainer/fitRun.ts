import { LightningError } from '../errors.js';
import { refusePromise } from '../hooks/refusePromise.js';
import { processSync } from '../logging/processSync.js';
import { ResultStore } from '../logging/resultStore.js';
import { AccumulationWindow } from '../loops/accumulationWindow.js';
import { RunAgreement } from '../loops/agreement.js';
import { AutomaticStep } from '../loops/automaticStep.js';
import type { ConfiguredOptimizers } from '../loops/configureOptimizers.js';
import { LightningOptimizer, type OptimizerHost, OptimizerList } from '../loops/lightningOptimizer.js';
import { ManualStep, OptimizerToggle } from '../loops/manualStep.js';
import { count, type FitProgress } from '../loops/progress.js';
import type { FitRun, FitSettings, Run } from '../loops/run.js';
import { SchedulerList } from '../loops/schedulers.js';
import type { TrainData } from '../loops/trainData.js';
import { ValidationSchedule } from '../loops/validationSchedule.js';
import { LightningModule } from '../module/lightningModule.js';
import type { ResolvedOptions } from './resolveOptions.js';

/** The parts of a training run that are made before it. */
export interface FitParts {
  readonly settings: FitSettings;
  readonly configured: ConfiguredOptimizers;
  readonly data: TrainData;
  readonly progress: FitProgress;
}

/** Puts a training run together. */
export function fitRun(run: Run, parts: FitParts): FitRun {
  const { module, metrics, precision, scope } = run;
  const { configured, data, progress, settings } = parts;
  const optimizers = new OptimizerList();
  const assembled: Omit<FitRun, 'step'> = {
    ...run,
    settings,
    progress,
    data,
    optimizers,
    schedulers: new SchedulerList(configured.schedulers, module, progress, metrics, (metric) =>
      run.strategy.worldSize === 1 ? metric : run.strategy.broadcast(metric),
    ),
    results: new ResultStore(scope, true, processSync(run.strategy)),
    agreement: RunAgreement.of(run.strategy),
    validation: null,
    evaluation: null,
    toggle: new OptimizerToggle(optimizers),
    resumeFrom: null,
    cutOff: null,
    window: module.automaticOptimization
      ? new AccumulationWindow({ data, module, optimizers, settings, strategy: run.strategy })
      : null,
  };
  const { window } = assembled;
  const step = window === null ? new ManualStep(assembled) : new AutomaticStep(assembled, window);
  const clips = window !== null && mayClip(module, settings);
  const host: OptimizerHost = {
    isManual: window === null,
    toggled: (handle, fn) => module.toggledOptimizer(handle, fn),
    precisionStep: precision.optimizerStep?.bind(precision) ?? null,
    countManualStep: (phase, handle) => {
      count(progress.manualStep, phase);
      if (phase !== 'completed') return;
      const index = optimizers.indexOf(handle);
      progress.stepsByOptimizer[index] = (progress.stepsByOptimizer[index] ?? 0) + 1;
    },
    beforeUpdate: ({ optimizer }) => {
      precision.unscaleGradients?.(optimizer);
      window?.correct();
      run.hooks.callSync('onBeforeOptimizerStep', optimizer);
      if (!clips) return;
      const { gradientClipAlgorithm, gradientClipVal } = settings;
      const result: unknown = module.configureGradientClipping(optimizer, gradientClipVal, gradientClipAlgorithm);
      refusePromise(module.constructor.name, 'configureGradientClipping', result);
    },
  };
  for (const optimizer of configured.optimizers) optimizers.push(new LightningOptimizer(optimizer, host));
  return Object.assign(assembled, { step });
}

/** Whether clipping can do anything, so that the call can be spared otherwise. */
function mayClip(module: LightningModule, { gradientClipVal }: FitSettings): boolean {
  const { clipGradients, configureGradientClipping } = LightningModule.prototype;
  const isOwn =
    module.configureGradientClipping !== configureGradientClipping || module.clipGradients !== clipGradients;
  return isOwn || (gradientClipVal !== null && gradientClipVal > 0);
}

const mustBeSynchronous = [
  'backward',
  'optimizerStep',
  'optimizerZeroGrad',
  'configureGradientClipping',
  'clipGradients',
  'lrSchedulerStep',
  'onBeforeZeroGrad',
  'onBeforeBackward',
  'onAfterBackward',
  'onBeforeOptimizerStep',
] as const;

/**
 * Checks that a module can be trained with the options.
 *
 * @throws LightningError NO_TRAINING_STEP, NO_CONFIGURE_OPTIMIZERS, HOOK_REMOVED, HOOK_ASYNC, OPTION_CONFLICT
 */
export function checkTrainable(module: LightningModule, options: ResolvedOptions): void {
  const name = module.constructor.name;
  if (module.trainingStep === undefined) {
    throw new LightningError(
      'NO_TRAINING_STEP',
      `${name} has no trainingStep. Write trainingStep(batch, batchIdx) that returns the loss.`,
    );
  }
  if (module.configureOptimizers === undefined) {
    throw new LightningError(
      'NO_CONFIGURE_OPTIMIZERS',
      `${name} has no configureOptimizers. Return an optimizer from it, for example new Adam(this.parameters(), { lr: 1e-3 }).`,
    );
  }
  if (module.trainingStep.length > 2) {
    throw new LightningError(
      'HOOK_REMOVED',
      `${name}.trainingStep takes ${module.trainingStep.length} arguments, but it is given (batch, batchIdx): optimizerIdx no longer ` +
        'exists. With several optimizers, set this.automaticOptimization = false and step them in trainingStep.',
    );
  }
  for (const hook of mustBeSynchronous) {
    if (module[hook]?.constructor.name !== 'AsyncFunction') continue;
    throw new LightningError(
      'HOOK_ASYNC',
      `${name}.${hook} is async, but it runs inside a training step, which does not wait. Make it synchronous.`,
    );
  }
  if (module.automaticOptimization) return;
  if (options.accumulateGradBatches !== 1) {
    throw new LightningError(
      'OPTION_CONFLICT',
      `accumulateGradBatches is ${options.accumulateGradBatches}, but ${name} turns automatic optimization off, so nothing ` +
        `accumulates. Remove the option, or step every ${options.accumulateGradBatches} batches in trainingStep.`,
    );
  }
  if (options.accumulationDivisor === 'weight') {
    throw new LightningError(
      'OPTION_CONFLICT',
      `accumulationDivisor is 'weight', but ${name} turns automatic optimization off, so nothing accumulates. ` +
        'Remove the option, and divide the losses in trainingStep.',
    );
  }
  if (options.gradientClipVal !== null && options.gradientClipVal > 0) {
    throw new LightningError(
      'OPTION_CONFLICT',
      `gradientClipVal is ${options.gradientClipVal}, but ${name} turns automatic optimization off, so nothing is clipped. Remove ` +
        'the option, and call this.clipGradients in trainingStep.',
    );
  }
}

/**
 * When to validate inside training.
 *
 * @param trainBatches batches in a training epoch; `Infinity` when unknown
 * @throws LightningError LOADER_LENGTH when the interval does not fit the epoch
 */
export function validationSchedule(
  options: Pick<ResolvedOptions, 'checkValEveryNEpoch' | 'validateAtEpochEnd' | 'valCheckInterval'>,
  trainBatches: number,
  validate: () => Promise<void>,
): ValidationSchedule {
  const { checkValEveryNEpoch: everyNEpoch, validateAtEpochEnd, valCheckInterval: interval } = options;
  const every = (batches: number, milliseconds: number | null = null): ValidationSchedule =>
    new ValidationSchedule(batches, everyNEpoch, milliseconds, validate, validateAtEpochEnd);
  if ('milliseconds' in interval) return every(1, interval.milliseconds);
  if ('batches' in interval) {
    if (everyNEpoch !== null && interval.batches > trainBatches) {
      throw new LightningError(
        'LOADER_LENGTH',
        `valCheckInterval is ${interval.batches} batches, but an epoch has ${trainBatches}, so validation would never run. Make it ` +
          'smaller, or set checkValEveryNEpoch to null to count on across epochs.',
      );
    }
    return every(interval.batches);
  }
  const { fraction } = interval;
  if (fraction === 1) return every(Number.POSITIVE_INFINITY);
  if (trainBatches === Number.POSITIVE_INFINITY) {
    throw new LightningError(
      'LOADER_LENGTH',
      'valCheckInterval is a part of an epoch, but the training loader does not know how many batches it has. Use { batches: n }.',
    );
  }
  return every(Math.max(1, Math.floor(trainBatches * fraction)));
}
