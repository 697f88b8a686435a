import { setImmediate } from 'node:timers/promises';

/**
 * Lets signals, timers, loggers and the progress bar have their turn, without a pause after each batch: a loop that never
 * waits would keep the event loop shut for a whole epoch.
 */
export class Breather {
  private last = performance.now();

  /** @param interval longest time to go on without a pause, in milliseconds */
  constructor(private readonly interval = 40) {}

  /** A pause to await when one is due, else undefined. */
  pause(): Promise<void> | undefined {
    if (performance.now() - this.last < this.interval) return undefined;
    return this.breathe();
  }

  private async breathe(): Promise<void> {
    await setImmediate();
    this.last = performance.now();
  }
}
