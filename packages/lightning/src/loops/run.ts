import type { HookScope, HookTable } from '../hooks/hookTable.js';
import type { Stage, StepOutputs } from '../hooks/trainerHooks.js';
import type { ResultStore } from '../logging/resultStore.js';
import type { RunMetrics } from '../logging/runMetrics.js';
import type { GradientClipAlgorithm, LightningModule } from '../module/lightningModule.js';
import type { Precision } from '../precision/precision.js';
import type { Strategy } from '../strategies/strategy.js';
import type { AccumulationWindow } from './accumulationWindow.js';
import type { RunAgreement } from './agreement.js';
import type { BatchCursor, CursorState } from './batchCursor.js';
import type { Breather } from './breather.js';
import type { InFlight } from './inFlight.js';
import type { OptimizerList } from './lightningOptimizer.js';
import type { OptimizerToggle } from './manualStep.js';
import type { EvaluationProgress, FitProgress } from './progress.js';
import type { SchedulerList } from './schedulers.js';
import type { TrainData } from './trainData.js';
import type { ValidationSchedule } from './validationSchedule.js';

/** What a Trainer is doing. */
export type RunStatus = 'initializing' | 'running' | 'finished' | 'interrupted';

/** Which loop runs. */
export type LoopStage = 'train' | 'sanity_check' | 'validate' | 'test' | 'predict';

/** What everything in a run may read, and what asks it to stop. */
export interface RunControl {
  status: RunStatus;
  fn: Stage | null;
  stage: LoopStage | null;
  /** Set by callbacks and users to end training after the batch, once the minimum of epochs and steps is done. */
  shouldStop: boolean;
  /** The signal that ends the run after the batch. */
  signal: NodeJS.Signals | null;
  /** Whether the run failed, so that other processes may be gone: nothing is done together any more. */
  isBroken: boolean;
}

/** What every loop reads: one plain object, built once for a run. */
export interface Run {
  readonly module: LightningModule;
  readonly hooks: HookTable;
  readonly scope: HookScope;
  readonly strategy: Strategy;
  readonly precision: Precision;
  readonly metrics: RunMetrics;
  readonly control: RunControl;
  readonly breather: Breather;
  /** Converts and moves a batch, with the hooks for it. */
  readonly transferBatch: (batch: unknown, dataloaderIdx: number) => unknown;
}

/** By what losses are divided while gradients accumulate: batches really in the window, the option, or their weights. */
export type AccumulationDivisor = 'window' | 'option' | 'weight';

/** The options that training reads while it runs. Those without `readonly` may change between epochs. */
export interface FitSettings {
  readonly maxEpochs: number;
  readonly minEpochs: number;
  readonly maxSteps: number;
  readonly minSteps: number;
  accumulateGradBatches: number;
  readonly accumulationDivisor: AccumulationDivisor;
  readonly gradientClipVal: number | null;
  readonly gradientClipAlgorithm: GradientClipAlgorithm;
  /** 0: no rows for steps. */
  readonly logEveryNSteps: number;
  readonly fastDevRun: boolean;
}

/** Does one batch of training. */
export interface TrainStep {
  takeBatch(batch: unknown, batchIdx: number, isLast: boolean): StepOutputs | Promise<StepOutputs>;
}

/** One run of `fit`. */
export interface FitRun extends Run {
  readonly settings: FitSettings;
  readonly progress: FitProgress;
  readonly data: TrainData;
  readonly optimizers: OptimizerList;
  readonly schedulers: SchedulerList;
  readonly step: TrainStep;
  readonly results: ResultStore;
  /** What the processes that train together have agreed on; null for one. */
  readonly agreement: RunAgreement | null;
  /** When to validate; null when there is nothing to validate with. */
  validation: ValidationSchedule | null;
  /** The validation inside this run. */
  evaluation: EvaluationRun | null;
  /** Which optimizer alone takes gradients, in manual optimization. */
  readonly toggle: OptimizerToggle;
  /** What a checkpoint brought for the middle of an epoch; taken when the loop begins. */
  resumeFrom: InFlight | null;
  /** The batches that make one optimizer step; null in manual optimization. */
  readonly window: AccumulationWindow | null;
  /** Set when the run left an epoch before its end: what a checkpoint from then on has to keep of that epoch. */
  cutOff: InFlight | null;
}

/** One walk through the loaders of an evaluation or prediction. */
export interface EvaluationRun extends Run {
  readonly stage: EvaluationStage;
  /** One for each loader; replaced when loaders are asked for again. */
  cursors: readonly BatchCursor[];
  /** What `log` collects; null where nothing can be logged. */
  readonly results: ResultStore | null;
  readonly progress: EvaluationProgress;
  /** Runs something without recording operations for backward. */
  readonly withoutGrad: (fn: () => void) => void;
  readonly step: (batch: unknown, batchIdx: number, dataloaderIdx: number) => unknown;
  /** Whether this is the check before training, whose values count for nothing. */
  readonly isSanityCheck: boolean;
  /** Batches seen of each loader over the whole run: the x-axis of step values. */
  readonly seenBatches: number[];
  /** The x-axis of the epoch's row, and the epoch that joins it. */
  readonly rowPosition: () => { readonly step: number; readonly epoch: number };
  /** Where the loop is; null when it is not running. */
  position: EvaluationPosition | null;
  /** Where a resumed run enters the loop; null from the start. */
  resumeAt: EvaluationResume | null;
}

/** The entry points that evaluate. */
export type EvaluationStage = Exclude<Stage, 'fit'>;

/** `batches`: in the batches of a loader; `epochEnd`: in the epoch's end hooks; `end`: everything but the end hooks is done. */
export interface EvaluationPosition {
  at: 'batches' | 'epochEnd' | 'end';
  dataloaderIdx: number;
  batchIsDone: boolean;
}

/** Where a resumed run enters an evaluation. */
export interface EvaluationResume extends SavedEvaluationPosition {
  /** Undoes what the hooks that open the evaluation did to metrics and random numbers: they ran before the run was saved. */
  settle(): void;
}

/** The position as a checkpoint keeps it. */
export interface SavedEvaluationPosition {
  readonly at: EvaluationPosition['at'];
  readonly dataloader_idx: number;
  readonly cursor: CursorState | null;
}
