import { TorchError } from '../errors.js';
import { originalStack } from './originalStack.js';

/** An error as a message carries it. */
export interface ErrorReport {
  name: string;
  message: string;
  stack: string;
  code?: string;
  cause?: ErrorReport;
}

export function reportError(error: unknown, depth = 4): ErrorReport {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), stack: '' };
  const { name, message, stack = '', cause } = error;
  const { code } = error as { code?: unknown };
  return {
    name,
    message,
    stack,
    ...(typeof code === 'string' ? { code } : {}),
    ...(cause === undefined || depth === 0 ? {} : { cause: reportError(cause, depth - 1) }),
  };
}

const errorTypes: Record<string, new (message: string) => Error> = {
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

/** The error again, with the stack of the other thread; of its own class for JavaScript's errors, else of class Error. */
export function rebuildError({ name, message, stack, code, cause }: ErrorReport): Error {
  const Type = errorTypes[name] ?? Error;
  const error = new Type(message);
  Object.defineProperty(error, 'stack', { value: originalStack(stack), configurable: true, writable: true });
  if (error.name !== name) Object.defineProperty(error, 'name', { value: name, configurable: true });
  if (code !== undefined) Object.assign(error, { code });
  if (cause !== undefined) Object.defineProperty(error, 'cause', { value: rebuildError(cause), configurable: true });
  return error;
}

export interface SampleErrorDetails {
  index: number | null;
  indices: number[] | null;
  dataset: string;
  workerId: number | null;
  report: ErrorReport;
}

/** A dataset, collate function or `workerInitFn` threw in a worker. `cause` is the error itself, with the worker's stack. */
export class SampleError extends TorchError {
  override readonly name = 'SampleError';
  /** The sample that was asked for; null when it is not known, as for whole batches and streams. */
  readonly index: number | null;
  /** The samples of the batch; null for streams. */
  readonly indices: readonly number[] | null;
  /** The class of the dataset. */
  readonly dataset: string;
  readonly workerId: number | null;
  readonly workerStack: string;

  constructor({ index, indices, dataset, workerId, report }: SampleErrorDetails) {
    const what =
      index !== null ? `sample ${index}` : indices !== null ? `the batch of samples ${listed(indices)}` : 'a batch';
    const where = workerId === null ? '' : ` in worker ${workerId}`;
    super('DATA_SAMPLE', `${dataset} failed${where} at ${what}: ${report.name}: ${report.message}`, {
      cause: rebuildError(report),
    });
    this.index = index;
    this.indices = indices;
    this.dataset = dataset;
    this.workerId = workerId;
    this.workerStack = (this.cause as Error).stack!;
  }
}

/** At most eight numbers, so that a message stays one line. */
export const listed = (indices: readonly number[]): string =>
  indices.length <= 8 ? indices.join(', ') : `${indices.slice(0, 8).join(', ')}, … (${indices.length})`;
