import { Module } from '../nn/module.js';

/**
 * Puts other modules in the places of some: in fields, arrays and Maps of the modules below `root`. What stands in two
 * places is replaced by the same module in both. Returns `root`, or what takes its place.
 */
export function replaceModules(root: Module, replacement: (module: Module) => Module): Module {
  const known = new Map<Module, Module>();
  const swap = (module: Module): Module => {
    let made = known.get(module);
    if (made !== undefined) return made;
    made = replacement(module);
    known.set(module, made);
    known.set(made, made);
    if (made === module) for (const value of Object.values(module)) replaceIn(value);
    return made;
  };
  const replaceIn = (holder: unknown): void => {
    if (holder instanceof Map) {
      for (const [key, value] of holder) {
        if (value instanceof Module) holder.set(key, swap(value));
        else replaceIn(value);
      }
    } else if (Array.isArray(holder)) {
      holder.forEach((value, i) => {
        if (value instanceof Module) holder[i] = swap(value);
        else if (Array.isArray(value)) replaceIn(value);
      });
    }
  };
  const walk = (module: Module): void => {
    for (const [field, value] of Object.entries(module)) {
      if (!(value instanceof Module)) continue;
      const made = swap(value);
      if (made !== value) (module as unknown as Record<string, unknown>)[field] = made;
    }
  };
  const result = swap(root);
  for (const module of result.modules()) walk(module);
  return result;
}
