import type { TrainerOptions } from './options.js';

/**
 * Options that were not given, from the environment: `PL_TRAINER_MAX_EPOCHS=3` stands for `maxEpochs: 3`. What was given wins;
 * an empty variable is none.
 */
export function withEnvironment(given: TrainerOptions, names: readonly string[], env = process.env): TrainerOptions {
  const found: Record<string, unknown> = {};
  for (const name of names) {
    if (given[name as keyof TrainerOptions] !== undefined) continue;
    const value = read(env[`PL_TRAINER_${name.replace(/[A-Z]/g, '_$&').toUpperCase()}`]);
    if (value !== undefined) found[name] = value;
  }
  return Object.keys(found).length === 0 ? given : { ...given, ...found };
}

const words: Readonly<Record<string, unknown>> = { True: true, true: true, False: false, false: false };

/** A Python or JSON literal where it is one, else the text. */
function read(text: string | undefined): unknown {
  if (text === undefined || text === '' || text === 'None' || text === 'null') return undefined;
  if (text in words) return words[text];
  if (/^-?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text)) return Number(text);
  if (/^(['"]).*\1$/.test(text)) return text.slice(1, -1);
  if (!/^[[{]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
