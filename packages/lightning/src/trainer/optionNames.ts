import { LightningError } from '../errors.js';
import { nearestNames } from '../nearestNames.js';
import type { TrainerOptions } from './options.js';

/** Every option, so that a misspelt one is an error rather than ignored. */
const optionNames = [
  'accelerator',
  'accumulateGradBatches',
  'barebones',
  'callbacks',
  'checkValEveryNEpoch',
  'defaultRootDir',
  'deterministic',
  'devices',
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
  'numSanityValSteps',
  'overfitBatches',
  'precision',
  'reloadDataloadersEveryNEpochs',
  'strategy',
  'valCheckInterval',
] as const satisfies readonly (keyof TrainerOptions)[];

// Fails to compile when an option is missing above.
type Missing = Exclude<keyof TrainerOptions, (typeof optionNames)[number]>;
const complete: [Missing] extends [never] ? true : never = true;
void complete;

/** Options that older versions had, and what to write instead. */
const removed: Readonly<Record<string, string>> = {
  gpus: "accelerator: 'gpu', devices: n",
  tpuCores: "accelerator: 'auto'",
  ipus: "accelerator: 'auto'",
  numProcesses: 'devices: n',
  checkpointCallback: 'enableCheckpointing',
  progressBarRefreshRate: 'callbacks: [new ProgressBar({ refreshRate })]',
  weightsSummary: 'enableModelSummary',
  truncatedBpttSteps: 'automaticOptimization = false, and backward by hand',
  resumeFromCheckpoint: 'trainer.fit(model, { ckptPath })',
  autoLrFind: 'a learning-rate schedule',
  autoScaleBatchSize: 'a batch size',
  stochasticWeightAvg: 'a callback',
  flushLogsEveryNSteps: 'new CSVLogger(dir, { flushLogsEveryNSteps })',
  logGpuMemory: 'a callback',
  enableLogging: 'logger: false',
  trackGradNorm: 'a hook such as onBeforeOptimizerStep',
  replaceSamplerDdp: 'strategy',
  multipleTrainloaderMode: 'one loader',
  ampBackend: 'precision',
  ampLevel: 'precision',
  moveMetricsToCpu: 'metrics as they are',
  weightsSavePath: 'new ModelCheckpoint({ dirpath })',
};

/** Options of the reference that this version does not have yet. */
const later = [
  'benchmark',
  'detectAnomaly',
  'enableAutologHparams',
  'modelRegistry',
  'numNodes',
  'plugins',
  'profiler',
  'suggestIntegrations',
  'syncBatchnorm',
  'useDistributedSampler',
];

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
