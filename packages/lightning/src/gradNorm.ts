import { type Tensor, tensor } from '@lightning-ts/torch';
import type { Module } from '@lightning-ts/torch/nn';
import { describe } from './describe.js';
import { LightningError } from './errors.js';

/**
 * The norm of each parameter's gradient and of all together, to log in `onBeforeOptimizerStep`:
 * `this.logDict(gradNorm(this, 2))`. Names are Python's: `grad_2.0_norm/layer.weight`, `grad_2.0_norm_total`. Empty when there
 * are no gradients.
 *
 * @param normType the order, above 0; `Infinity` or `'inf'` for the largest element
 * @param separator between `norm` and the parameter's name
 * @throws LightningError OPTION_INVALID
 */
export function gradNorm(module: Module, normType: number | 'inf', separator = '/'): Record<string, Tensor> {
  const order = normType === 'inf' ? Number.POSITIVE_INFINITY : normType;
  if (typeof order !== 'number' || !(order > 0))
    throw new LightningError(
      'OPTION_INVALID',
      `gradNorm: normType is ${describe(normType)}. Use a number above 0, or 'inf'.`,
    );
  const name = order === Number.POSITIVE_INFINITY ? 'inf' : Number.isInteger(order) ? `${order}.0` : String(order);
  const norms: Record<string, Tensor> = {};
  const values: number[] = [];
  for (const [path, { grad }] of module.namedParameters()) {
    if (grad === null) continue;
    const norm = grad.detach().norm(order);
    norms[`grad_${name}_norm${separator}${path}`] = norm;
    values.push(norm.item());
  }
  if (values.length === 0) return {};
  norms[`grad_${name}_norm_total`] = tensor(values, { dtype: 'float32' }).norm(order);
  return norms;
}
