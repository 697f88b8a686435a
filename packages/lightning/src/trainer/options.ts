import type { Callback } from '../callbacks/callback.js';
import type { Duration } from '../callbacks/duration.js';
import type { Logger } from '../loggers/logger.js';
import type { AccumulationDivisor } from '../loops/run.js';
import type { GradientClipAlgorithm } from '../module/lightningModule.js';
import type { PrecisionOption } from '../precision/precision.js';
import type { Strategy } from '../strategies/strategy.js';
import type { Plugin } from './resolvePlugins.js';
import type { ProfilerOption } from './resolveProfiler.js';

/**
 * How many batches. An integer from 2 up counts batches, a number between 0 and 1 is a part, `'25%'`, `{ batches: 1 }` and
 * `{ fraction: 1 }` say it outright; 0 is none. A bare `1` means one batch for limits and `overfitBatches`, and once an epoch
 * for `valCheckInterval`.
 */
export type Amount = number | `${number}%` | { readonly batches: number } | { readonly fraction: number };

/** Where to compute. */
export type AcceleratorName = 'auto' | 'cpu' | 'gpu' | 'cuda' | 'mps';

type UnusedParameters = '' | '_find_unused_parameters_false' | '_find_unused_parameters_true';
/** The strategies with a name; others can be registered with `StrategyRegistry`. */
export type StrategyName =
  | 'auto'
  | 'single_device'
  | `${'ddp' | 'ddp_spawn' | 'ddp_fork' | 'ddp_notebook'}${UnusedParameters}`
  | (string & {});

