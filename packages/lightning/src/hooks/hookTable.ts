import type { Callback } from '../callbacks/callback.js';
import { LightningError } from '../errors.js';
import type { LightningDataModule } from '../module/dataModule.js';
import { describe } from '../module/hparams.js';
import type { LightningModule } from '../module/lightningModule.js';
import type { Profiler } from '../profilers/profiler.js';
import type { Trainer } from '../trainer/trainer.js';
import { refusePromise } from './refusePromise.js';
import { type HookArguments, type HookName, hookNames, overridable, removedHooks } from './trainerHooks.js';

type HookFunction = (...args: unknown[]) => unknown;

interface Listener {
  /** Who listens, for error messages. */
  readonly owner: string;
  readonly run: HookFunction;
}

/** Where callbacks that watch metrics come after the module. */
const metricHooks: ReadonlySet<HookName> = new Set<HookName>(['onTrainBatchEnd', 'onValidationEnd', 'onTrainEpochEnd']);

/** Which hook is running: `log` decides by it what it may do. */
export interface HookScope {
  hook: string | null;
}

/** Who takes part in a run. */
export interface HookOwners {
  readonly trainer: Trainer;
  readonly module: LightningModule;
  readonly dataModule: LightningDataModule | null;
  readonly callbacks: readonly Callback[];
  /** Measures every hook; without one no hook is wrapped. */
  readonly profiler?: Profiler | null;
}

/**
 * Who listens to which hook, found out once for a run. A hook that nobody wrote costs one comparison.
 *
 * Callbacks run before the module, except that callbacks that watch metrics get the hooks in which they save and decide after
 * it: a checkpoint then holds what the module's own hook did, which a resumed run does not repeat. A data module comes before
 * both, for `onException` after them.
 */
export class HookTable {
  private readonly listeners = {} as Record<HookName, readonly Listener[]>;
  private readonly moduleBatchStart: HookFunction | null = null;

  constructor(
    owners: HookOwners,
    private readonly scope: HookScope,
  ) {
    const { trainer, module, dataModule, callbacks, profiler = null } = owners;
    for (const owner of [module, dataModule, ...callbacks]) if (owner !== null) refuseRemovedHooks(owner);
    for (const name of hookNames) {
      const ofModule = measured(listen(module, name, []), '[LightningModule]', module, name, profiler);
      const ofData =
        dataModule === null
          ? []
          : measured(listen(dataModule, name, []), '[LightningDataModule]', dataModule, name, profiler);
      const ofCallbacks = (list: readonly Callback[]) =>
        list.flatMap((callback) =>
          measured(listen(callback, name, [trainer, module]), '[Callback]', callback, name, profiler),
        );
      if (metricHooks.has(name)) {
        const watching = callbacks.filter((callback) => callback.monitorsMetrics);
        const others = callbacks.filter((callback) => !callback.monitorsMetrics);
        this.listeners[name] = [...ofData, ...ofCallbacks(others), ...ofModule, ...ofCallbacks(watching)];
      } else if (name === 'onException') this.listeners[name] = [...ofCallbacks(callbacks), ...ofData];
      else if (name === 'onTrainBatchStart') this.listeners[name] = ofCallbacks(callbacks);
      else this.listeners[name] = [...ofData, ...ofCallbacks(callbacks), ...ofModule];
      if (name === 'onTrainBatchStart') this.moduleBatchStart = ofModule[0]?.run ?? null;
    }
  }

  /** Whether anybody listens. */
  has(name: HookName): boolean {
    return this.listeners[name].length > 0;
  }

  /** Whether the module has an `onTrainBatchStart`, which may skip the rest of an epoch. */
  get mayAskToSkip(): boolean {
    return this.moduleBatchStart !== null;
  }

  /** Calls the listeners one after another. Returns a promise only when one of them did. */
  call<Name extends Exclude<HookName, 'onTrainBatchStart'>>(
    name: Name,
    ...args: HookArguments<Name>
  ): Promise<void> | undefined {
    const list = this.listeners[name];
    return list.length === 0 ? undefined : this.callFrom(list, name, args);
  }

  /** Calls `onTrainBatchStart`. True when the module asks to skip the rest of the epoch by returning -1. */
  callTrainBatchStart(batch: unknown, batchIdx: number): boolean | Promise<boolean> {
    const { moduleBatchStart } = this;
    const list = this.listeners.onTrainBatchStart;
    if (list.length === 0 && moduleBatchStart === null) return false;
    const pending = this.callFrom(list, 'onTrainBatchStart', [batch, batchIdx]);
    const ask = (): boolean | Promise<boolean> => {
      if (moduleBatchStart === null) return false;
      const answer = this.inScope('onTrainBatchStart', () => moduleBatchStart(batch, batchIdx));
      return isPromise(answer) ? answer.then(asksToSkip) : asksToSkip(answer);
    };
    return pending === undefined ? ask() : pending.then(ask);
  }

