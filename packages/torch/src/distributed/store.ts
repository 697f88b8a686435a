import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { native, type StoreHandle, type StoreOperation } from '../native.js';
import { requireStores } from './backends.js';
import { DistributedError } from './distributedError.js';

export interface WaitOptions {
  /** How long at most, in milliseconds; default: the store's timeout. */
  timeout?: number;
  /** Gives up when it aborts. */
  signal?: AbortSignal;
}

const encoder = new TextEncoder();
const bytesOf = (value: string | Uint8Array): Uint8Array => (typeof value === 'string' ? encoder.encode(value) : value);

export const defaultStoreTimeout = 300_000;

/**
 * Keys and values that the processes of a job share. Each operation comes in two forms: a promise, which a thread of the
 * addon settles while the event loop goes on, and `...Sync`, which blocks. Values are bytes; strings are written as
 * UTF-8.
 */
export abstract class Store {
  /** How long `get` and `wait` wait for a key, in milliseconds. */
  timeout: number;

  /** For this room only. */
  readonly ref: StoreHandle;

  protected constructor(handle: StoreHandle, timeout: number) {
    this.ref = handle;
    this.timeout = timeout;
  }

  /** What the store is, for messages. */
  abstract describe(): string;
  /** The same store by another connection where it has one, which does not wait for the calls of this one. */
  abstract reconnect(): Promise<Store>;

  async set(key: string, value: string | Uint8Array): Promise<void> {
    await this.run(native.storeSet, key, bytesOf(value));
  }
  setSync(key: string, value: string | Uint8Array): void {
    native.storeSet(this.ref, false, this.timeout, key, bytesOf(value));
  }

  /** The value of `key`, once some process has set it. */
  async get(key: string, options: WaitOptions = {}): Promise<Uint8Array> {
    for (;;) {
      await this.wait([key], options);
      const value = await this.tryGet(key);
      if (value !== null) return value;
    }
  }
  getSync(key: string, options: { timeout?: number } = {}): Uint8Array {
    for (;;) {
      this.waitSync([key], options);
      const value = this.tryGetSync(key);
      if (value !== null) return value;
    }
  }

  /** The value of `key`, or null when nobody has set it yet. */
  tryGet(key: string): Promise<Uint8Array | null> {
    return this.run(native.storeTryGet, key);
  }
  tryGetSync(key: string): Uint8Array | null {
    return native.storeTryGet(this.ref, false, this.timeout, key);
  }

  /** Adds to the integer under `key` (0 when it is new), and returns the sum. Atomic. */
  add(key: string, amount = 1): Promise<number> {
    return this.run(native.storeAdd, key, amount);
  }
  addSync(key: string, amount = 1): number {
    return native.storeAdd(this.ref, false, this.timeout, key, amount);
  }

  /** Whether all of `keys` are set. */
  check(keys: string[]): Promise<boolean> {
    return this.run(native.storeCheck, keys);
  }
  checkSync(keys: string[]): boolean {
    return native.storeCheck(this.ref, false, this.timeout, keys);
  }

  /** Resolves when all of `keys` are set. @throws DistributedError `DISTRIBUTED_TIMEOUT`, naming the keys that are not. */
  async wait(keys: string[], options: WaitOptions = {}): Promise<void> {
    const { timeout = this.timeout, signal } = options;
    const deadline = Date.now() + timeout;
    for (let delay = 1; ; delay = Math.min(2 * delay, 50)) {
      signal?.throwIfAborted();
      if (await this.check(keys)) return;
      const left = deadline - Date.now();
      if (left <= 0) throw await this.missing(keys, timeout);
      await pause(Math.min(delay, left));
    }
  }
  waitSync(keys: string[], options: { timeout?: number } = {}): void {
    const { timeout = this.timeout } = options;
    if (native.storeWait(this.ref, keys, timeout)) return;
    throw this.timedOut(
      keys.filter((key) => !this.checkSync([key])),
      timeout,
    );
  }

