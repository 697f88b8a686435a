/** Every code an error of this package may carry, and when it does. Codes are stable; messages are not. */
export const metricErrorCodes = {
  TASK_MISSING: 'A wrapper such as Accuracy was made without naming its task.',
  OPTION_INVALID: 'An option has a value outside what it accepts, or one that the task needs is missing.',
  SHAPE_MISMATCH: 'Predictions and targets do not have shapes that belong together.',
  DTYPE_INVALID: 'A tensor has a type the metric cannot use.',
  LABEL_OUT_OF_RANGE: 'A label is negative or not below the number of classes.',
  NO_DATA: 'A metric that keeps its inputs was asked for its value before any came.',
  VALUE_NAN: 'A value is NaN and the metric was told to refuse that.',
  STATE_NAME: 'A metric declares a state under a name that is taken or not a name.',
  COLLECTION_NAME: 'A collection has two metrics of one name, or an entry that is no metric.',
  SYNC_STATE: 'A metric was synced twice, or updated or unsynced at the wrong moment.',
  VALUE_RANGE: 'A value is outside what the formula is defined for.',
  NOT_STARTED: 'A tracker was used before its first step.',
  PLOT_DATA: 'A plot was asked for data that is not there, or that is no numbers.',
  PLOT_FORMAT: 'A plot was to be saved under a file ending that is none of its formats.',
} as const satisfies Record<string, string>;

/** One of the keys of {@link metricErrorCodes}. */
export type MetricErrorCode = keyof typeof metricErrorCodes;

/** An error of this package: what was expected, what came, and what to do, under a stable code. */
export class MetricError extends Error {
  readonly code: MetricErrorCode;

  constructor(code: MetricErrorCode, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options);
    this.name = 'MetricError';
    this.code = code;
  }
}
