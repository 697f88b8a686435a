import type { Tensor } from '@lightning-ts/torch';
import type { Optimizer } from '@lightning-ts/torch/optim';
import { LightningError } from '../errors.js';
import { isPromise } from '../hooks/hookTable.js';
import type { StepOutputs } from '../hooks/trainerHooks.js';
import type { BackwardOptions } from '../module/moduleContext.js';
import type { LightningOptimizer } from './lightningOptimizer.js';
import type { FitRun, TrainStep } from './run.js';
import { manualStepOutputs, skipNullBatch } from './stepOutput.js';

/** One batch of manual optimization: `trainingStep` does everything. */
export class ManualStep implements TrainStep {
  constructor(private readonly run: Omit<FitRun, 'step'>) {}

  takeBatch(batch: unknown, batchIdx: number): StepOutputs | Promise<StepOutputs> {
    const { module, precision, scope, strategy } = this.run;
    if (batch === null) return skipNullBatch(strategy.worldSize);
    scope.hook = 'trainingStep';
    let output: unknown;
    try {
      const step = (): unknown => module.trainingStep!(batch, batchIdx);
      const inPrecision = (): unknown => (precision.runStep === undefined ? step() : precision.runStep(step));
      output = strategy.runTrainingStep === undefined ? inPrecision() : strategy.runTrainingStep(inPrecision);
    } catch (error) {
      scope.hook = null;
      throw error;
    }
    if (!isPromise(output)) {
      scope.hook = null;
      return manualStepOutputs(output, module);
    }
    return output
      .then((result) => manualStepOutputs(result, module))
      .finally(() => {
        scope.hook = null;
      });
  }
}

/** `manualBackward`: backward with its hooks. @throws LightningError OPTIMIZATION_MODE in automatic mode */
export function manualBackward(run: FitRun, loss: Tensor, options?: BackwardOptions): void {
  const { hooks, module, precision, strategy } = run;
  if (module.automaticOptimization) {
    throw new LightningError(
      'OPTIMIZATION_MODE',
      `${module.constructor.name} called manualBackward, but its optimization is automatic. Return the loss from trainingStep, or ` +
        'set this.automaticOptimization = false in the constructor.',
    );
  }
  const scaled = precision.scaleLoss === undefined ? loss : precision.scaleLoss(loss);
  hooks.callSync('onBeforeBackward', scaled);
  strategy.backward(module, scaled, options);
  hooks.callSync('onAfterBackward');
}

/** Which parameters took gradients before `toggleOptimizer`. */
export class OptimizerToggle {
  private remembered = new Map<Tensor, boolean>();

  /** @param optimizers all of the run */
  constructor(private readonly optimizers: readonly LightningOptimizer[]) {}

  /** Turns gradients off for the parameters of all optimizers, and back to what they were for those of `chosen`. */
  toggle(chosen: LightningOptimizer | Optimizer): void {
    this.restore();
    for (const parameter of this.optimizers.flatMap(parametersOf)) {
      if (this.remembered.has(parameter)) continue;
      this.remembered.set(parameter, parameter.requiresGrad);
      parameter.requiresGrad = false;
    }
    for (const parameter of parametersOf(chosen)) parameter.requiresGrad = this.remembered.get(parameter) ?? true;
  }

  /** Puts every parameter back to what it was. */
  restore(): void {
    for (const [parameter, requiresGrad] of this.remembered) parameter.requiresGrad = requiresGrad;
    this.remembered.clear();
  }
}

function parametersOf(optimizer: LightningOptimizer | Optimizer): Tensor[] {
  return optimizer.paramGroups.flatMap((group) => group.params);
}
