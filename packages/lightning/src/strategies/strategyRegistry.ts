import { warn } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';
import { nearestNames } from '../nearestNames.js';
import { DDPStrategy, type DDPStrategyOptions } from './ddpStrategy.js';
import type { Strategy } from './strategy.js';

export interface StrategyEntry {
  readonly name: string;
  readonly description: string;
  /** Makes one for a Trainer. */
  readonly create: () => Strategy;
}

export interface RegisterOptions {
  readonly description?: string;
  /** Whether the name may be taken already. Default false. */
  readonly override?: boolean;
}

const entries = new Map<string, StrategyEntry>();

/** The strategies that a Trainer knows by name, beside `'auto'` and `'single_device'`. */
export const StrategyRegistry = {
  /** Adds one: `StrategyRegistry.register('my_ddp', () => new DDPStrategy({ staticGraph: true }))`. @throws LightningError OPTION_CONFLICT */
  register(name: string, create: () => Strategy, { description = '', override = false }: RegisterOptions = {}): void {
    if (entries.has(name.toLowerCase()) && !override)
      throw new LightningError(
        'OPTION_CONFLICT',
        `There is a strategy '${name}' already. Use another name, or { override: true } to replace it.`,
      );
    entries.set(name.toLowerCase(), { name: name.toLowerCase(), description, create });
  },

  /** Takes one away; false when there was none. */
  remove(name: string): boolean {
    return entries.delete(name.toLowerCase());
  },

  has(name: string): boolean {
    return entries.has(name.toLowerCase());
  },

  /** @throws LightningError OPTION_INVALID, OPTION_UNAVAILABLE */
  get(name: string): StrategyEntry {
    const found = entries.get(name.toLowerCase());
    if (found !== undefined) return found;
    const later = /^(fsdp|deepspeed|xla|single_xla|single_tpu)/.test(name.toLowerCase());
    const names = ['auto', 'single_device', ...entries.keys()];
    const near = nearestNames(name, names).map((candidate) => `'${candidate}'`);
    throw new LightningError(
      later ? 'OPTION_UNAVAILABLE' : 'OPTION_INVALID',
      `strategy '${name}' is not ${later ? 'available in this version' : 'known'}. ` +
        (near.length > 0 && !later
          ? `Did you mean ${near.join(' or ')}?`
          : `Use ${names.map((one) => `'${one}'`).join(', ')}, or a Strategy.`),
    );
  },

  get names(): string[] {
    return [...entries.keys()];
  },
};

const variants: readonly (readonly [string, DDPStrategyOptions])[] = [
  ['', {}],
  ['_find_unused_parameters_false', { findUnusedParameters: false }],
  ['_find_unused_parameters_true', { findUnusedParameters: true }],
];

for (const [suffix, options] of variants) {
  const words = options.findUnusedParameters === true ? ', looking for parameters without a part in the loss' : '';
  StrategyRegistry.register(`ddp${suffix}`, () => new DDPStrategy(options), {
    description: `Data-parallel training in processes that run the script again${words}.`,
  });
  for (const kind of ['ddp_spawn', 'ddp_fork'])
    StrategyRegistry.register(
      `${kind}${suffix}`,
      () => {
        warn(
          'STRATEGY_ALIAS',
          `strategy '${kind}${suffix}' is 'ddp${suffix}' here: Node can neither fork a running program nor send it to another process, ` +
            'so the processes run the script from its beginning.',
        );
        return new DDPStrategy(options);
      },
      { description: `The same as ddp${suffix}.` },
    );
  StrategyRegistry.register(
    `ddp_notebook${suffix}`,
    () => {
      throw new LightningError(
        'OPTION_UNAVAILABLE',
        `strategy 'ddp_notebook${suffix}' needs processes that begin in the middle of a program, which Node does not have. Put the training ` +
          "into a script and use 'ddp', or use one device in the notebook.",
      );
    },
    { description: 'Not available: processes cannot begin in the middle of a notebook.' },
  );
}
