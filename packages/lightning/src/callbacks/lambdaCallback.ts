import { LightningError } from '../errors.js';
import { type HookName, hookNames } from '../hooks/trainerHooks.js';
import { nearestNames } from '../nearestNames.js';
import { Callback } from './callback.js';

/** Functions for any of the callback hooks, with the arguments `(trainer, module, ...)` of the hook. */
export type LambdaHooks = { readonly [Name in LambdaHookName]?: Callback[Name] };

/** The hooks of a run, and the two for checkpoints. */
type LambdaHookName = Extract<HookName, keyof Callback> | 'onSaveCheckpoint' | 'onLoadCheckpoint';

const lambdaHooks: readonly string[] = [...hookNames, 'onSaveCheckpoint', 'onLoadCheckpoint'];

/**
 * A callback made of plain functions: `new LambdaCallback({ onTrainEpochEnd: (trainer) => console.log(trainer.currentEpoch) })`.
 */
export class LambdaCallback extends Callback {
  /** @throws LightningError OPTION_UNKNOWN for a name that is no hook, HOOK_INVALID for a value that is no function */
  constructor(hooks: LambdaHooks) {
    super();
    for (const [name, hook] of Object.entries(hooks)) {
      if (!lambdaHooks.includes(name)) {
        const near = nearestNames(name, lambdaHooks).map((candidate) => `'${candidate}'`);
        const hint = near.length > 0 ? `Did you mean ${near.join(' or ')}?` : `Hooks: ${lambdaHooks.join(', ')}.`;
        throw new LightningError('OPTION_UNKNOWN', `LambdaCallback: '${name}' is no hook. ${hint}`);
      }
      if (hook === undefined) continue;
      if (typeof hook !== 'function') {
        throw new LightningError('HOOK_INVALID', `LambdaCallback: ${name} is ${typeof hook}. Give a function.`);
      }
      Object.defineProperty(this, name, { value: hook, enumerable: true });
    }
  }
}
