import { noGrad } from '../../autograd.js';
import { invokeN } from '../../dispatch.js';
import { TorchError } from '../../errors.js';
import { normExceptDim } from '../../functions.js';
import { operatorId } from '../../operatorId.js';
import { Parameter } from '../../parameter.js';
import type { Tensor } from '../../tensor.js';
import type { Module } from '../module.js';
import { addRule, FieldRule, fieldsOf, parameterIn, removeRule, ruleOf, tensorIn } from './computedFields.js';

const weightNormId = operatorId('aten::_weight_norm');

/** direction · length / |direction|, with a length for each entry of `dim`, or one for all with −1. */
export const weightOf = (direction: Tensor, length: Tensor, dim: number): Tensor =>
  invokeN(weightNormId, [direction, length, dim]) as Tensor;

class WeightNorm extends FieldRule {
  constructor(
    field: string,
    readonly dim: number,
  ) {
    super(field);
  }
  override compute(module: Module): Tensor {
    return weightOf(tensorIn(module, `${this.field}V`), tensorIn(module, `${this.field}G`), this.dim);
  }
}

/**
 * Replaces a parameter by its length and its direction (Salimans and Kingma 2016): fields `weightG` and `weightV`, keys
 * `weight_g` and `weight_v`. `dim` (default 0) is the dimension with a length each; null takes one length for all.
 */
export function weightNorm<M extends Module>(module: M, name = 'weight', options: { dim?: number | null } = {}): M {
  const dim = options.dim === undefined ? 0 : (options.dim ?? -1);
  if (ruleOf(module, name) !== undefined)
    throw new TorchError(
      'MODULE_STATE',
      `'${name}' of ${module.constructor.name} is computed already; remove that first`,
    );
  const weight = parameterIn(module, name);
  const fields = fieldsOf(module);
  fields[`${name}G`] = new Parameter(noGrad(() => normExceptDim(weight, 2, dim)));
  fields[`${name}V`] = new Parameter(weight);
  addRule(module, new WeightNorm(name, dim));
  return module;
}

/** Makes the parameter a plain one again, with its present value. */
export function removeWeightNorm<M extends Module>(module: M, name = 'weight'): M {
  const rule = ruleOf(module, name);
  if (!(rule instanceof WeightNorm))
    throw new TorchError('MODULE_STATE', `'${name}' of ${module.constructor.name} has no weight norm to remove`);
  removeRule(module, rule, new Parameter(noGrad(() => rule.compute(module))), [`${name}G`, `${name}V`]);
  return module;
}
