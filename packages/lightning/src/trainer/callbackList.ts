import { Callback } from '../callbacks/callback.js';
import { ModelCheckpoint } from '../callbacks/modelCheckpoint.js';
import { ModelSummary } from '../callbacks/modelSummary.js';
import { ProgressBar } from '../callbacks/progressBar.js';
import { RichModelSummary } from '../callbacks/richModelSummary.js';
import { Timer } from '../callbacks/timer.js';
import { LightningError } from '../errors.js';
import { describe } from '../module/hparams.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import { supportsRedraw } from '../terminal/style.js';
import type { ResolvedOptions } from './resolveOptions.js';

/**
 * The callbacks of a Trainer: those given, and the ones it adds unless told otherwise. Checkpoints come last, so that they save
 * what the others did.
 *
 * @throws LightningError OPTION_CONFLICT
 */
export function callbackList(options: ResolvedOptions): Callback[] {
  const list = [...options.callbacks];
  const has = (kind: abstract new (...args: never[]) => Callback): boolean =>
    list.some((callback) => callback instanceof kind);
  refuse(
    has(ModelCheckpoint) && !options.enableCheckpointing,
    'enableCheckpointing is false, but a ModelCheckpoint is given',
  );
  refuse(has(ProgressBar) && !options.enableProgressBar, 'enableProgressBar is false, but a ProgressBar is given');
  const bars = list.filter((callback) => callback instanceof ProgressBar);
  refuse(bars.length > 1, `callbacks has ${bars.length} progress bars, but there is one screen`);
  if (options.enableCheckpointing && !has(ModelCheckpoint)) list.push(new ModelCheckpoint());
  if (options.maxTime !== null && !has(Timer)) list.push(new Timer({ duration: options.maxTime }));
  if (options.enableProgressBar && !has(ProgressBar)) list.push(new ProgressBar());
  if (options.enableModelSummary && !has(ModelSummary)) list.push(defaultSummary());
  const ordered = inOrder(list);
  checkStateKeys(ordered);
  return ordered;
}

/** A table with lines and colours for a person at a terminal, plain text where the output is recorded. */
function defaultSummary(): ModelSummary {
  return supportsRedraw(process.stdout) ? new RichModelSummary() : new ModelSummary();
}

/**
 * The Trainer's callbacks with those that the module brings: one of the same class, or a class it extends, gives way.
 *
 * @throws LightningError OPTION_INVALID when the module returns something else
 */
export function withModuleCallbacks(callbacks: readonly Callback[], module: AnyLightningModule): Callback[] {
  const returned: unknown = module.configureCallbacks?.() ?? [];
  const own = Array.isArray(returned) ? returned : [returned];
  const wrong = own.find((callback) => !(callback instanceof Callback));
  if (wrong !== undefined) {
    throw new LightningError(
      'OPTION_INVALID',
      `${module.constructor.name}.configureCallbacks returned ${describe(wrong)}. Return a Callback or an array of them.`,
    );
  }
  const givesWay = (callback: Callback): boolean =>
    own.some((mine) => callback.constructor !== Callback && mine instanceof (callback.constructor as typeof Callback));
  const ordered = inOrder([...callbacks.filter((callback) => !givesWay(callback)), ...own]);
  checkStateKeys(ordered);
  return ordered;
}

function inOrder(callbacks: readonly Callback[]): Callback[] {
  const isCheckpoint = (callback: Callback): boolean => callback instanceof ModelCheckpoint;
  return [...callbacks.filter((callback) => !isCheckpoint(callback)), ...callbacks.filter(isCheckpoint)];
}

function checkStateKeys(callbacks: readonly Callback[]): void {
  const owners = new Map<string, Callback>();
  for (const callback of callbacks) {
    if (callback.stateDict === Callback.prototype.stateDict) continue;
    const { stateKey } = callback;
    const other = owners.get(stateKey);
    if (other !== undefined) {
      throw new LightningError(
        'CALLBACK_STATE_KEY',
        `Two callbacks keep their state in checkpoints as '${stateKey}': ${other.constructor.name} and ${callback.constructor.name}. ` +
          'Give one of them another stateKey.',
      );
    }
    owners.set(stateKey, callback);
  }
}

function refuse(isWrong: boolean, text: string): void {
  if (isWrong) throw new LightningError('OPTION_CONFLICT', `${text}. Leave one out.`);
}