/** Everything a Trainer can be told. All are optional; an unknown name is an error. */
export interface TrainerOptions {
  /** The kind of device. Default `'auto'`: the best one that is there. */
  readonly accelerator?: AcceleratorName;
  /**
   * How many devices (`2`, `'2'`), which ones (`[0]`, `'0,1'`), or `'auto'`; on the CPU, how many processes. Each gets a process of
   * its own. Default `'auto'`: what a cluster has started processes for, else one; with `accelerator: 'gpu'`, all GPUs.
   */
  readonly devices?: number | string | readonly number[];
  /** How devices and processes work together. Default `'auto'`: `'ddp'` when there are several. */
  readonly strategy?: StrategyName | Strategy;
  /** Machines that take part. The script is started on each. Default 1. */
  readonly numNodes?: number;
  /**
   * The element type to compute in. `'…-true'`: everything; `'…-mixed'`: the operators that gain by it, weights in float32.
   * `'16-mixed'` on the CPU is `'bf16-mixed'`, with a warning. Default `'32-true'`.
   */
  readonly precision?: PrecisionOption;
  /** Where metrics go: a logger, several, `true` for a CSVLogger in `defaultRootDir`, `false` for none. Default true. */
  readonly logger?: Logger | readonly Logger[] | boolean;
  readonly callbacks?: Callback | readonly Callback[];
  /** Runs one batch (or that many) of everything, without loggers and checkpoints, to find mistakes. Default false. */
  readonly fastDevRun?: boolean | number;
  /** Epochs to train; -1 for no limit. Default 1000, or no limit when `maxSteps` or `maxTime` is given. */
  readonly maxEpochs?: number;
  /** Epochs to train before a wish to stop is followed. Default: none, or 1 when `minSteps` is given. */
  readonly minEpochs?: number;
  /** Optimizer steps to train; -1 for no limit. Default -1. */
  readonly maxSteps?: number;
  /** Optimizer steps to train before a wish to stop is followed. Default: none. */
  readonly minSteps?: number;
  /** Time to train: `'DD:HH:MM:SS'` or `{ hours: 8 }`. Default: no limit. */
  readonly maxTime?: Duration;
  /** Batches of an epoch to train on. Default: all. */
  readonly limitTrainBatches?: Amount;
  /** Batches of each validation loader. Default: all. */
  readonly limitValBatches?: Amount;
  /** Batches of each test loader. Default: all. */
  readonly limitTestBatches?: Amount;
  /** Batches of each prediction loader. Default: all. */
  readonly limitPredictBatches?: Amount;
  /** Trains and validates on the same few batches, unshuffled, to see whether the model can fit them. Default 0: off. */
  readonly overfitBatches?: Amount;
  /** How often to validate inside an epoch: batches, a part of the epoch, or a time span. Default: once, at the end. */
  readonly valCheckInterval?: Amount | Duration;
  /** Validate at the end of each epoch too, when `valCheckInterval` does not divide it. Default false. */
  readonly validateAtEpochEnd?: boolean;
  /** Validate in every n-th epoch; null counts `valCheckInterval`'s batches on across epochs. Default 1. */
  readonly checkValEveryNEpoch?: number | null;
  /** Validation batches to run before training, to find mistakes early; -1 for all. Default 2. */
  readonly numSanityValSteps?: number;
  /** Optimizer steps between two rows of step values; 0 for none. Default 50. */
  readonly logEveryNSteps?: number;
  /** Whether a ModelCheckpoint is added when none is given. Default true. */
  readonly enableCheckpointing?: boolean;
  /** Whether a ProgressBar is added when none is given. Default true. */
  readonly enableProgressBar?: boolean;
  /** Whether a ModelSummary is added when none is given. Default true. */
  readonly enableModelSummary?: boolean;
  /** Batches whose gradients are added up for one optimizer step. Default 1. */
  readonly accumulateGradBatches?: number;
  /**
   * What the loss of a batch is divided by while gradients accumulate. `'window'`: the batches that are really in the window, also
   * when the last one of an epoch is shorter; `'option'`: always `accumulateGradBatches`; `'weight'`: each loss counts by its
   * `weight`, which `trainingStep` returns beside it (the tokens that its mean is over, say), or else by the samples of its batch,
   * so that the gradients are those of one batch with all of them, over all processes too. Default `'window'`.
   */
  readonly accumulationDivisor?: AccumulationDivisor;
  /** The norm or value gradients are clipped to; null for no clipping. Default null. */
  readonly gradientClipVal?: number | null;
  /** Default `'norm'`. */
  readonly gradientClipAlgorithm?: GradientClipAlgorithm;
  /** Only operators that always give the same results; `'warn'` lets the others pass with a warning. Default false. */
  readonly deterministic?: boolean | 'warn';
  /**
   * Whether cuDNN tries which algorithms are fastest: for inputs that keep their size. Default: false with `deterministic`, else
   * as it is set.
   */
  readonly benchmark?: boolean;
  /** Checks every backward operator for NaN, and names the forward operator in the error. Slow. Default false. */
  readonly detectAnomaly?: boolean;
  /** Whether validate, test and predict use inference mode rather than no-grad. Default true. */
  readonly inferenceMode?: boolean;
  /** Nothing but training: no logger, checkpoints, progress bar, summary, sanity check or step rows. Default false. */
  readonly barebones?: boolean;
  /**
   * Parts that take the place of the usual ones: a `Precision` of one's own, a `CheckpointIO` that decides where and how
   * checkpoints are kept, a `ClusterEnvironment` for how the processes are started and find each other, a `LayerSync` for layers
   * that work over all of them.
   */
  readonly plugins?: Plugin | readonly Plugin[];
  /** Measures where the time goes: `'simple'`, `'advanced'`, `'pytorch'` or a `Profiler`. Default null: nothing is measured, and nothing slower. */
  readonly profiler?: ProfilerOption | null;
  /** Where loggers and checkpoints go when they are not told. Default: the working folder. */
  readonly defaultRootDir?: string;
  /** Ask for new train and validation loaders after every n epochs; 0: never. Default 0. */
  readonly reloadDataloadersEveryNEpochs?: number;
  /**
   * Whether loaders are given samplers that split the data among processes: in training equally, in evaluation so that each sample
   * is used once. With one process nothing is split. Default true.
   */
  readonly useDistributedSampler?: boolean;
  /** Whether batch norms gather their statistics over all processes. With one process they are whole anyway. Default false. */
  readonly syncBatchnorm?: boolean;
  /** Whether hyperparameters go to the loggers by themselves. Default true. */
  readonly enableAutologHparams?: boolean;
  /**
   * A signal by which somebody says that the time is over, such as `'SIGUSR1'`: the run ends after the batch and saves
   * `hpc_ckpt_<n>.ckpt` in `defaultRootDir`; `ckptPath: 'auto'` goes on from there. Default: none.
   */
  readonly preemptionSignal?: NodeJS.Signals | null;
  /**
   * What `fit` does when a signal ended it: `'return'` a result with `status: 'interrupted'`, or `'throw'` an error with the code
   * RUN_INTERRUPTED. Default `'return'`.
   */
  readonly onInterrupt?: 'return' | 'throw';
}
