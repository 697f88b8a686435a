import { inferenceMode, setGradEnabled, warn } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';
import { processSync } from '../logging/processSync.js';
import { ResultStore } from '../logging/resultStore.js';
import { BatchCursor } from '../loops/batchCursor.js';
import { evaluationHooks } from '../loops/evaluationHooks.js';
import { limitedLength, type ResolvedAmount } from '../loops/limits.js';
import { loaderLength } from '../loops/loaderKinds.js';
import { EvaluationProgress } from '../loops/progress.js';
import type { EvaluationRun, EvaluationStage, Run } from '../loops/run.js';
import { LightningModule } from '../module/lightningModule.js';
import type { Loader } from '../module/loaderTypes.js';

/** What tells one evaluation from another. */
export interface EvaluationPlan {
  readonly stage: EvaluationStage;
  readonly loaders: readonly Loader[];
  readonly limit: ResolvedAmount;
  /** The option behind `limit`, for error messages. */
  readonly limitName: string;
  /** At most this many batches of each loader: the sanity check takes few. */
  readonly atMost?: number;
  readonly usesInferenceMode: boolean;
  readonly isSanityCheck?: boolean;
  readonly progress?: EvaluationProgress;
  readonly rowPosition: EvaluationRun['rowPosition'];
}

/** Builds the run of one evaluation. */
export function evaluationRun(run: Run, plan: EvaluationPlan): EvaluationRun {
  const { module, precision, scope } = run;
  const { stage } = plan;
  const step = stepOf(module, stage);
  const { runStep } = precision;
  return {
    ...run,
    stage,
    cursors: plan.loaders.map((loader) => cursorFor(loader, plan)),
    results: stage === 'predict' ? null : new ResultStore(scope, false, processSync(run.strategy)),
    progress: plan.progress ?? new EvaluationProgress(),
    withoutGrad: plan.usesInferenceMode ? inInferenceMode : inNoGrad,
    step:
      runStep === undefined
        ? step
        : (batch, batchIdx, dataloaderIdx) => runStep.call(precision, () => step(batch, batchIdx, dataloaderIdx)),
    isSanityCheck: plan.isSanityCheck ?? false,
    seenBatches: plan.loaders.map(() => 0),
    rowPosition: plan.rowPosition,
    position: null,
    resumeAt: null,
  };
}

/** The place in a loader, with the limit of the evaluation. */
export function cursorFor(loader: Loader, plan: Pick<EvaluationPlan, 'atMost' | 'limit' | 'limitName'>): BatchCursor {
  const { atMost = Number.POSITIVE_INFINITY, limit, limitName } = plan;
  const length = loaderLength(loader);
  return new BatchCursor(loader, Math.min(limitedLength(length, limit, limitName), atMost), length !== null);
}

function stepOf(module: LightningModule, stage: EvaluationStage): EvaluationRun['step'] {
  const name = evaluationHooks[stage].step;
  const own = module[name];
  if (own !== undefined) return own.bind(module);
  if (stage === 'predict' && module.forward !== LightningModule.prototype.forward) {
    return (batch) => (module.forward as (batch: unknown) => unknown)(batch);
  }
  throw new LightningError(
    'NO_EVALUATION_STEP',
    `${module.constructor.name} has no ${name}${stage === 'predict' ? ', and no forward to predict with' : ''}. Write ` +
      `${name}(batch, batchIdx) to ${stage} with it.`,
  );
}

/** Warns where only half of what validation needs is there. */
export function canValidate(module: LightningModule, hasLoader: boolean): boolean {
  const hasStep = module.validationStep !== undefined;
  const name = module.constructor.name;
  if (hasStep && !hasLoader)
    warn('VALIDATION_SKIPPED', `${name} has a validationStep, but there is no validation data, so it is not used.`);
  if (!hasStep && hasLoader)
    warn('VALIDATION_SKIPPED', `There is validation data, but ${name} has no validationStep, so it is not used.`);
  return hasStep && hasLoader;
}

function inNoGrad(fn: () => void): void {
  const before = setGradEnabled(false);
  try {
    fn();
  } finally {
    setGradEnabled(before);
  }
}

function inInferenceMode(fn: () => void): void {
  inferenceMode(fn);
}
