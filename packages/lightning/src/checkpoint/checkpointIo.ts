import { copyFile, link, lstat, mkdir, rename, rm, symlink } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import {
  BackgroundWriter,
  load,
  type MapLocation,
  removeStaleTemporaries,
  save,
  temporaryName,
} from '@lightning-ts/torch/serialize';
import type { CheckpointData } from '../trainer/checkpointData.js';

/** How a checkpoint gets its second name: sharing the bytes, or as a symbolic link to the first. */
export type DuplicateKind = 'copy' | 'link';

/**
 * Where checkpoints are kept. A Trainer uses files in torch's format ({@link TorchCheckpointIO}) unless `plugins` has one of
 * these: for another place, another format, or writing in the background ({@link AsyncCheckpointIO}).
 *
 * Only `loadCheckpoint` is called on every process, the others on the first one.
 */
export interface CheckpointIO {
  /** Writes a checkpoint. Tensors in it are the live ones: they may change once the promise has settled. */
  saveCheckpoint(checkpoint: CheckpointData, path: string): Promise<void>;
  /** Reads what `saveCheckpoint` wrote; also older versions, which the caller brings up to date. */
  loadCheckpoint(path: string, options: { readonly mapLocation: MapLocation }): Promise<unknown>;
  /** Deletes a checkpoint; one that is not there is no error. */
  removeCheckpoint(path: string): Promise<void>;
  /** Gives a checkpoint a second name, replacing what has it. Without this method it is saved a second time. */
  duplicateCheckpoint?(source: string, target: string, kind: DuplicateKind): Promise<void>;
  /** Whether a checkpoint is at `path`. Without this method, whether a file is there. */
  checkpointExists?(path: string): Promise<boolean>;
  /**
   * Takes a copy of everything in a checkpoint and returns what writes it, so that training can go on meanwhile. Needed by
   * {@link AsyncCheckpointIO}, which copies the tensors itself where this is missing.
   */
  snapshotCheckpoint?(checkpoint: CheckpointData): (path: string) => Promise<void>;
  /** Waits until everything is written. @throws what went wrong since the last call */
  flush?(): Promise<void>;
  /** Lets go of threads and connections at the end of a run. It may be used again afterwards. */
  teardown?(): Promise<void>;
}

/**
 * Checkpoints as files that Python's `torch.load` reads. A file is written beside its place, flushed to the disk and then
 * renamed, so that a killed process leaves the one before; what such a process left half written is deleted at the next save
 * in that folder.
 */
export class TorchCheckpointIO implements CheckpointIO {
  private writer: BackgroundWriter | null = null;

  async saveCheckpoint(checkpoint: CheckpointData, path: string): Promise<void> {
    await makeRoom(path);
    await save(checkpoint, path);
  }

  loadCheckpoint(path: string, { mapLocation }: { readonly mapLocation: MapLocation }): Promise<unknown> {
    return load(path, { mapLocation });
  }

  async removeCheckpoint(path: string): Promise<void> {
    // A sharded checkpoint is a folder.
    await rm(path, { recursive: true, force: true });
  }

  /** Checkpoints are never changed in place, so two names of one file cannot spoil each other. */
  async duplicateCheckpoint(source: string, target: string, kind: DuplicateKind): Promise<void> {
    const temporary = temporaryName(target);
    const second = kind === 'link' ? symlink(relative(dirname(target), source), temporary) : link(source, temporary);
    try {
      // Not every file system has links.
      await second.catch(() => copyFile(source, temporary));
      await rename(temporary, target);
    } finally {
      // Renaming one name of a file over another name of the same file does nothing, and leaves the first.
      await rm(temporary, { force: true });
    }
  }

  snapshotCheckpoint(checkpoint: CheckpointData): (path: string) => Promise<void> {
    this.writer ??= new BackgroundWriter();
    const write = this.writer.snapshot(checkpoint);
    return async (path) => {
      await makeRoom(path);
      await write(path);
    };
  }

  async teardown(): Promise<void> {
    const { writer } = this;
    this.writer = null;
    await writer?.close();
  }
}

/** Whether a checkpoint is at `path`. A dangling link counts: its name is taken. */
export function checkpointExists(io: CheckpointIO, path: string): Promise<boolean> {
  return (
    io.checkpointExists?.(path) ??
    lstat(path).then(
      () => true,
      () => false,
    )
  );
}

async function makeRoom(path: string): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  await removeStaleTemporaries(folder);
}