  /**
   * Calls the listeners of a hook inside a step, which cannot wait.
   *
   * @throws LightningError HOOK_ASYNC when one returns a promise
   */
  callSync<Name extends 'onBeforeZeroGrad' | 'onBeforeBackward' | 'onAfterBackward' | 'onBeforeOptimizerStep'>(
    name: Name,
    ...args: HookArguments<Name>
  ): void {
    const list = this.listeners[name];
    if (list.length === 0) return;
    const before = this.scope.hook;
    this.scope.hook = name;
    try {
      for (const { owner, run } of list) {
        const result = run(...args);
        if (result !== undefined) refusePromise(owner, name, result);
      }
    } finally {
      this.scope.hook = before;
    }
  }

  /** Calls every listener even when some fail, and returns what they threw. */
  async callAll<Name extends HookName>(name: Name, ...args: HookArguments<Name>): Promise<unknown[]> {
    const errors: unknown[] = [];
    for (const listener of this.listeners[name]) {
      try {
        await this.callFrom([listener], name, args);
      } catch (error) {
        errors.push(error);
      }
    }
    return errors;
  }

  /** Runs `fn` as the hook `name`, for what may be logged in it. */
  inScope<T>(name: string, fn: () => T): T {
    const before = this.scope.hook;
    this.scope.hook = name;
    let result: T;
    try {
      result = fn();
    } catch (error) {
      this.scope.hook = before;
      throw error;
    }
    if (!isPromise(result)) {
      this.scope.hook = before;
      return result;
    }
    return result.finally(() => {
      this.scope.hook = before;
    }) as T;
  }

  private callFrom(list: readonly Listener[], name: HookName, args: readonly unknown[]): Promise<void> | undefined {
    const before = this.scope.hook;
    let pending: Promise<void> | undefined;
    this.scope.hook = name;
    try {
      for (let index = 0; index < list.length; index += 1) {
        const result = list[index]!.run(...args);
        if (!isPromise(result)) continue;
        pending = this.finishAsync(result, list, index + 1, args, before);
        return pending;
      }
    } finally {
      if (pending === undefined) this.scope.hook = before;
    }
    return undefined;
  }

  private async finishAsync(
    first: Promise<unknown>,
    list: readonly Listener[],
    next: number,
    args: readonly unknown[],
    before: string | null,
  ): Promise<void> {
    try {
      await first;
      for (let index = next; index < list.length; index += 1) await list[index]!.run(...args);
    } finally {
      this.scope.hook = before;
    }
  }
}

/** @throws LightningError HOOK_RETURN for anything that means neither yes nor no */
function asksToSkip(answer: unknown): boolean {
  if (answer === undefined || answer === null || answer === -1) return answer === -1;
  throw new LightningError(
    'HOOK_RETURN',
    `onTrainBatchStart returned ${describe(answer)}. Return -1 to skip the rest of the epoch, or nothing.`,
  );
}

/** Whether something must be awaited. */
export function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

function listen(owner: object, name: HookName, leading: readonly unknown[]): Listener[] {
  const hook: unknown = (owner as Record<string, unknown>)[name];
  if (hook === undefined || hook === null) return [];
  const ownerName = owner.constructor.name;
  if (typeof hook !== 'function') {
    throw new LightningError('HOOK_INVALID', `${ownerName}.${name} is ${describe(hook)}; a hook must be a function.`);
  }
  return [{ owner: ownerName, run: (hook as HookFunction).bind(owner, ...leading) }];
}

/** The same listeners, each as an action of the profiler: `[Callback]<state key>.on_train_start`. */
function measured(
  listeners: Listener[],
  kind: string,
  owner: object,
  name: HookName,
  profiler: Profiler | null,
): Listener[] {
  if (profiler === null) return listeners;
  const label = 'stateKey' in owner ? String(owner.stateKey) : owner.constructor.name;
  const action = `${kind}${label}.${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
  return listeners.map((listener) => ({
    owner: listener.owner,
    run: (...args) => profiler.profile(action, () => listener.run(...args)),
  }));
}

function refuseRemovedHooks(owner: object): void {
  const members = owner as Record<string, unknown>;
  for (const [name, replacement] of Object.entries(removedHooks)) {
    if (typeof members[name] !== 'function') continue;
    throw new LightningError(
      'HOOK_REMOVED',
      `${owner.constructor.name}.${name} is never called: that hook no longer exists. Use ${replacement}.`,
    );
  }
  for (const [name, ours] of pythonNames) {
    if (typeof members[name] !== 'function') continue;
    throw new LightningError(
      'HOOK_REMOVED',
      `${owner.constructor.name}.${name} is never called: names are in camelCase here. Call it ${ours}.`,
    );
  }
}

/** The hooks and methods as Python spells them: written by habit, they would never run. */
const pythonNames = [...hookNames, ...overridable]
  .map((name) => [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), name] as const)
  .filter(([python, ours]) => python !== ours);
