import { type Device, warn } from '@lightning-ts/torch';
import { MixedPrecision } from './mixedPrecision.js';
import { Precision, type PrecisionName } from './precision.js';
import { DoublePrecision, HalfPrecision } from './truePrecision.js';

/** Single precision: what tensors are anyway. */
export class SinglePrecision extends Precision {
  override readonly name = '32-true';
}

/**
 * The precision of a Trainer.
 *
 * @param device asked for only when the precision depends on it: finding devices takes a while
 */
export function createPrecision(chosen: PrecisionName | Precision, device: () => Device): Precision {
  const precision = chosen instanceof Precision ? chosen : byName(chosen, device);
  if (precision.connect !== undefined) precision.connect(device());
  return precision;
}

function byName(name: PrecisionName, device: () => Device): Precision {
  switch (name) {
    case '32-true':
      return new SinglePrecision();
    case '64-true':
      return new DoublePrecision();
    case '16-true':
    case 'bf16-true':
      return new HalfPrecision(name);
    case '16-mixed':
      if (device().type !== 'cpu') return new MixedPrecision(name);
      warn(
        'PRECISION_CPU',
        "precision '16-mixed' does not work on a CPU, so it is 'bf16-mixed'. Write that, or run on a GPU.",
      );
      return new MixedPrecision('bf16-mixed');
    case 'bf16-mixed':
      return new MixedPrecision(name);
  }
}
