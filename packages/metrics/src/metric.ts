import { noGrad, stack, Tensor, warn } from '@lightning-ts/torch';
import { Module } from '@lightning-ts/torch/nn';
import { MetricError } from './errors.js';
import { mergeState, type Reduction, type StateValue } from './metricState.js';
import { gatherStates, type MetricSync } from './metricSync.js';

export interface StateOptions {
  /**
   * How the states of several batches or processes become one. Null: lists are joined; of tensors the later batch's stays,
   * and those of several processes are stacked, `[processes, ...]`.
   */
  readonly distReduceFx?: Reduction | null;
  /** Whether a tensor state is part of `stateDict`. Default false. Lists never are. */
  readonly persistent?: boolean;
}

interface StateDeclaration {
  readonly defaultValue: StateValue;
  readonly reduction: Reduction | null;
  persistent: boolean;
}

/** The states of a metric at some moment. */
export type MetricStates = Map<string, StateValue>;

/**
 * A value that is gathered over many batches: `update` takes a batch in, `compute` gives the value over all of them, `reset`
 * starts anew, and `forward` does an update and returns the value of its batch alone.
 *
 * A subclass declares its states in the constructor and writes `update` and `compute`:
 *
 * ```ts
 * class Hits extends Metric {
 *   declare hits: Tensor;
 *   declare total: Tensor;
 *   constructor() {
 *     super();
 *     this.addState('hits', torch.tensor(0), { distReduceFx: 'sum' });
 *     this.addState('total', torch.tensor(0), { distReduceFx: 'sum' });
 *   }
 *   update(preds: Tensor, target: Tensor): void {
 *     this.hits = this.hits.add(preds.eq(target).sum());
 *     this.total = this.total.add(target.numel());
 *   }
 *   compute(): Tensor {
 *     return this.hits.div(this.total);
 *   }
 * }
 * ```
 *
 * States are replaced rather than changed in place, so that a state made in inference mode can be used outside it.
 */
export abstract class Metric extends Module {
  /** Whether a larger value is better, or null where that has no meaning. */
  get higherIsBetter(): boolean | null {
    return null;
  }

  /** Metrics with equal keys keep the same states for the same inputs, so a collection updates only one of them. */
  get computeGroupKey(): string | null {
    return null;
  }

  /** Whether `forward` gives the value of the batches of all processes; default false, the value of this one's. */
  distSyncOnStep = false;
  /** Whether `compute` gives the value over all processes of `processGroup`; default true. */
  syncOnCompute = true;

  private readonly declarations = new Map<string, StateDeclaration>();
  private updates = 0;
  private computed: { readonly value: unknown } | null = null;
  private group: MetricSync | null = null;
  /** This process's own states while those of all are in their place. */
  private own: { readonly states: MetricStates; readonly updates: number } | null = null;

  constructor() {
    super();
    this.wrapMethods();
  }

  /** Takes one batch in. */
  abstract update(...inputs: never[]): void;

  /** The value over all batches since the last reset. It is kept until the next update. */
  abstract compute(): unknown;

  /** The processes that gather this metric together; null (default) for this one alone. Metrics inside share it. */
  get processGroup(): MetricSync | null {
    return this.group;
  }

  set processGroup(group: MetricSync | null) {
    for (const metric of this.modules()) if (metric instanceof Metric) metric.group = group;
  }

  /** Whether the states of all processes are in place of this one's own. */
  get isSynced(): boolean {
    return this.own !== null;
  }

  /** How often `update` ran since the last reset. */
  get updateCount(): number {
    return this.updates;
  }

