import { LightningError } from '../errors.js';
import { OptionReader } from '../optionReader.js';
import { type Duration, parseDuration } from './duration.js';
import type { MonitorMode } from './monitoredMetric.js';

export interface ModelCheckpointOptions {
  /** Where files go. Default: `<logger's saveDir>/<name>/<version>/checkpoints`, without a logger `<defaultRootDir>/checkpoints`. */
  readonly dirpath?: string | null;
  /** File-name pattern without extension, default `{epoch}-{step}`. `{val_loss:.2f}` takes a Python number format. */
  readonly filename?: string | null;
  /** The logged metric that decides what is best. Default null: the newest counts. */
  readonly monitor?: string | null;
  /** Prints each decision. Default false. */
  readonly verbose?: boolean;
  /** Also keeps the newest state as `last.ckpt`; `'link'` makes it a symbolic link to the newest file. Default false. */
  readonly saveLast?: boolean | 'link' | null;
  /** How many of the best are kept; -1 all, 0 none. Default 1. Without a monitor only -1, 0 and 1. */
  readonly saveTopK?: number;
  /** Also saves when training fails or is interrupted. Default false. */
  readonly saveOnException?: boolean;
  /** Leaves optimizer, scheduler and callback states out of the file. Default false. */
  readonly saveWeightsOnly?: boolean;
  /** Default `'min'`. */
  readonly mode?: MonitorMode;
  /** Writes `name=` before each value in the file name. Default true. */
  readonly autoInsertMetricName?: boolean;
  /** Saves after every n optimizer steps. Excludes the other two intervals. */
  readonly everyNTrainSteps?: number | null;
  /** Saves when this much time has passed, at the end of a batch. Excludes the other two intervals. */
  readonly trainTimeInterval?: Duration | null;
  /** Saves after every n epochs, the default with n = 1; 0 turns it off. Excludes the other two intervals. */
  readonly everyNEpochs?: number | null;
  /** Whether epochs are saved at the end of the training epoch or after each validation. Default: after what ends later. */
  readonly saveOnTrainEpochEnd?: boolean | null;
  /** Appends `-v1`, `-v2`, ... instead of overwriting a file of the same name. Default true. */
  readonly enableVersionCounter?: boolean;
  /** Offers the state at the end of training too, when no interval ended there. Default true; false as the reference does. */
  readonly finalSave?: boolean;
}

/** The options with all defaults in place; intervals that are off are 0 or null. */
export interface ResolvedCheckpointOptions {
  readonly dirpath: string | null;
  readonly filename: string;
  readonly monitor: string | null;
  readonly verbose: boolean;
  readonly saveLast: boolean | 'link';
  readonly saveTopK: number;
  readonly saveOnException: boolean;
  readonly saveWeightsOnly: boolean;
  readonly mode: MonitorMode;
  readonly autoInsertMetricName: boolean;
  readonly everyNTrainSteps: number;
  /** Milliseconds. */
  readonly trainTimeInterval: number | null;
  readonly everyNEpochs: number;
  readonly saveOnTrainEpochEnd: boolean | null;
  readonly enableVersionCounter: boolean;
  readonly finalSave: boolean;
}

/**
 * Fills in the defaults and checks every option.
 *
 * @throws LightningError OPTION_INVALID for a value out of range, OPTION_CONFLICT for options that exclude each other,
 *   OPTION_UNKNOWN
 */
export function resolveCheckpointOptions(options: ModelCheckpointOptions): ResolvedCheckpointOptions {
  const reader = new OptionReader<ModelCheckpointOptions>('ModelCheckpoint', options);
  const monitor = reader.text('monitor', null);
  const saveTopK = reader.integer('saveTopK', 1, -1);
  if (monitor === null && saveTopK > 1) {
    throw new LightningError(
      'OPTION_CONFLICT',
      `ModelCheckpoint: saveTopK is ${saveTopK}, but without a monitor nothing says which are best. Set monitor, or use ` +
        'saveTopK -1 (all), 0 (none) or 1 (the newest).',
    );
  }
  const resolved = {
    dirpath: reader.text('dirpath', null),
    filename: reader.text('filename', null) ?? '{epoch}-{step}',
    monitor,
    verbose: reader.boolean('verbose', false),
    saveLast: reader.choice('saveLast', [true, false, 'link'], null) ?? false,
    saveTopK,
    saveOnException: reader.boolean('saveOnException', false),
    saveWeightsOnly: reader.boolean('saveWeightsOnly', false),
    mode: reader.choice('mode', ['min', 'max'], 'min'),
    autoInsertMetricName: reader.boolean('autoInsertMetricName', true),
    ...resolveIntervals(reader),
    saveOnTrainEpochEnd: reader.boolean('saveOnTrainEpochEnd', null),
    enableVersionCounter: reader.boolean('enableVersionCounter', true),
    finalSave: reader.boolean('finalSave', true),
  };
  reader.done();
  return resolved;
}

function resolveIntervals(
  reader: OptionReader<ModelCheckpointOptions>,
): Pick<ResolvedCheckpointOptions, 'everyNTrainSteps' | 'trainTimeInterval' | 'everyNEpochs'> {
  const givenSteps = reader.integer('everyNTrainSteps', null, 0);
  const givenEpochs = reader.integer('everyNEpochs', null, 0);
  const interval = reader.value('trainTimeInterval') ?? null;
  const time = interval === null ? null : parseDuration(interval, 'ModelCheckpoint: trainTimeInterval');
  const steps = givenSteps ?? 0;
  // Steps that are turned off by a 0 leave nothing else on.
  const epochs = givenEpochs ?? (steps > 0 || time !== null || givenSteps === 0 ? 0 : 1);
  const set = [
    steps > 0 ? 'everyNTrainSteps' : '',
    time !== null ? 'trainTimeInterval' : '',
    epochs > 0 ? 'everyNEpochs' : '',
  ].filter((name) => name !== '');
  if (set.length > 1) {
    throw new LightningError(
      'OPTION_CONFLICT',
      `ModelCheckpoint: ${set.join(' and ')} exclude each other. Keep one, and use a second ModelCheckpoint for the other.`,
    );
  }
  return { everyNTrainSteps: steps, trainTimeInterval: time, everyNEpochs: epochs };
}
