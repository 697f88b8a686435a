import { cat, fftIrfft, fftRfft, linalgSolve, type Tensor } from '@lightning-ts/torch';
import { checkCount } from '../classification/options.js';
import { RecipeMetric } from '../recipe.js';
import { checkSameShape } from '../regression/inputs.js';
import { centred, ratioRecipe, type SignalRatio, type ZeroMeanOptions } from './signalRatios.js';

export interface SignalDistortionRatioOptions extends ZeroMeanOptions {
  /** How many samples the allowed filter is long. Default 512. */
  readonly filterLength?: number;
  /** Added to the diagonal of the equations, to keep them solvable for near-silent targets; default null, nothing. */
  readonly loadDiag?: number | null;
}

const owner = 'SignalDistortionRatio';
const shortest = 1e-6;

const ofLengthOne = (signals: Tensor): Tensor =>
  signals.div(signals.mul(signals).sum(-1, true).sqrt().clampMin(shortest));

/** The matrix that has the row's numbers along its diagonals. @param row [..., length] */
const toeplitz = (row: Tensor): Tensor => {
  const length = row.size(-1);
  return cat([row.flip([-1]), row.narrow(-1, 1, length - 1)], -1)
    .unfold(-1, length, 1)
    .flip([-1]);
};

function distortion(options: SignalDistortionRatioOptions): SignalRatio {
  const { filterLength = 512, zeroMean = false, loadDiag = null } = options;
  checkCount('filterLength', filterLength, 1, owner);
  return (preds, target) => {
    checkSameShape(owner, preds, target);
    const wide = (signals: Tensor): Tensor => ofLengthOne(zeroMean ? centred(signals.double()) : signals.double());
    const [x, y] = [wide(preds), wide(target)];
    // How the target goes with itself and with the prediction, by shift; long enough that the ends do not meet.
    const size = 2 ** Math.ceil(Math.log2(2 * x.size(-1) - 1));
    const spectrum = fftRfft(y, size, -1);
    const byShift = (product: Tensor): Tensor => fftIrfft(product, size, -1).narrow(-1, 0, filterLength);
    const own = byShift(spectrum.conj().mul(spectrum));
    const shared = byShift(spectrum.conj().mul(fftRfft(x, size, -1)));
    if (loadDiag !== null) own.select(-1, 0).add_(loadDiag);
    // The filter of the target that comes nearest to the prediction, and how much of the prediction it explains.
    const filter = linalgSolve(toeplitz(own), shared.unsqueeze(-1)).squeeze(-1);
    const explained = shared.mul(filter).sum(-1);
    const value = explained.div(explained.rsub(1)).log10().mul(10);
    return preds.dtype === 'float64' ? value : value.float();
  };
}

/**
 * Decibels between the part of a prediction that some filter makes from the target, and the rest (Vincent and others 2006).
 * Inputs `[..., time]`; the mean over all signals.
 */
export class SignalDistortionRatio extends RecipeMetric<Tensor> {
  constructor(options: SignalDistortionRatioOptions = {}) {
    const { filterLength = 512, zeroMean = false, loadDiag = null } = options;
    super(ratioRecipe(`sdr:${filterLength}:${zeroMean}:${loadDiag}`, distortion(options)));
  }
}

/** One value for each signal: `[...]` for inputs `[..., time]`. */
export const signalDistortionRatio = (
  preds: Tensor,
  target: Tensor,
  options: SignalDistortionRatioOptions = {},
): Tensor => distortion(options)(preds, target);