  /**
   * Declares a state, which becomes the property `name`.
   *
   * @param defaultValue a tensor, or an empty array for a growing list of tensors
   * @throws MetricError STATE_NAME for a name that is taken or cannot be a property, OPTION_INVALID for a non-empty list
   */
  protected addState(name: string, defaultValue: StateValue, options: StateOptions = {}): void {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || name in this) {
      throw new MetricError(
        'STATE_NAME',
        `'${name}' cannot name a state of ${this.constructor.name}: it is taken or not a name.`,
      );
    }
    if (Array.isArray(defaultValue) && defaultValue.length > 0) {
      throw new MetricError(
        'OPTION_INVALID',
        `The list state '${name}' must start empty, but has ${defaultValue.length} items.`,
      );
    }
    const { distReduceFx = null, persistent = false } = options;
    this.declarations.set(name, { defaultValue, reduction: distReduceFx, persistent });
    this.setState(name, freshValue(defaultValue));
    this.declareBuffer(name);
  }

  /** Puts every state back to its default. */
  reset(): void {
    for (const [name, { defaultValue }] of this.declarations)
      this.setState(name, this.onDeviceOf(name, freshValue(defaultValue)));
    this.updates = 0;
    this.computed = null;
  }

  /** Updates with one batch and returns the value of that batch alone. */
  override forward(...inputs: Parameters<this['update']>): ReturnType<this['compute']> {
    const before = this.takeStates();
    const { updates } = this;
    // The update starts from the defaults when none is counted.
    this.updates = 0;
    try {
      (this.update as (...all: unknown[]) => void)(...inputs);
    } catch (error) {
      this.putStates(before, updates);
      throw error;
    }
    const { syncOnCompute } = this;
    this.syncOnCompute = this.distSyncOnStep;
    try {
      return this.compute() as ReturnType<this['compute']>;
    } finally {
      this.syncOnCompute = syncOnCompute;
      this.mergeIn(before, updates);
    }
  }

  /**
   * Puts the states of all processes, joined in the order of their ranks, in the place of this process's own. Every process
   * must call it. `unsync` puts the own states back; `compute` does both by itself where `processGroup` is set.
   *
   * @throws MetricError SYNC_STATE when they are there already
   */
  sync(processGroup: MetricSync | null = this.group): void {
    if (this.own !== null)
      throw new MetricError('SYNC_STATE', `${this.constructor.name} is synced. Call unsync first.`);
    if (processGroup === null || processGroup.worldSize === 1) return;
    const own = { states: this.takeStates(), updates: this.updates };
    const ranks = gatherStates(processGroup, own.states, own.updates);
    const [first, ...others] = ranks;
    this.putStates(first!.states, first!.updates);
    for (const { states, updates } of others) {
      const before = this.takeStates();
      const { updates: beforeUpdates } = this;
      this.putStates(states, updates);
      this.mergeIn(before, beforeUpdates);
    }
    for (const [name, { reduction, defaultValue }] of this.declarations) {
      if (reduction === null && defaultValue instanceof Tensor)
        this.setState(name, stack(ranks.map(({ states }) => states.get(name) as Tensor)));
    }
    this.own = own;
  }

  /** Puts this process's own states back. @throws MetricError SYNC_STATE when they were never replaced */
  unsync(): void {
    if (this.own === null)
      throw new MetricError('SYNC_STATE', `${this.constructor.name} is not synced. Call sync before unsync.`);
    const { states, updates } = this.own;
    this.own = null;
    this.putStates(states, updates);
  }

  /** Runs `body` with the states of all processes in place, and puts this process's own back, also when it throws. */
  synced<Value>(body: () => Value, processGroup: MetricSync | null = this.group): Value {
    if (this.own !== null) return body();
    this.sync(processGroup);
    try {
      return body();
    } finally {
      if (this.own !== null) this.unsync();
    }
  }

  /**
   * Adds another metric's gathered states to this one's. Both must be made with the same options.
   *
   * @throws MetricError OPTION_INVALID for a metric of another class
   */
  mergeState(other: Metric): void {
    if (other.constructor !== this.constructor) {
      throw new MetricError(
        'OPTION_INVALID',
        `A ${other.constructor.name} cannot be merged into a ${this.constructor.name}.`,
      );
    }
    const own = this.takeStates();
    const { updates } = this;
    this.putStates(other.takeStates(), other.updates);
    this.mergeIn(own, updates);
  }

  /** Makes all states persistent, or none: whether they are part of `stateDict`. */
  persistent(mode = true): void {
    for (const [name, declaration] of this.declarations) {
      declaration.persistent = mode;
      this.declareBuffer(name);
    }
  }

  /** A copy with its own states. */
  override clone(): this {
    const copy = Object.create(Object.getPrototypeOf(this) as object) as this;
    for (const [key, value] of Object.entries(this)) {
      if (!wrappedMethods.has(key)) Reflect.set(copy, key, key === 'group' ? value : copyOf(value));
    }
    copy.wrapMethods();
    for (const name of copy.declarations.keys()) copy.declareBuffer(name);
    return copy;
  }

  /** The current states, by name. The values are shared, not copied. */
  takeStates(): MetricStates {
    const states: MetricStates = new Map();
    for (const name of this.declarations.keys()) states.set(name, this.getState(name));
    return states;
  }

  /** Replaces the states. @param updates how many updates they stand for */
  putStates(states: MetricStates, updates: number): void {
    for (const [name, value] of states) this.setState(name, value);
    this.updates = updates;
    this.computed = null;
  }

  /** How each state is reduced over processes, by name. */
  stateReductions(): Map<string, Reduction | null> {
    return new Map([...this.declarations].map(([name, { reduction }]) => [name, reduction]));
  }

  /** Merges earlier states in front of the current ones. */
  mergeIn(earlier: MetricStates, earlierUpdates: number): void {
    for (const [name, { reduction }] of this.declarations) {
      const merged = mergeState(earlier.get(name)!, this.getState(name), reduction, earlierUpdates, this.updates);
      this.setState(name, merged);
    }
    this.updates += earlierUpdates;
    this.computed = null;
  }

  /** Before the first update: a cast of the whole model (`model.half()`) must not cost the counts their precision. */
  protected startAnew(): void {
    this.reset();
  }

  /** Loaded states go on from where they were saved: they count as an update, and nothing else shares their memory. */
  protected override prepareToLoad(read: (key: string) => Tensor | undefined): void {
    for (const [key, field, buffer, persistent] of this.ownBuffers()) {
      if (!persistent || read(key) === undefined) continue;
      this.setState(field, buffer.clone());
      this.updates = Math.max(1, this.updates);
      this.computed = null;
    }
  }

  /** Buffers move with the module, and the persistent ones are in its state dict. */
  private declareBuffer(name: string): void {
    const value = this.getState(name);
    if (value instanceof Tensor)
      this.registerBuffer(name, value, { persistent: this.declarations.get(name)!.persistent });
  }

  private getState(name: string): StateValue {
    return Reflect.get(this, name) as StateValue;
  }

  private setState(name: string, value: StateValue): void {
    Reflect.set(this, name, value);
  }

  private onDeviceOf(name: string, value: StateValue): StateValue {
    const current = this.getState(name);
    if (!(value instanceof Tensor) || !(current instanceof Tensor) || String(current.device) === String(value.device))
      return value;
    return value.to(current.device);
  }

  /** Puts counting and caching around the subclass's own `update` and `compute`. */
  private wrapMethods(): void {
    const update = Reflect.get(Object.getPrototypeOf(this), 'update', this) as (...inputs: unknown[]) => void;
    const compute = Reflect.get(Object.getPrototypeOf(this), 'compute', this) as () => unknown;
    const define = (name: string, value: (...all: never[]) => unknown): void => {
      Object.defineProperty(this, name, { value, writable: true, configurable: true, enumerable: false });
    };
    define('update', (...inputs: unknown[]): void => {
      if (this.own !== null)
        throw new MetricError('SYNC_STATE', `${this.constructor.name} is synced. Call unsync before update.`);
      if (this.updates === 0) this.startAnew();
      this.computed = null;
      noGrad(() => update.apply(this, inputs));
      this.updates += 1;
    });
    define('compute', (): unknown => {
      if (this.computed !== null) return this.computed.value;
      const evaluate = (): unknown => {
        if (this.updates === 0 && this.declarations.size > 0) {
          warn(
            'METRIC_NOT_UPDATED',
            `${this.constructor.name}.compute was called before update, so its value is that of no data at all.`,
          );
        }
        return noGrad(() => compute.call(this));
      };
      const isShared = this.group !== null && this.syncOnCompute && this.declarations.size > 0;
      const value = isShared ? this.synced(evaluate) : evaluate();
      this.computed = { value };
      return value;
    });
  }
}

const wrappedMethods = new Set(['update', 'compute']);

function freshValue(value: StateValue): StateValue {
  return Array.isArray(value) ? [] : value.clone();
}

function copyOf(value: unknown): unknown {
  if (value instanceof Tensor) return value.detach().clone();
  if (value instanceof Module) return value.clone();
  if (Array.isArray(value)) return value.map(copyOf);
  if (value instanceof Map) return new Map([...value].map(([key, entry]) => [key, copyOf(entry)]));
  if (value instanceof Set) return new Set(value);
  if (value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, copyOf(entry)]));
  }
  return value;
}
