import { finfo, type Tensor } from '@lightning-ts/torch';
import { type Recipe, RecipeMetric } from '../recipe.js';
import { countOf, floatPair, sumState, totalState } from '../regression/inputs.js';

export interface ZeroMeanOptions {
  /** Whether the mean of each signal is taken away first. Default false. */
  readonly zeroMean?: boolean;
}

/** The value of each signal: [...] for inputs [..., time]. */
export type SignalRatio = (preds: Tensor, target: Tensor) => Tensor;

/** The recipe of the mean over all signals. */
export const ratioRecipe = (key: string, ratio: SignalRatio): Recipe<Tensor> => ({
  key,
  higherIsBetter: true,
  states: [sumState('sum', 1), totalState],
  count(preds, target) {
    const values = ratio(preds, target);
    return [values.sum(), countOf(values.numel())];
  },
  value: ([sum, total]) => sum!.div(total!),
});

export const centred = (signals: Tensor): Tensor => signals.sub(signals.mean(-1, true));
const energy = (signals: Tensor): Tensor => signals.mul(signals).sum(-1);

/** Decibels; silence on either side stays finite. */
function decibels(signal: Tensor, noise: Tensor): Tensor {
  const { eps } = finfo(signal.dtype);
  return energy(signal).add(eps).div(energy(noise).add(eps)).log10().mul(10);
}

function noiseRatio(owner: string, { zeroMean = false }: ZeroMeanOptions): SignalRatio {
  return (preds, target) => {
    const pair = floatPair(owner, preds, target);
    const [x, y] = zeroMean ? [centred(pair[0]), centred(pair[1])] : pair;
    return decibels(y, y.sub(x));
  };
}

function scaleInvariant(owner: string, { zeroMean = false }: ZeroMeanOptions): SignalRatio {
  return (preds, target) => {
    const pair = floatPair(owner, preds, target);
    const [x, y] = zeroMean ? [centred(pair[0]), centred(pair[1])] : pair;
    const { eps } = finfo(y.dtype);
    // The loudness of the target that is nearest to the prediction.
    const scale = x.mul(y).sum(-1).add(eps).div(energy(y).add(eps)).unsqueeze(-1);
    const scaled = y.mul(scale);
    return decibels(scaled, scaled.sub(x));
  };
}

/** Decibels between the target and what is left of it in the error. Inputs `[..., time]`; the mean over all signals. */
export class SignalNoiseRatio extends RecipeMetric<Tensor> {
  constructor(options: ZeroMeanOptions = {}) {
    super(ratioRecipe(`snr:${options.zeroMean ?? false}`, noiseRatio('SignalNoiseRatio', options)));
  }
}

/** As SignalNoiseRatio, whatever the loudness of the prediction; without the means. Inputs `[..., time]`; the mean over all signals. */
export class ScaleInvariantSignalNoiseRatio extends RecipeMetric<Tensor> {
  constructor() {
    super(ratioRecipe('siSdr:true', scaleInvariant('ScaleInvariantSignalNoiseRatio', { zeroMean: true })));
  }
}

/** As SignalNoiseRatio, whatever the loudness of the prediction (Le Roux and others 2019). Inputs `[..., time]`; the mean over all signals. */
export class ScaleInvariantSignalDistortionRatio extends RecipeMetric<Tensor> {
  constructor(options: ZeroMeanOptions = {}) {
    super(
      ratioRecipe(`siSdr:${options.zeroMean ?? false}`, scaleInvariant('ScaleInvariantSignalDistortionRatio', options)),
    );
  }
}

/** One value for each signal: `[...]` for inputs `[..., time]`. */
export const signalNoiseRatio = (preds: Tensor, target: Tensor, options: ZeroMeanOptions = {}): Tensor =>
  noiseRatio('signalNoiseRatio', options)(preds, target);
/** One value for each signal: `[...]` for inputs `[..., time]`. */
export const scaleInvariantSignalNoiseRatio = (preds: Tensor, target: Tensor): Tensor =>
  scaleInvariant('scaleInvariantSignalNoiseRatio', { zeroMean: true })(preds, target);
/** One value for each signal: `[...]` for inputs `[..., time]`. */
export const scaleInvariantSignalDistortionRatio = (
  preds: Tensor,
  target: Tensor,
  options: ZeroMeanOptions = {},
): Tensor => scaleInvariant('scaleInvariantSignalDistortionRatio', options)(preds, target);
