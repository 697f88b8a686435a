import { Tensor, tensor, warn } from '@lightning-ts/torch';
import { isPlainObject } from '../describe.js';
import { LightningError } from '../errors.js';
import { manualBackward } from '../loops/manualStep.js';
import type { FitRun } from '../loops/run.js';
import type { LightningDataModule } from '../module/dataModule.js';
import { LightningModule } from '../module/lightningModule.js';
import { type GatherOptions, type ModuleContext, setContext } from '../module/moduleContext.js';
import type { Trainer } from './trainer.js';

/** Connects a module, the LightningModules inside it, and a data module with a Trainer. */
export function attachModule(trainer: Trainer, module: LightningModule, dataModule: LightningDataModule | null): void {
  const context = contextFor(trainer);
  for (const part of module.modules()) if (part instanceof LightningModule) setContext(part, context);
  if (dataModule !== null) setContext(dataModule, context);
}

function contextFor(trainer: Trainer): ModuleContext {
  return {
    trainer,
    get device() {
      return trainer.control.status === 'running' ? trainer.strategy.rootDevice : null;
    },
    get currentEpoch() {
      return trainer.currentEpoch;
    },
    get globalStep() {
      return trainer.globalStep;
    },
    get globalRank() {
      return trainer.globalRank;
    },
    get localRank() {
      return trainer.localRank;
    },
    get loggers() {
      return trainer.loggers;
    },
    get optimizers() {
      return fitOf(trainer, 'optimizers').optimizers;
    },
    get schedulers() {
      return fitOf(trainer, 'lrSchedulers').schedulers.configs;
    },
    get clipping() {
      return trainer.options;
    },
    allGather: (data, options) => gather(data, trainer, options),
    log(_, name, value, options) {
      if (trainer.options.barebones) {
        warn('LOG_BAREBONES', 'log does nothing in a Trainer with barebones: true.');
        return;
      }
      const { active } = trainer.metrics;
      if (active === null) {
        throw new LightningError(
          'LOG_NOT_ALLOWED',
          `'${name}' was logged where nothing is gathered${trainer.predicting ? ': predict has no metrics' : ''}. Log in the steps and hooks ` +
            'of training, validation and testing.',
        );
      }
      if (options.logger === true && trainer.loggers.length === 0) {
        warn('LOG_NO_LOGGER', `'${name}' was logged with logger: true, but the Trainer has no logger.`);
      }
      active.log(trainer.lightningModule!, name, value, options);
    },
    manualBackward(loss, options) {
      manualBackward(fitOf(trainer, 'manualBackward'), loss, options);
    },
    toggleOptimizer(optimizer) {
      fitOf(trainer, 'toggleOptimizer').toggle.toggle(optimizer);
    },
    untoggleOptimizer() {
      fitOf(trainer, 'untoggleOptimizer').toggle.restore();
    },
    print: (...values) => trainer.print(...values),
  };
}

function fitOf(trainer: Trainer, member: string): FitRun {
  if (trainer.fitRun !== null) return trainer.fitRun;
  throw new LightningError('NOT_ATTACHED', `${member} is there once fit has called configureOptimizers.`);
}

/** Numbers become tensors, tensors those of all processes. */
function gather(data: unknown, trainer: Trainer, options: GatherOptions): unknown {
  const { strategy } = trainer;
  const walk = (value: unknown): unknown => {
    if (typeof value === 'number' || typeof value === 'boolean')
      return strategy.allGather(tensor(value, { device: strategy.rootDevice }), options);
    if (value instanceof Tensor) return strategy.allGather(value, options);
    if (Array.isArray(value)) return value.map(walk);
    if (!isPlainObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, walk(item)]));
  };
  return walk(data);
}
