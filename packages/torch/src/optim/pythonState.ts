import { TorchError } from '../errors.js';
import { PyFloat, Tuple } from '../serialize/pythonValues.js';
import { Tensor } from '../tensor.js';
import type { ParamState, StateValue } from './optimizer.js';

/** A parameter group as it stands in files: Python's names, parameters as numbers. */
export type PythonGroup = Record<string, unknown> & { params: number[] };

const snake = (name: string): string => name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`);
const camel = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** Settings that are whole numbers or flags in Python; every other number is written as a float. */
const integerSettings = new Set(['max_iter', 'max_eval', 'history_size', 'ns_steps']);

export function groupToPython(group: object, params: number[]): PythonGroup {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(group)) {
    if (key === 'params' || value === undefined) continue;
    const name = snake(key);
    if (typeof value === 'number') result[name] = integerSettings.has(name) ? value : new PyFloat(value);
    else if (Array.isArray(value))
      result[name] = Tuple.from(value.map((entry) => (typeof entry === 'number' ? new PyFloat(entry) : entry)));
    else result[name] = value;
  }
  result.params = params;
  return result as PythonGroup;
}

const plain = (value: unknown): unknown => (value instanceof PyFloat ? value.value : value);

export function groupFromPython(group: PythonGroup): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(group)) {
    if (key === 'params') continue;
    result[camel(key)] = Array.isArray(value) ? [...value].map(plain) : plain(value);
  }
  return result;
}

/** What stands in files for the state of one parameter. Tensors are shared. */
export function stateToPython(state: ParamState, stepAsInt: boolean): Record<string, unknown> {
  const { step } = state;
  return stepAsInt && step instanceof Tensor ? { ...state, step: step.item() } : { ...state };
}

/** Counts and rates: scalars with a precision of their own, whatever the parameter's. */
const scalarState = new Set(['step', 'eta', 'mu', 'mu_product']);

function valueFromPython(key: string, value: unknown, param: Tensor): StateValue {
  const read = plain(value);
  if (Array.isArray(read)) return [...read].map((entry) => valueFromPython(key, entry, param));
  if (!(read instanceof Tensor)) return read as number | null;
  if (scalarState.has(key) || !read.isFloatingPoint()) return read.clone();
  return read.to({ dtype: param.dtype, device: param.device, copy: true });
}

/** Floating point state follows its parameter's dtype and device, except scalars such as `step`. */
export function stateFromPython(value: unknown, param: Tensor): ParamState {
  if (typeof value !== 'object' || value === null)
    throw new TorchError('OPTIMIZER_ARGUMENT', `the saved state of a parameter must be a dict, got ${typeof value}`);
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return Object.fromEntries(entries.map(([key, entry]) => [String(key), valueFromPython(String(key), entry, param)]));
}
