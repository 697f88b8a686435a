import { isTensor } from '../dispatch.js';
import type { Tensor } from '../tensor.js';

const isPlain = (value: object): value is Record<string, unknown> => {
  const prototype = Object.getPrototypeOf(value) as unknown;
  return prototype === Object.prototype || prototype === null;
};

/** The tensors in a forward's output: in arrays, plain objects and Maps, however deep. */
export function tensorsIn(output: unknown, found: Tensor[] = []): Tensor[] {
  if (isTensor(output)) found.push(output);
  else if (Array.isArray(output)) for (const entry of output) tensorsIn(entry, found);
  else if (output instanceof Map) for (const entry of output.values()) tensorsIn(entry, found);
  else if (typeof output === 'object' && output !== null && isPlain(output))
    for (const entry of Object.values(output)) tensorsIn(entry, found);
  return found;
}

/** The same output with other tensors in place of some. Objects are made anew, other values are kept. */
export function replaceTensors(output: unknown, replacements: ReadonlyMap<Tensor, Tensor>): unknown {
  if (isTensor(output)) return replacements.get(output) ?? output;
  if (Array.isArray(output)) {
    const copy = output.map((entry) => replaceTensors(entry, replacements));
    return Object.getPrototypeOf(output) === Array.prototype
      ? copy
      : Object.setPrototypeOf(copy, Object.getPrototypeOf(output) as object);
  }
  if (output instanceof Map)
    return new (output.constructor as MapConstructor)(
      [...output].map(([key, entry]): [unknown, unknown] => [key, replaceTensors(entry, replacements)]),
    );
  if (typeof output === 'object' && output !== null && isPlain(output))
    return Object.fromEntries(Object.entries(output).map(([key, entry]) => [key, replaceTensors(entry, replacements)]));
  return output;
}