  /** Removes `key`; false when it was not there. */
  deleteKey(key: string): Promise<boolean> {
    return this.run(native.storeDeleteKey, key);
  }
  deleteKeySync(key: string): boolean {
    return native.storeDeleteKey(this.ref, false, this.timeout, key);
  }

  /**
   * Sets `key` to `desired` when its value is `expected` (empty: when it is not set), and returns the value it has then.
   * Atomic.
   */
  compareSet(key: string, expected: string | Uint8Array, desired: string | Uint8Array): Promise<Uint8Array> {
    return this.run(native.storeCompareSet, key, bytesOf(expected), bytesOf(desired));
  }
  compareSetSync(key: string, expected: string | Uint8Array, desired: string | Uint8Array): Uint8Array {
    return native.storeCompareSet(this.ref, false, this.timeout, key, bytesOf(expected), bytesOf(desired));
  }

  /** How many keys there are; a `TCPStore` counts one of its own. */
  numKeys(): Promise<number> {
    return this.run(native.storeNumKeys);
  }
  numKeysSync(): number {
    return native.storeNumKeys(this.ref, false, this.timeout);
  }

  /** Lets go of the store. With its last user the server of a `TCPStore` ends, and the file of a `FileStore` goes. */
  close(): void {
    native.storeClose(this.ref);
  }

  /**
   * An operation that is given up when the store does not answer: behind a dead link its thread may wait for ever, but
   * nobody waits for the thread.
   */
  private run<Arguments extends unknown[], Result>(
    operation: StoreOperation<Arguments, Result>,
    ...args: Arguments
  ): Promise<Result> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(
          new DistributedError(
            'DISTRIBUTED_TIMEOUT',
            `${this.describe()} has not answered for ${this.timeout} ms. Is its host alive, and is it this job's store that listens there?`,
          ),
        );
      }, this.timeout);
      operation(this.ref, true, this.timeout, ...args)
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
    });
  }

  private async missing(keys: string[], timeout: number): Promise<Error> {
    const missing: string[] = [];
    for (const key of keys) if (!(await this.check([key]))) missing.push(key);
    return this.timedOut(missing, timeout);
  }
  private timedOut(missing: string[], timeout: number): Error {
    return new DistributedError(
      'DISTRIBUTED_TIMEOUT',
      `nobody has set ${missing.map((key) => `'${key}'`).join(', ')} in ${this.describe()} within ${timeout} ms`,
    );
  }
}

export interface TCPStoreOptions {
  /** Where the store is, as this process reaches it. The process that hosts it listens on all interfaces. */
  host: string;
  /** 0 lets the host take a free one, which `port` tells afterwards. Default 29500. */
  port?: number;
  /** Whether this process hosts the store; exactly one does. */
  isMaster?: boolean;
  /** Processes of the job, when known. */
  worldSize?: number;
  /** How long to try to reach the host, and the timeout of later calls; in milliseconds, default 300,000. */
  timeout?: number;
}

/** A store in the memory of one process, which the others reach by TCP. The protocol is PyTorch's. */
export class TCPStore extends Store {
  private constructor(
    handle: StoreHandle,
    readonly host: string,
    readonly port: number,
    readonly isMaster: boolean,
    timeout: number,
  ) {
    super(handle, timeout);
  }

  /**
   * Hosts a store or connects to one. Resolves when it can be used; other processes are not waited for.
   *
   * @throws DistributedError `DISTRIBUTED_ADDRESS_IN_USE` when the port is taken, `DISTRIBUTED_TIMEOUT` when the host
   * cannot be reached in time.
   */
  static async open(options: TCPStoreOptions): Promise<TCPStore> {
    requireStores();
    const { host, port = 29500, isMaster = false, worldSize = 0, timeout = defaultStoreTimeout } = options;
    if (!Number.isInteger(port) || port < 0 || port > 65535)
      throw new DistributedError('DISTRIBUTED_ARGUMENT', `port must be an integer from 0 to 65535, got ${port}`);
    if (port === 0 && !isMaster)
      throw new DistributedError(
        'DISTRIBUTED_ARGUMENT',
        'port 0 is for the process that hosts the store; the others need the port it got',
      );
    const deadline = Date.now() + timeout;
    // The library's client tries once a second; a host that starts together with us is there in a few milliseconds.
    if (!isMaster) await waitForListener(host, port, deadline);
    try {
      const left = Math.max(deadline - Date.now(), 100);
      const [handle, taken] = await native.storeTcp(host, port, worldSize, isMaster, left);
      return new TCPStore(handle, host, taken, isMaster, timeout);
    } catch (error) {
      throw TCPStore.explain(error, host, port, isMaster, timeout);
    }
  }

