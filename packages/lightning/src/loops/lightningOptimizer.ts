import type { Closure, Optimizer, OptimizerState, ParamGroup } from '@lightning-ts/torch/optim';
import { LightningError } from '../errors.js';

/** The loss that a step's closure gave, if any. */
export type StepLoss = ReturnType<Optimizer['step']>;

/** What stepping an optimizer needs of the run. */
export interface OptimizerHost {
  /** Runs after the gradients are there and before the update. */
  beforeUpdate(handle: LightningOptimizer): void;
  /** Steps in the precision's way; null: `optimizer.step(closure)`. */
  readonly precisionStep: ((optimizer: Optimizer, closure: Closure) => StepLoss) | null;
  /** Counts a step made by hand. */
  countManualStep(phase: 'ready' | 'completed', handle: LightningOptimizer): void;
  readonly isManual: boolean;
  /** Runs something while only one optimizer's parameters take gradients. */
  toggled<T>(handle: LightningOptimizer, fn: () => T): T;
}

/**
 * An optimizer as modules see it: `step` runs the hooks that belong to an update. Everything else is the optimizer's own.
 */
export class LightningOptimizer {
  private closure: Closure | null = null;

  constructor(
    /** The optimizer itself. Stepping it directly leaves the hooks out. */
    readonly optimizer: Optimizer,
    private readonly host: OptimizerHost,
  ) {}

  get paramGroups(): ParamGroup[] {
    return this.optimizer.paramGroups;
  }

  get state(): Optimizer['state'] {
    return this.optimizer.state;
  }

  /** Updates the parameters. `closure` computes the loss and its gradients first; its loss is returned. */
  step(closure?: Closure): StepLoss {
    const { host, optimizer } = this;
    if (closure !== undefined && typeof closure !== 'function') {
      throw new LightningError(
        'OPTIMIZATION_MODE',
        `step takes a function that computes the loss, got ${typeof closure}. Call optimizer.step() or optimizer.step(() => loss).`,
      );
    }
    this.closure = closure ?? null;
    if (host.isManual) host.countManualStep('ready', this);
    const loss =
      host.precisionStep === null
        ? optimizer.step(this.computeThenPrepare)
        : host.precisionStep(optimizer, this.computeThenPrepare);
    if (host.isManual) host.countManualStep('completed', this);
    this.closure = null;
    return loss;
  }

  /** Runs `fn` while only this optimizer's parameters take gradients. In manual optimization. */
  toggleModel<T>(fn: () => T): T {
    return this.host.toggled(this, fn);
  }

  /** Clears the gradients of this optimizer's parameters. */
  zeroGrad(options?: { setToNone?: boolean }): void {
    this.optimizer.zeroGrad(options);
  }

  addParamGroup(group: Parameters<Optimizer['addParamGroup']>[0]): void {
    this.optimizer.addParamGroup(group);
  }

  stateDict(): OptimizerState {
    return this.optimizer.stateDict();
  }

  loadStateDict(state: OptimizerState): void {
    this.optimizer.loadStateDict(state);
  }

  /** Made once: optimizers that run the closure several times get the hooks each time. */
  private readonly computeThenPrepare = (): StepLoss => {
    const loss = this.closure === null ? null : (this.closure() ?? null);
    this.host.beforeUpdate(this);
    return loss;
  };
}

/**
 * The optimizers of a run. A module with one can use the list as if it were that optimizer; a module with several takes it
 * apart: `const [generator, discriminator] = this.optimizers()`.
 */
export class OptimizerList extends Array<LightningOptimizer> {
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  /** The single optimizer. @throws LightningError OPTIMIZER_COUNT when there are several or none */
  get only(): LightningOptimizer {
    if (this.length === 1) return this[0]!;
    throw new LightningError(
      'OPTIMIZER_COUNT',
      `There are ${this.length} optimizers, so it is not clear which one is meant. Take the one you need: ` +
        'const [first, second] = this.optimizers().',
    );
  }

  get optimizer(): Optimizer {
    return this.only.optimizer;
  }

  get paramGroups(): ParamGroup[] {
    return this.only.paramGroups;
  }

  get state(): Optimizer['state'] {
    return this.only.state;
  }

  step(closure?: Closure): StepLoss {
    return this.only.step(closure);
  }

  zeroGrad(options?: { setToNone?: boolean }): void {
    this.only.zeroGrad(options);
  }
}

/** The tuple types of `optimizers(count)`. */
export interface OptimizerTuple {
  1: [LightningOptimizer];
  2: [LightningOptimizer, LightningOptimizer];
  3: [LightningOptimizer, LightningOptimizer, LightningOptimizer];
  4: [LightningOptimizer, LightningOptimizer, LightningOptimizer, LightningOptimizer];
}
