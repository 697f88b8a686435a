import { relievePressure } from './memory.js';
import { type Handle, native, pressure } from './native.js';
import { Tensor } from './tensor.js';

const handleOf = (tensor: Tensor): Handle => tensor.handle;

/**
 * A way for tensors between two threads of this process, without a copy: one end gives and gets a ticket, a number that
 * fits any message; the other end takes the tensor for it, once. What nobody took is freed by `close`.
 */
export class Passage {
  private constructor(readonly id: number) {}

  static open(): Passage {
    return new Passage(native.openPassage());
  }

  /** The same passage, seen from the other thread. */
  static at(id: number): Passage {
    return new Passage(id);
  }

  /**
   * The ticket of the first tensor; the others have the numbers after it. 0 when the passage is closed. The giver's
   * tensors stay valid: both ends then see the same memory.
   */
  give(tensors: Tensor[]): number {
    return native.giveTensors(this.id, tensors.map(handleOf));
  }

  take(ticket: number, count: number): Tensor[] {
    const tensors = native.takeTensors(this.id, ticket, count).map((handle) => new Tensor(handle));
    // The allocations were the other thread's, so it is here that somebody has to notice them.
    if (pressure[0] !== 0) relievePressure();
    return tensors;
  }

  /** Frees tensors that were given and that nobody wants any more. */
  drop(ticket: number, count: number): void {
    native.dropTensors(this.id, ticket, count);
  }

  /** Whether the thread that called `enterWorker` with this passage has ended. */
  get hasWorkerEnded(): boolean {
    return native.hasWorkerEnded(this.id);
  }

  close(): void {
    native.closePassage(this.id);
  }
}

/** Tensors given and not taken, in the whole process. */
export const tensorsUnderWay = (): number => native.tensorsUnderWay();

/**
 * To be called in a worker's thread before any operator: from then on this thread has a default generator of its own, and
 * its operators run on one core.
 */
export const enterWorker = (passage: Passage): void => native.enterWorker(passage.id);
