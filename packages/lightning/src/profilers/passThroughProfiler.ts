import { Profiler } from './profiler.js';

/** Measures nothing: the profiler of a Trainer that was not told to measure. */
export class PassThroughProfiler extends Profiler {
  override start(): void {}

  override stop(): void {}

  override summary(): string {
    return '';
  }

  override profile<T>(_action: string, body: () => T): T {
    return body();
  }
}
