import { noGrad } from '../autograd.js';
import type { DeviceLike } from '../device.js';
import { TorchError } from '../errors.js';
import { BatchNorm1d, BatchNorm2d, BatchNorm3d } from '../nn/layers/norm.js';
import type { Module } from '../nn/module.js';
import { Tensor } from '../tensor.js';

export interface UpdateBnOptions {
  /** Move each batch there first; default: leave it where it is. */
  device?: DeviceLike;
}

function inputOf(batch: unknown): Tensor {
  const input: unknown = Array.isArray(batch) ? batch[0] : batch;
  if (input instanceof Tensor) return input;
  throw new TorchError(
    'OPTIMIZER_ARGUMENT',
    `updateBn: a batch must be a tensor, or a list whose first entry is one, got ${input === null ? 'null' : typeof input}. Map the loader's batches to the model's input.`,
  );
}

/**
 * Computes the running statistics of all batch normalisations anew, as plain means over one pass of the data. For
 * averaged weights, to which no statistics belong yet.
 *
 * @param loader gives the model's input, or lists that start with it
 */
export async function updateBn(
  loader: AsyncIterable<unknown> | Iterable<unknown>,
  model: Module & { forward(input: Tensor): unknown },
  options: UpdateBnOptions = {},
): Promise<void> {
  const modules = model.modules();
  const norms = modules.filter(
    (module): module is BatchNorm1d =>
      module instanceof BatchNorm1d || module instanceof BatchNorm2d || module instanceof BatchNorm3d,
  );
  if (norms.length === 0) return;
  const modes = modules.map((module) => module.training);
  const momenta = norms.map((norm) => norm.momentum);
  try {
    model.train();
    for (const norm of norms) {
      noGrad(() => norm.resetRunningStats());
      norm.momentum = null; // each batch counts alike
    }
    for await (const batch of loader) {
      const input = inputOf(batch);
      noGrad(() => model.forward(options.device === undefined ? input : input.to({ device: options.device })));
    }
  } finally {
    norms.forEach((norm, i) => {
      norm.momentum = momenta[i]!;
    });
    modules.forEach((module, i) => {
      module.training = modes[i]!;
    });
  }
}
