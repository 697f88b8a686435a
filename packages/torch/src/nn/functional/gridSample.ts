import { TorchError } from '../../errors.js';
import * as torch from '../../functions.js';
import type { Tensor } from '../../tensor.js';

const modes = { bilinear: 0, nearest: 1, bicubic: 2 };
const paddings = { zeros: 0, border: 1, reflection: 2 };

export interface GridSampleOptions {
  /** Default `bilinear`. */
  mode?: keyof typeof modes;
  /** What lies outside the input; default `zeros`. */
  paddingMode?: keyof typeof paddings;
  /** −1 and 1 are the centres of the corner pixels rather than their edges; default false. */
  alignCorners?: boolean;
}

/** Reads `input` [batch, channels, height, width] at the places of `grid` [batch, height′, width′, 2], which are (x, y) from −1 to 1. */
export function gridSample(input: Tensor, grid: Tensor, options: GridSampleOptions = {}): Tensor {
  const { mode = 'bilinear', paddingMode = 'zeros', alignCorners = false } = options;
  const [modeNumber, paddingNumber] = [modes[mode], paddings[paddingMode]];
  if (modeNumber === undefined || paddingNumber === undefined)
    throw new TorchError(
      'ARGUMENT_TYPE',
      `gridSample has modes ${Object.keys(modes).join(', ')} and paddings ${Object.keys(paddings).join(', ')}, got '${mode}' and '${paddingMode}'`,
    );
  return torch.gridSampler(input, grid, modeNumber, paddingNumber, alignCorners);
}

/** The grid for `gridSample` of affine maps theta [batch, 2, 3] onto images of `size` [batch, channels, height, width] (or 3d alike). */
export const affineGrid = (theta: Tensor, size: number[], options: { alignCorners?: boolean } = {}): Tensor =>
  torch.affineGridGenerator(theta, size, options.alignCorners ?? false);
