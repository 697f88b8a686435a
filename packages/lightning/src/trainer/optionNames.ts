import { LightningError } from '../errors.js';
import { nearestNames } from '../nearestNames.js';
import type { TrainerOptions } from './options.js';

/** Every option, so that a misspelt one is an error rather than ignored. */
export const optionNames = [
  'accelerator',
  'accumulateGradBatches',
  'accumulationDivisor',
  'barebones',
  'benchmark',
  'callbacks',
  'checkValEveryNEpoch',
  'defaultRootDir',
  'detectAnomaly',
  'deterministic',
  'devices',
  'enableAutologHparams',
  'enableCheckpointing',
  'enableModelSummary',
  'enableProgressBar',
  'fastDevRun',
  'gradientClipAlgorithm',
  'gradientClipVal',
  'inferenceMode',
  'limitPredictBatches',
  'limitTestBatches',
  'limitTrainBatches',
  'limitValBatches',
  'logEveryNSteps',
  'logger',
  'maxEpochs',
  'maxSteps',
  'maxTime',
  'minEpochs',
  'minSteps',
  'numNodes',
  'numSanityValSteps',
  'onInterrupt',
  'overfitBatches',
  'plugins',
  'precision',
  'preemptionSignal',
  'profiler',
  'reloadDataloadersEveryNEpochs',
  'strategy',
  'syncBatchnorm',
  'useDistributedSampler',
  'valCheckInterval',
  'validateAtEpochEnd',
] as const satisfies readonly (keyof TrainerOptions)[];

// Fails to compile when an option is missing above.
type Missing = Exclude<keyof TrainerOptions, (typeof optionNames)[number]>;
const complete: [Missing] extends [never] ? true : never = true;
void complete;

/** Options that older versions had, and what to write instead. */
const removed: Readonly<Record<string, string>> = {
  // devices
  gpus: "accelerator: 'gpu', devices: n",
  autoSelectGpus: "accelerator: 'gpu', devices: 'auto'",
  tpuCores: "accelerator: 'auto'",
  ipus: "accelerator: 'auto'",
  hpus: "accelerator: 'auto'",
  numProcesses: 'devices: n',
  nbGpuNodes: 'numNodes',
  numGpuNodes: 'numNodes',
  distributedBackend: 'strategy',
  replaceSamplerDdp: 'useDistributedSampler',
  syncBatchNorm: 'syncBatchnorm',
  prepareDataPerNode: 'prepareDataPerNode of the data module',
  useAmp: 'precision',
  ampBackend: 'precision',
  ampLevel: 'precision',
  // limits and intervals
  maxNbEpochs: 'maxEpochs',
  minNbEpochs: 'minEpochs',
  nbSanityValSteps: 'numSanityValSteps',
  trainPercentCheck: 'limitTrainBatches',
  valPercentCheck: 'limitValBatches',
  testPercentCheck: 'limitTestBatches',
  overfitPct: 'overfitBatches',
  rowLogInterval: 'logEveryNSteps',
  logSaveInterval: 'new CSVLogger(dir, { flushLogsEveryNSteps })',
  reloadDataloadersEveryEpoch: 'reloadDataloadersEveryNEpochs: 1',
  gradientClip: 'gradientClipVal',
  truncatedBpttSteps: 'automaticOptimization = false, and backward by hand',
  automaticOptimization: 'automaticOptimization = false in the module',
  terminateOnNan: 'detectAnomaly',
  // callbacks and loggers
  checkpointCallback: 'enableCheckpointing',
  earlyStopCallback: 'callbacks: [new EarlyStopping({ monitor })]',
  progressBarRefreshRate: 'callbacks: [new ProgressBar({ refreshRate })]',
  processPosition: 'callbacks: [new ProgressBar()]',
  showProgressBar: 'enableProgressBar',
  weightsSummary: 'enableModelSummary',
  enableLogging: 'logger: false',
  flushLogsEveryNSteps: 'new CSVLogger(dir, { flushLogsEveryNSteps })',
  defaultSavePath: 'defaultRootDir',
  weightsSavePath: 'new ModelCheckpoint({ dirpath })',
  resumeFromCheckpoint: 'trainer.fit(model, { ckptPath })',
  stochasticWeightAvg: 'a callback',
  logGpuMemory: 'a callback',
  trackGradNorm: 'gradNorm(module, normType) in onBeforeOptimizerStep',
  autoLrFind: 'a learning-rate schedule',
  autoScaleBatchSize: 'a batch size',
  multipleTrainloaderMode: 'new CombinedLoader(loaders, mode)',
  moveMetricsToCpu: 'metrics as they are',
  // of the reference, but not here
  modelRegistry: 'a callback or a logger that stores models',
  suggestIntegrations: 'nothing: no tips are printed',
};

/** Options of the reference that this version does not have yet. */
const later: readonly string[] = [];

/** @throws LightningError OPTION_UNKNOWN, OPTION_UNAVAILABLE */
export function checkOptionNames(options: object): void {
  for (const name of Object.keys(options)) {
    if ((optionNames as readonly string[]).includes(name)) continue;
    const camel = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const instead = removed[camel];
    if (instead !== undefined) {
      throw new LightningError('OPTION_UNKNOWN', `Trainer no longer has the option '${name}'. Use ${instead} instead.`);
    }
    if (later.includes(camel)) {
      throw new LightningError(
        'OPTION_UNAVAILABLE',
        `Trainer does not have the option '${name}' in this version. Leave it out.`,
      );
    }
    const near = nearestNames(camel, optionNames).map((candidate) => `'${candidate}'`);
    const hint = near.length > 0 ? ` Did you mean ${near.join(' or ')}?` : '';
    throw new LightningError('OPTION_UNKNOWN', `Trainer has no option '${name}'.${hint}`);
  }
}