  describe(): string {
    return `the store at ${this.host}:${this.port}`;
  }

  reconnect(): Promise<Store> {
    return TCPStore.open({ host: this.host, port: this.port, timeout: this.timeout });
  }

  private static explain(error: unknown, host: string, port: number, isMaster: boolean, timeout: number): unknown {
    if (!(error instanceof DistributedError)) return error;
    if (error.code === 'DISTRIBUTED_ADDRESS_IN_USE')
      return new DistributedError(
        error.code,
        `port ${port} of this machine is taken by another program (or an earlier run that has not ended). Use another one, or 0 for a free one`,
        { cause: error },
      );
    if (!isMaster)
      return new DistributedError(
        'DISTRIBUTED_TIMEOUT',
        `the store at ${host}:${port} could not be reached within ${timeout} ms (${error.message}). Does rank 0 run, is the address right, and does a firewall let it through?`,
        { cause: error },
      );
    return error;
  }
}

/** A store in a file that all processes can reach and lock. The file must be new for each job. */
export class FileStore extends Store {
  /** @param options.worldSize processes of the job: the last one that closes the store removes the file; else it stays */
  constructor(
    readonly path: string,
    options: { worldSize?: number; timeout?: number } = {},
  ) {
    requireStores();
    super(native.storeFile(path, options.worldSize ?? -1), options.timeout ?? defaultStoreTimeout);
  }
  describe(): string {
    return `the store in ${this.path}`;
  }
  /** Nothing waits in it, so one connection is enough. */
  async reconnect(): Promise<Store> {
    return this;
  }
}

/** A store within this process, for groups of one and for tests. */
export class HashStore extends Store {
  constructor(options: { timeout?: number } = {}) {
    requireStores();
    super(native.storeHash(), options.timeout ?? defaultStoreTimeout);
  }
  describe(): string {
    return 'the store of this process';
  }
  async reconnect(): Promise<Store> {
    return this;
  }
}

/** The part of another store whose keys begin with `prefix/`. */
export class PrefixStore extends Store {
  private connection: Store | null = null;

  constructor(
    readonly prefix: string,
    readonly store: Store,
  ) {
    super(native.storePrefix(prefix, store.ref), store.timeout);
  }
  describe(): string {
    return `'${this.prefix}' of ${this.store.describe()}`;
  }
  async reconnect(): Promise<Store> {
    const connection = await this.store.reconnect();
    const made = new PrefixStore(this.prefix, connection);
    if (connection !== this.store) made.connection = connection;
    return made;
  }
  /** Lets go of this view; the store itself stays open. */
  override close(): void {
    super.close();
    this.connection?.close();
  }
}

/** Resolves when something listens there, or when the time is over. */
async function waitForListener(host: string, port: number, deadline: number): Promise<void> {
  for (let delay = 5; Date.now() < deadline; delay = Math.min(2 * delay, 200)) {
    const socket = connect({ host, port });
    const connected = await Promise.race([
      once(socket, 'connect').then(
        () => true,
        () => false,
      ),
      pause(Math.max(deadline - Date.now(), 0), false, { ref: false }),
    ]);
    socket.destroy();
    if (connected) return;
    await pause(delay);
  }
}

const decoder = new TextDecoder();
/** A value that was written as text. */
export const textOf = (value: Uint8Array): string => decoder.decode(value);
