import { closeSync, mkdirSync, openSync, writeSync, write as writeWithCallback } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { warn } from '@lightning-ts/torch';
import { maskedCrc32c } from './crc32c.js';
import { type EventMessage, encodeMessage } from './eventMessages.js';

const write = promisify(writeWithCallback);

export interface EventFileOptions {
  /** Seconds until an event reaches the file by itself. Default 120. */
  readonly flushSecs?: number;
  /** Events that may wait before they are written. Default 10. */
  readonly maxQueue?: number;
  /** Put at the end of the file's name. Default none. */
  readonly filenameSuffix?: string;
}

/** Bytes that may wait for a slow disk before adding an event waits for it as well. */
const mostPendingBytes = 64 * 2 ** 20;

/** Files of one process differ by this, as many as it may open within a second. */
let opened = 0;

/** Files with events that are not written yet: a process that ends meanwhile writes them on its way out. */
const openFiles = new Set<EventFile>();

function finishFiles(): void {
  for (const file of openFiles) file.writeNow();
}

/**
 * A growing file of events, `events.out.tfevents.<time>.<host>.<process>.<n>`.
 *
 * Events wait in memory and are written beside the training thread, in order, each batch of them at a place that is known
 * before. So a process that ends in the middle of a write writes the same bytes to the same place, and no record is torn.
 */
export class EventFile {
  readonly path: string;
  private readonly descriptor: number;
  private readonly flushSecs: number;
  private readonly maxQueue: number;
  private pending: Uint8Array[] = [];
  private pendingBytes = 0;
  /** What is being written, to `position`. */
  private inFlight: Uint8Array | null = null;
  private position = 0;
  private writing: Promise<boolean> | null = null;
  private timer: NodeJS.Timeout | null = null;
  private timerIsDue = 0;
  private isClosed = false;

  /** Makes `directory` and the file, with its first record in memory. */
  constructor(directory: string, options: EventFileOptions = {}) {
    const { flushSecs = 120, maxQueue = 10, filenameSuffix = '' } = options;
    this.flushSecs = flushSecs;
    this.maxQueue = maxQueue;
    mkdirSync(directory, { recursive: true });
    const seconds = Math.floor(Date.now() / 1000);
    const name = `events.out.tfevents.${String(seconds).padStart(10, '0')}.${hostname()}.${process.pid}.${opened}`;
    opened += 1;
    this.path = join(directory, name + filenameSuffix);
    this.descriptor = openSync(this.path, 'w');
    if (openFiles.size === 0) process.once('exit', finishFiles);
    openFiles.add(this);
    this.add({ wall_time: Date.now() / 1000, file_version: 'brain.Event:2' });
  }

  /** Takes an event. It is in the file after `flush`, when `maxQueue` wait, or after `flushSecs`. */
  add(event: EventMessage): void {
    const bytes = frame(encodeMessage('Event', event));
    this.pending.push(bytes);
    this.pendingBytes += bytes.length;
    if (this.pendingBytes > mostPendingBytes) this.writeNow();
    else if (this.pending.length >= this.maxQueue) this.writeSoon(0);
    else this.writeSoon(this.flushSecs);
  }

  /** Resolves when every event so far is in the file; with a warning, when the disk takes none. */
  async flush(): Promise<void> {
    this.forgetTimer();
    while (this.writing !== null || this.pending.length > 0) {
      if (!(await this.startWriting())) return;
    }
  }

  /** Has what waits written within `seconds`, without anybody waiting for it. */
  writeSoon(seconds: number): void {
    if (this.pending.length === 0 || this.isClosed) return;
    const due = performance.now() + seconds * 1000;
    if (this.timer !== null && this.timerIsDue <= due) return;
    this.forgetTimer();
    this.timerIsDue = due;
    this.timer = setTimeout(() => {
      this.timer = null;
      void this.startWriting();
    }, seconds * 1000);
    this.timer.unref();
  }

  /** Writes everything at once, waiting for the disk. */
  writeNow(): void {
    if (this.isClosed) return;
    const bytes = Buffer.concat([this.inFlight ?? new Uint8Array(), ...this.pending]);
    try {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(this.descriptor, bytes, done, bytes.length - done, this.position + done);
      }
    } catch (error) {
      this.warnOf(error);
      return;
    }
    // What was in flight writes its bytes to the same place once more, which changes nothing.
    this.inFlight = null;
    this.position += bytes.length;
    this.pending = [];
    this.pendingBytes = 0;
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    await this.flush();
    this.forgetTimer();
    this.isClosed = true;
    if (openFiles.delete(this) && openFiles.size === 0) process.removeListener('exit', finishFiles);
    closeSync(this.descriptor);
  }

  /** Resolves with whether it went well. */
  private startWriting(): Promise<boolean> {
    if (this.writing !== null) return this.writing;
    if (this.pending.length === 0) return Promise.resolve(true);
    this.writing = this.writePending().finally(() => {
      this.writing = null;
    });
    return this.writing;
  }

  private async writePending(): Promise<boolean> {
    const bytes = Buffer.concat(this.pending);
    const { position } = this;
    this.inFlight = bytes;
    this.pending = [];
    this.pendingBytes = 0;
    let failure: unknown = null;
    try {
      for (let done = 0; done < bytes.length; ) {
        done += (await write(this.descriptor, bytes, done, bytes.length - done, position + done)).bytesWritten;
      }
    } catch (error) {
      failure = error;
    }
    // Not ours any more when `writeNow` has written it meanwhile.
    const isOurs = this.inFlight === bytes;
    if (isOurs) {
      this.inFlight = null;
      if (failure === null) this.position += bytes.length;
      else {
        this.pending.unshift(bytes);
        this.pendingBytes += bytes.length;
        this.warnOf(failure);
      }
    }
    return !isOurs || failure === null;
  }

  private forgetTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private warnOf(error: unknown): void {
    warn(
      'EVENTS_NOT_WRITTEN',
      `${this.path} could not be written: ${(error as Error).message}. The events are kept in memory and tried again.`,
    );
  }
}

/** A record: its length (8 bytes), the length's checksum, the data, the data's checksum; all little-endian. */
function frame(data: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(data.length + 16);
  bytes.writeBigUInt64LE(BigInt(data.length), 0);
  bytes.writeUInt32LE(maskedCrc32c(bytes.subarray(0, 8)), 8);
  bytes.set(data, 12);
  bytes.writeUInt32LE(maskedCrc32c(data), 12 + data.length);
  return bytes;
}
