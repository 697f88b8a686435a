import { Callback } from '../callbacks/callback.js';
import { hookNames } from '../hooks/trainerHooks.js';
import type { AnyLightningModule } from '../module/lightningModule.js';

/** The methods of a module that a run calls beside its hooks. */
const moduleMethods = [
  'configureCallbacks',
  'prepareData',
  'configureModel',
  'configureOptimizers',
  'trainDataloader',
  'valDataloader',
  'testDataloader',
  'predictDataloader',
  'onBeforeBatchTransfer',
  'transferBatchToDevice',
  'onAfterBatchTransfer',
  'trainingStep',
  'validationStep',
  'testStep',
  'predictStep',
  'forward',
  'backward',
  'optimizerStep',
  'optimizerZeroGrad',
  'lrSchedulerStep',
  'configureGradientClipping',
  'clipGradients',
  'onValidationModelZeroGrad',
  'onValidationModelEval',
  'onTestModelEval',
  'onPredictModelEval',
  'onSaveCheckpoint',
  'onLoadCheckpoint',
] as const;

type AnyFunction = (...args: unknown[]) => unknown;

/** Writes the name of every callback hook that runs to a list, each as `C.<hook>`. */
export class RecordingCallback extends Callback {
  constructor(readonly calls: string[] = []) {
    super();
    for (const name of [...hookNames, 'onSaveCheckpoint', 'onLoadCheckpoint'] as const) {
      (this as unknown as Record<string, AnyFunction>)[name] = () => {
        this.calls.push(`C.${name}`);
      };
    }
  }

  override stateDict(): Record<string, unknown> {
    this.calls.push('C.stateDict');
    return { recorded: true };
  }

  override loadStateDict(): void {
    this.calls.push('C.loadStateDict');
  }
}

/**
 * Writes the name of everything a run calls on a module to a list, each as `M.<name>`: its hooks, and the methods it has. What
 * the module does stays the same.
 */
export function recordModule<Module extends AnyLightningModule>(module: Module, calls: string[]): Module {
  const target = module as unknown as Record<string, AnyFunction | undefined>;
  const standsIn: Record<string, AnyFunction> = {
    onValidationModelZeroGrad: () => module.zeroGrad(),
    onValidationModelEval: () => module.eval(),
    onTestModelEval: () => module.eval(),
    onPredictModelEval: () => module.eval(),
    onBeforeBatchTransfer: (batch) => batch,
    transferBatchToDevice: (batch) => batch,
    onAfterBatchTransfer: (batch) => batch,
    configureCallbacks: () => [],
    prepareData: () => {},
    configureModel: () => {},
    onSaveCheckpoint: () => {},
    onLoadCheckpoint: () => {},
  };
  const names = new Set<string>([...hookNames.filter((name) => !callbackOnly.includes(name)), ...moduleMethods]);
  for (const name of names) {
    const own = target[name];
    const isHook = (hookNames as readonly string[]).includes(name);
    const stand = standsIn[name];
    if (own === undefined && !isHook && stand === undefined) continue;
    Object.defineProperty(module, name, {
      configurable: true,
      enumerable: false,
      value: (...args: unknown[]) => {
        calls.push(`M.${name}`);
        return own === undefined ? stand?.(...args) : own.apply(module, args);
      },
    });
  }
  return module;
}

const callbackOnly: readonly string[] = ['onSanityCheckStart', 'onSanityCheckEnd', 'onException'];
