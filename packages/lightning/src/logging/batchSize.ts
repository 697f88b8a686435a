import { Tensor, warn } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';

/**
 * The number of samples in a batch: the first size of the first tensor found in it, nested to any depth.
 *
 * @throws LightningError LOG_BATCH_SIZE when the batch holds no tensor
 */
export function batchSizeOf(batch: unknown): number {
  const sizes = sizesIn(batch);
  const [first] = sizes;
  if (first === undefined) {
    throw new LightningError(
      'LOG_BATCH_SIZE',
      'The mean over an epoch is weighted by the batch size, and this batch holds no tensor to read it from. Give it: ' +
        'this.log(name, value, { batchSize }).',
    );
  }
  if (sizes.size > 1) {
    warn(
      'LOG_BATCH_SIZE',
      `The tensors of a batch have different first sizes (${[...sizes].join(', ')}), so the batch size was guessed as ${first}. ` +
        'Epoch means are weighted by it; give it with this.log(name, value, { batchSize }) to be sure.',
    );
  }
  return first;
}

/** The first sizes of the tensors in a batch, in the order they are found: at most two, since the second says all there is to say. */
export function sizesIn(batch: unknown): ReadonlySet<number> {
  const sizes = new Set<number>();
  collect(batch, sizes, 0);
  return sizes;
}

const deepest = 8;

function collect(value: unknown, sizes: Set<number>, depth: number): void {
  // The second size found is enough to know that the guess is one.
  if (sizes.size > 1 || depth > deepest || typeof value !== 'object' || value === null) return;
  if (value instanceof Tensor) {
    sizes.add(value.dim() === 0 ? 1 : value.size(0));
  } else if (Array.isArray(value) || value instanceof Map) {
    for (const item of value.values()) collect(item, sizes, depth + 1);
  } else if (!ArrayBuffer.isView(value)) {
    for (const item of Object.values(value)) collect(item, sizes, depth + 1);
  }
}
