import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { SerializeError, type SerializeErrorCode } from './errors.js';
import { torchRecords } from './serializeTensors.js';

/** One file to write: the records lie one after the other in `bytes`. */
export interface WriteOrder {
  id: number;
  path: string;
  records: { name: string; size: number }[];
  bytes: Uint8Array;
}

/** What became of an order. */
export interface WriteReply {
  id: number;
  error: { code: SerializeErrorCode; message: string } | null;
  /** The order's memory, handed back for the next one. */
  memory: ArrayBuffer;
}

interface Waiting {
  path: string;
  resolve: () => void;
  reject: (error: Error) => void;
}

/**
 * Saves files as `save` does, with checksums, writing and flushing on a thread of its own. What is saved is copied when
 * `save` is called, so it may change right away; the copy takes as much memory as the file until the file is written.
 *
 * The thread starts with the first file. While it writes it keeps the process alive, otherwise not. The memory of the last copy
 * is kept for the next one, which is usually of the same size, until `close`.
 */
export class BackgroundWriter {
  private thread: Worker | null = null;
  private readonly waiting = new Map<number, Waiting>();
  private readonly running = new Set<Promise<void>>();
  private orders = 0;
  private spare: ArrayBuffer | null = null;

  /**
   * Copies the value now. The promise settles when the file is on the disk, or could not be written.
   *
   * @throws SerializeError as `save` does; `VALUE_UNSUPPORTED` and `VALUE_CYCLE` at once, with nothing begun
   */
  save(value: unknown, path: string): Promise<void> {
    return this.snapshot(value)(path);
  }

  /** Copies the value now, and returns what writes it: once, to a path. */
  snapshot(value: unknown): (path: string) => Promise<void> {
    const records = torchRecords(value);
    const bytes = this.takeMemory(records.reduce((sum, { size }) => sum + size, 0));
    let position = 0;
    for (const record of records) {
      for (const chunk of record.chunks()) {
        bytes.set(chunk, position);
        position += chunk.length;
      }
    }
    return (path) => this.write({ path, records: records.map(({ name, size }) => ({ name, size })), bytes });
  }

  private write(order: Omit<WriteOrder, 'id'>): Promise<void> {
    const { path, bytes } = order;
    const id = this.orders;
    this.orders += 1;
    const done = new Promise<void>((resolve, reject) => {
      this.waiting.set(id, { path, resolve, reject });
    });
    const ended = done.then(
      () => undefined,
      () => undefined,
    );
    this.running.add(ended);
    void ended.then(() => this.running.delete(ended));
    const thread = this.start();
    thread.ref();
    thread.postMessage({ id, ...order } satisfies WriteOrder, [bytes.buffer as ArrayBuffer]);
    return done;
  }

  /** Ends the thread, after what it still has to write. */
  async close(): Promise<void> {
    await Promise.all(this.running);
    const { thread } = this;
    this.thread = null;
    this.spare = null;
    await thread?.terminate();
  }

  /** Memory that was written before is much faster to fill than new memory. */
  private takeMemory(size: number): Uint8Array {
    const { spare } = this;
    this.spare = null;
    const isUsable = spare !== null && spare.byteLength >= size && spare.byteLength <= 2 * size;
    return new Uint8Array(isUsable ? spare : Buffer.allocUnsafeSlow(size).buffer, 0, size);
  }

  private start(): Worker {
    if (this.thread !== null) return this.thread;
    const thread = new Worker(...threadFile());
    thread.unref();
    thread.on('message', ({ error, id, memory }: WriteReply) => {
      if (this.thread === thread) this.spare = memory;
      const waiting = this.waiting.get(id);
      this.waiting.delete(id);
      if (this.waiting.size === 0) thread.unref();
      if (error === null) waiting?.resolve();
      else waiting?.reject(new SerializeError(error.code, error.message, { path: waiting.path }));
    });
    const lose = (cause: unknown): void => {
      if (this.thread === thread) this.thread = null;
      for (const { path, reject } of this.waiting.values()) {
        reject(new SerializeError('WRITE_FAILED', `cannot write ${path}: the writing thread ended`, { path, cause }));
      }
      this.waiting.clear();
    };
    thread.on('error', lose);
    thread.on('exit', (code) => lose(new Error(`exit code ${code}`)));
    this.thread = thread;
    return thread;
  }
}

/** The thread's program: compiled beside this file, or from its source while developing, which tsx makes readable. */
function threadFile(): ConstructorParameters<typeof Worker> {
  const { url } = import.meta;
  if (!url.endsWith('.ts')) return [new URL('./writerThread.js', url), { execArgv: [] }];
  const tsx = createRequire(url).resolve('tsx/cjs/api');
  return [`require('${tsx}').require('./writerThread.ts', '${url}')`, { eval: true, execArgv: [] }];
}
