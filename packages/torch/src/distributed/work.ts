import { native, type WorkHandle } from '../native.js';

/** A collective under way. Its tensors must be left alone until it has ended. */
export class Work {
  private settled: Promise<void> | null = null;

  /** For this room only. */
  constructor(readonly ref: WorkHandle) {}

  /** Blocks until the collective has ended. @throws DistributedError when it failed. */
  wait(): void {
    native.workWait(this.ref);
  }

  /** Whether it has ended, well or not. */
  isCompleted(): boolean {
    return native.workIsCompleted(this.ref);
  }

  /** Settles when the collective ends, without blocking the event loop meanwhile. */
  get promise(): Promise<void> {
    this.settled ??= native.workPromise(this.ref);
    return this.settled;
  }
}

/** Waits for all of them, and throws the first failure. */
export function waitAll(works: readonly Work[]): void {
  for (const work of works) work.wait();
}

/**
 * Several collectives in a row, written once for both forms: each `yield` waits for one.
 */
export type Steps<Result> = Generator<Work, Result, void>;

export function runBlocking<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const next = steps.next();
    if (next.done) return next.value;
    next.value.wait();
  }
}

export async function runAsync<Result>(steps: Steps<Result>): Promise<Result> {
  for (;;) {
    const next = steps.next();
    if (next.done) return next.value;
    await next.value.promise;
  }
}
