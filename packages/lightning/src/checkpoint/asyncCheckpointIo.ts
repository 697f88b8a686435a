import { Tensor } from '@lightning-ts/torch';
import { OrderedDict, Tuple } from '@lightning-ts/torch/serialize';
import type { CheckpointData } from '../trainer/checkpointData.js';
import { type CheckpointIO, checkpointExists, type DuplicateKind, TorchCheckpointIO } from './checkpointIo.js';

/**
 * Writes checkpoints while training goes on.
 *
 * ```ts
 * new Trainer({ plugins: new AsyncCheckpointIO() });
 * ```
 *
 * A save copies the checkpoint on the training thread; checksums, writing and flushing to the disk happen on another. One
 * checkpoint is under way at a time: the next save waits for it, and throws if it failed. The end of a run waits for the last
 * one, and fails if it does. What follows a save, such as deleting the checkpoint it replaces, happens after it, and not at all
 * when it failed.
 *
 * The copy takes as much memory as the file while it is written.
 */
export class AsyncCheckpointIO implements CheckpointIO {
  /** Everything asked for so far, in order; rejects with the first failure since the last save or flush. */
  private tail: Promise<void> = Promise.resolve();
  private readonly underWay = new Set<string>();

  /** @param inner what writes; default: files in torch's format, written by a thread */
  constructor(readonly inner: CheckpointIO = new TorchCheckpointIO()) {}

  async saveCheckpoint(checkpoint: CheckpointData, path: string): Promise<void> {
    const earlier = await this.flush().catch((error: unknown) => ({ error }));
    const { inner } = this;
    const write = inner.snapshotCheckpoint?.(checkpoint) ?? clonedWrite(inner, checkpoint);
    this.underWay.add(path);
    this.queue(() => write(path).finally(() => this.underWay.delete(path)));
    // That the one before failed is no reason to lose this one as well.
    if (earlier !== undefined) throw earlier.error;
  }

  async loadCheckpoint(...args: Parameters<CheckpointIO['loadCheckpoint']>): Promise<unknown> {
    await this.flush();
    return this.inner.loadCheckpoint(...args);
  }

  async removeCheckpoint(path: string): Promise<void> {
    this.queue(() => this.inner.removeCheckpoint(path));
  }

  async duplicateCheckpoint(source: string, target: string, kind: DuplicateKind): Promise<void> {
    const { inner } = this;
    this.underWay.add(target);
    this.queue(async () => {
      try {
        if (inner.duplicateCheckpoint !== undefined) await inner.duplicateCheckpoint(source, target, kind);
        else
          await inner.saveCheckpoint(
            (await inner.loadCheckpoint(source, { mapLocation: 'cpu' })) as CheckpointData,
            target,
          );
      } finally {
        this.underWay.delete(target);
      }
    });
  }

  async checkpointExists(path: string): Promise<boolean> {
    if (this.underWay.has(path)) return true;
    // What a failed save left undone changes nothing here.
    await this.tail.catch(() => undefined);
    return checkpointExists(this.inner, path);
  }

  async flush(): Promise<void> {
    const { tail } = this;
    try {
      await tail;
    } finally {
      // Said once: a run that goes on in spite of it writes again.
      if (this.tail === tail) this.tail = Promise.resolve();
    }
  }

  async teardown(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await this.inner.teardown?.();
    }
  }

  private queue(act: () => Promise<void>): void {
    this.tail = this.tail.then(act);
    // Whoever asks next hears of it; until then it is no unhandled rejection.
    this.tail.catch(() => undefined);
  }
}

function clonedWrite(inner: CheckpointIO, checkpoint: CheckpointData): (path: string) => Promise<void> {
  const copy = cloneTree(checkpoint) as CheckpointData;
  return (path) => inner.saveCheckpoint(copy, path);
}

/** Copies containers and tensors; everything else in a checkpoint never changes. */
function cloneTree(value: unknown): unknown {
  if (value instanceof Tensor) return value.detach().clone();
  if (value instanceof Tuple) return Tuple.from(value, cloneTree);
  if (Array.isArray(value)) return value.map(cloneTree);
  if (value instanceof Uint8Array) return value.slice();
  if (value instanceof Map) {
    const copy = value instanceof OrderedDict ? new OrderedDict<unknown, unknown>() : new Map<unknown, unknown>();
    for (const [key, item] of value) copy.set(key, cloneTree(item));
    return copy;
  }
  if (value instanceof Set) return new Set([...value].map(cloneTree));
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, cloneTree(item)]));
}
