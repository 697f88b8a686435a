import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  Worker,
  type WorkerOptions,
} from 'node:worker_threads';
import { Passage } from '../../handover.js';
import type { Reply, Request, ThreadStart } from './messages.js';

/** How long a thread may take to finish what it is doing before it is stopped. */
const graceMs = 2_000;
/** How long a thread waits for another loader: starting one takes a tenth of a second. */
const idleMs = 1_000;

const idle: WorkerThread[] = [];

/** A thread that makes batches, for one loader after another. It keeps no process alive unless somebody waits for it. */
export class WorkerThread {
  readonly passage = Passage.open();
  /** Why it ended by itself; null while it lives. */
  death: string | null = null;
  /** Called when a reply came or the thread died. */
  onReply: ((reply: Reply) => void) | null = null;
  onDeath: (() => void) | null = null;
  private readonly worker: Worker;
  private readonly port: MessagePort;
  private error: Error | null = null;
  private isEnding = false;
  private readonly exited: Promise<void>;
  private idleTimer: NodeJS.Timeout | null = null;

  private constructor() {
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    const start: ThreadStart = { port: port2, passage: this.passage.id };
    this.worker = startWorker({ workerData: start, transferList: [port2], name: 'lightning-ts data worker' });
    this.worker.unref();
    this.worker.on('error', (error: Error) => {
      this.error = error;
    });
    this.exited = new Promise((resolve) => {
      this.worker.once('exit', (code) => {
        if (!this.isEnding) this.die(code);
        resolve();
      });
    });
    port1.on('message', (reply: Reply) => this.handle(reply));
    port1.unref();
  }

  /** One that waits for work, or a new one. */
  static obtain(): WorkerThread {
    for (let thread = idle.pop(); thread !== undefined; thread = idle.pop()) {
      if (thread.idleTimer !== null) clearTimeout(thread.idleTimer);
      thread.idleTimer = null;
      if (thread.death === null) return thread;
    }
    return new WorkerThread();
  }

  post(request: Request): void {
    this.port.postMessage(request);
  }

  /** Handles a reply that is here already; false when there is none. */
  poll(): boolean {
    const received = receiveMessageOnPort(this.port) as { message: Reply } | undefined;
    if (received === undefined) return false;
    this.handle(received.message);
    return true;
  }

  /** While somebody waits, the process must not end. */
  ref(): void {
    this.port.ref();
    this.worker.ref();
  }

  unref(): void {
    this.port.unref();
    this.worker.unref();
  }

  /** Notices an end that the event loop has not told of yet. */
  checkAlive(): void {
    if (this.death === null && this.passage.hasWorkerEnded) this.die(null);
  }

  /** Lets go of the dataset and waits a little for another loader. */
  park(): void {
    this.onReply = null;
    this.onDeath = null;
    this.post({ type: 'close' });
    idle.push(this);
    this.idleTimer = setTimeout(() => {
      const at = idle.indexOf(this);
      if (at >= 0) idle.splice(at, 1);
      void this.end();
    }, idleMs);
    this.idleTimer.unref();
  }

  /** Resolves when the thread has ended and nothing of it is left. */
  async end(grace = graceMs): Promise<void> {
    this.isEnding = true;
    this.onReply = null;
    this.onDeath = null;
    // What it still makes is freed at once.
    this.passage.close();
    this.worker.ref();
    this.post({ type: 'end' });
    const timer = setTimeout(() => void this.worker.terminate(), grace);
    await this.exited;
    clearTimeout(timer);
    this.port.close();
  }

  private handle(reply: Reply): void {
    if (reply.type === 'crashed') {
      const { name, message, stack } = reply.error;
      this.error = Object.assign(new Error(`${name}: ${message}`), { stack });
    }
    this.onReply?.(reply);
  }

  private die(code: number | null): void {
    if (this.death !== null) return;
    // What it sent before it ended still counts, whichever of the two is told first.
    while (this.poll());
    const memory = (this.error as { code?: string } | null)?.code === 'ERR_WORKER_OUT_OF_MEMORY';
    if (memory)
      this.death = 'it ran out of memory for JavaScript objects (not tensors); load less at once, or less ahead';
    else if (this.error !== null) this.death = `of an error that nothing caught: ${this.error.message}`;
    else this.death = code === null ? 'without a word' : `with exit code ${code}: something called process.exit()`;
    this.onDeath?.();
  }
}

function startWorker(options: WorkerOptions): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./workerMain.js', import.meta.url), options);
  // From the sources, as the tests run, the thread needs a loader for TypeScript.
  const tsx = dirname(createRequire(import.meta.url).resolve('tsx/package.json'));
  const loader = pathToFileURL(join(tsx, 'dist/esm/api/index.mjs')).href;
  const main = new URL('./workerMain.ts', import.meta.url).href;
  const code = `import('${loader}').then(({ register }) => { register(); return import('${main}'); })`;
  return new Worker(code, { ...options, eval: true, execArgv: ['--conditions=@lightning-ts/source'] });
}
