import { TorchError } from '../../errors.js';
import { Parameter } from '../../parameter.js';
import { Tensor } from '../../tensor.js';
import type { HookHandle } from '../forwardHooks.js';
import type { Module } from '../module.js';

/** How a field of a module is made from other fields of it, before every forward. */
export abstract class FieldRule {
  constructor(readonly field: string) {}
  abstract compute(module: Module): Tensor;
}

export const fieldsOf = (module: Module): Record<string, unknown> => module as unknown as Record<string, unknown>;

const handles = new WeakMap<Module, HookHandle>();

interface WithRules {
  fieldRules?: Map<string, FieldRule>;
}

/** The rules of a module by field. They belong to the module, so that its copies have them too. */
function rulesOf(module: Module): Map<string, FieldRule> {
  const holder = module as unknown as WithRules;
  if (holder.fieldRules === undefined)
    Object.defineProperty(holder, 'fieldRules', {
      value: new Map<string, FieldRule>(),
      configurable: true,
      writable: true,
    });
  return holder.fieldRules!;
}

export const ruleOf = (module: Module, field: string): FieldRule | undefined =>
  (module as unknown as WithRules).fieldRules?.get(field);

export const hasRules = (module: Module, isKind: (rule: FieldRule) => boolean): boolean =>
  [...((module as unknown as WithRules).fieldRules?.values() ?? [])].some(isKind);

const recompute = (module: Module): void => {
  for (const [field, rule] of rulesOf(module)) fieldsOf(module)[field] = rule.compute(module);
};

/** The parameter in a field that is to be computed from now on. */
export function parameterIn(module: Module, field: string): Parameter {
  const value = fieldsOf(module)[field];
  if (!(value instanceof Parameter))
    throw new TorchError('MODULE_STATE', `${module.constructor.name} has no parameter in the field '${field}'`);
  return value;
}

/** Computes `rule.field` by the rule before every forward from now on; `until` is in the field until then. */
export function addRule(module: Module, rule: FieldRule, until: Tensor = rule.compute(module)): void {
  const rules = rulesOf(module);
  if (rules.size === 0 && !handles.has(module)) handles.set(module, module.registerForwardPreHook(recompute));
  rules.set(rule.field, rule);
  fieldsOf(module)[rule.field] = until;
}

/** Ends a rule, removes the fields it made use of and puts `parameter` into its field. */
export function removeRule(module: Module, rule: FieldRule, parameter: Parameter, sources: string[]): void {
  const fields = fieldsOf(module);
  for (const field of [rule.field, ...sources]) delete fields[field];
  fields[rule.field] = parameter;
  const rules = rulesOf(module);
  rules.delete(rule.field);
  if (rules.size > 0) return;
  handles.get(module)?.remove();
  handles.delete(module);
}

/** The tensor in a field. */
export function tensorIn(module: Module, field: string): Tensor {
  const value = fieldsOf(module)[field];
  if (!(value instanceof Tensor))
    throw new TorchError('MODULE_STATE', `${module.constructor.name} has no tensor in the field '${field}'`);
  return value;
}
