import { warn } from '../../warnings.js';
import type { Optimizer } from '../optimizer.js';
import { fail, LRScheduler, type LRSchedulerOptions, type SchedulerState } from './lrScheduler.js';

/** A factor for an epoch, counted from 0. */
export type LRLambda = (epoch: number) => number;

function lambdasFor(name: string, lambda: LRLambda | readonly LRLambda[], optimizer: Optimizer): LRLambda[] {
  const count = optimizer.paramGroups.length;
  const lambdas = typeof lambda === 'function' ? Array.from({ length: count }, () => lambda) : lambda;
  if (!Array.isArray(lambdas) || lambdas.some((entry) => typeof entry !== 'function'))
    fail(`${name} takes a function of the epoch, or a list of one for each parameter group, got ${String(lambda)}`);
  if (lambdas.length !== count)
    fail(`${name}: expected ${count} functions, one for each parameter group, got ${lambdas.length}`);
  return lambdas;
}

/** Functions cannot be saved; null stands for each. */
abstract class FunctionalLR extends LRScheduler {
  lrLambdas: LRLambda[];

  constructor(
    name: string,
    optimizer: Optimizer,
    lrLambda: LRLambda | readonly LRLambda[],
    options: LRSchedulerOptions,
  ) {
    super(optimizer, options);
    this.lrLambdas = lambdasFor(name, lrLambda, optimizer);
    this.initialStep();
  }

  override stateDict(): SchedulerState {
    return { ...super.stateDict(), lr_lambdas: this.lrLambdas.map(() => null) };
  }

  override loadStateDict(state: SchedulerState): void {
    super.loadStateDict(state);
    if (Array.isArray(state.lr_lambdas) && state.lr_lambdas.some((entry) => entry !== null))
      warn(
        'SCHEDULER_FUNCTION_STATE',
        `The state has data of Python objects that served as functions of ${this.constructor.name}; it is not used. The functions given here decide.`,
      );
  }
}

/** The initial rates times a function of the epoch: `new LambdaLR(optimizer, (epoch) => 0.95 ** epoch)`. */
export class LambdaLR extends FunctionalLR {
  /** @param lrLambda one function, or one for each parameter group */
  constructor(optimizer: Optimizer, lrLambda: LRLambda | readonly LRLambda[], options: LRSchedulerOptions = {}) {
    super('LambdaLR', optimizer, lrLambda, options);
  }

  protected override getLr(): number[] {
    return this.baseLrs.map((base, i) => base * this.lrLambdas[i]!(this.lastEpoch));
  }
}

/** The present rates times a function of the epoch, every epoch from the second on. */
export class MultiplicativeLR extends FunctionalLR {
  /** @param lrLambda one function, or one for each parameter group */
  constructor(optimizer: Optimizer, lrLambda: LRLambda | readonly LRLambda[], options: LRSchedulerOptions = {}) {
    super('MultiplicativeLR', optimizer, lrLambda, options);
  }

  protected override getLr(): number[] {
    if (this.lastEpoch <= 0) return this.mapLr((lr) => lr);
    return this.lrLambdas.map((lambda, i) => this.groups[i]!.lr * lambda(this.lastEpoch));
  }
}
