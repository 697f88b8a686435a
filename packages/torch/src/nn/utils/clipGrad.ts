import { noGrad } from '../../autograd.js';
import { zeros } from '../../creation.js';
import { TorchError } from '../../errors.js';
import { clamp, stack } from '../../functions.js';
import type { Tensor } from '../../tensor.js';

/**
 * Scales the gradients so that their joint norm is at most `maxNorm`, and returns the norm before (a scalar tensor).
 * Parameters without a gradient are left out. `normType` may be Infinity; default 2.
 */
export function clipGradNorm_(
  parameters: Tensor | Iterable<Tensor>,
  maxNorm: number,
  options: { normType?: number; errorIfNonfinite?: boolean } = {},
): Tensor {
  const { normType = 2, errorIfNonfinite = false } = options;
  const gradients = gradientsOf(parameters);
  return noGrad(() => {
    if (gradients.length === 0) return zeros([]);
    const total =
      normType === Number.POSITIVE_INFINITY
        ? stack(gradients.map((gradient) => gradient.abs().max())).max()
        : stack(gradients.map((gradient) => gradient.norm(normType))).norm(normType);
    if (errorIfNonfinite && !Number.isFinite(total.item()))
      throw new TorchError(
        'AUTOGRAD',
        `the gradients' norm is ${total.item()}; look for the first loss that is not finite, or set errorIfNonfinite: false`,
      );
    // Always multiplied, also by one: asking whether the norm is small would wait for the device.
    const coefficient = clamp(total.add(1e-6).reciprocal().mul(maxNorm), { max: 1 });
    for (const gradient of gradients) gradient.mul_(coefficient);
    return total;
  });
}

/** Clamps every gradient element to [−clipValue, clipValue]. */
export function clipGradValue_(parameters: Tensor | Iterable<Tensor>, clipValue: number): void {
  noGrad(() => {
    for (const gradient of gradientsOf(parameters)) gradient.clamp_(-clipValue, clipValue);
  });
}

function gradientsOf(parameters: Tensor | Iterable<Tensor>): Tensor[] {
  const list = 'handle' in parameters ? [parameters as Tensor] : [...parameters];
  return list.map((parameter) => parameter.grad).filter((gradient) => gradient !== null);
}
