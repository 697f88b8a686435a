import { Tensor } from '@lightning-ts/torch';
import { isPlainObject } from '../../describe.js';
import { encodeMessage, type SummaryValue } from './eventMessages.js';

/** What the hparams view can show of a hyperparameter. */
export type HparamValue = number | string | boolean;

/** The kinds of hyperparameters, by the numbers of the plugin's file format. */
const kinds = { string: 1, boolean: 2, number: 3 } as const;

/** The domain of a hyperparameter: the values it may take, for the view's filters. */
export type HparamDomains = Readonly<Record<string, readonly HparamValue[]>>;

/** The three summaries that make a run a row of the hparams view: what it was given, which metrics it has, and that it ended. */
export function hparamsSummaries(
  hparams: Readonly<Record<string, HparamValue>>,
  metricTags: readonly string[],
  domains: HparamDomains = {},
): SummaryValue[] {
  const hparam_infos = Object.entries(hparams).map(([name, value]) => ({
    name,
    type: kinds[typeof value as keyof typeof kinds],
    ...(domains[name] === undefined ? {} : { domain_discrete: { values: domains[name].map(valueMessage) } }),
  }));
  const metric_infos = metricTags.map((tag) => ({ name: { tag } }));
  const values = Object.fromEntries(Object.entries(hparams).map(([name, value]) => [name, valueMessage(value)]));
  return [
    pluginValue('_hparams_/experiment', { experiment: { hparam_infos, metric_infos } }),
    pluginValue('_hparams_/session_start_info', { session_start_info: { hparams: values } }),
    pluginValue('_hparams_/session_end_info', { session_end_info: { status: 1 } }),
  ];
}

function pluginValue(tag: string, content: object): SummaryValue {
  return {
    tag,
    metadata: {
      plugin_data: { plugin_name: 'hparams', content: encodeMessage('HParamsPluginData', { version: 0, ...content }) },
    },
  };
}

function valueMessage(value: HparamValue): object {
  if (typeof value === 'number') return { number_value: value };
  return typeof value === 'boolean' ? { bool_value: value } : { string_value: value };
}

/** Nested objects and arrays as one level, the parts of a name joined by `/`. */
export function flattenHparams(hparams: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const flat: Record<string, unknown> = {};
  const add = (name: string, value: unknown): void => {
    if (value instanceof Map) for (const [key, item] of value) add(`${name}/${String(key)}`, item);
    else if (isPlainObject(value)) for (const [key, item] of Object.entries(value)) add(`${name}/${key}`, item);
    else if (Array.isArray(value) && value.length > 0 && value.every(isPlainObject))
      for (const [index, item] of value.entries()) add(`${name}/${index}`, item);
    else flat[name] = value;
  };
  for (const [name, value] of Object.entries(hparams)) add(name, value);
  return flat;
}

/** What the view shows: numbers, strings and booleans as they are, everything else as text. */
export function showableHparams(flat: Readonly<Record<string, unknown>>): Record<string, HparamValue> {
  return Object.fromEntries(Object.entries(flat).map(([name, value]) => [name, showable(value)]));
}

function showable(value: unknown): HparamValue {
  if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean') return value;
  if (value instanceof Tensor) return value.numel() === 1 ? value.item() : String(value);
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'function') return value.name || 'function';
  if (Array.isArray(value)) return JSON.stringify(value);
  return String(value) === '[object Object]' ? value.constructor?.name || 'object' : String(value);
}
