import type { Tensor } from '@lightning-ts/torch';
import { checkRange, drawUniform } from './draws.js';
import { checkKernel, gaussianBlur } from './functional/filter.js';
import { ImageTransform } from './transform.js';

/** Blurs images [..., c, h, w] with a Gaussian of random width. */
export class GaussianBlur extends ImageTransform {
  readonly kernelSize: readonly [width: number, height: number];
  readonly sigma: readonly [number, number];

  /**
   * @param kernelSize odd, one number or [width, height].
   * @param sigma range of the standard deviation in pixels, or one number; default [0.1, 2].
   */
  constructor(kernelSize: number | readonly [number, number], sigma: number | readonly [number, number] = [0.1, 2]) {
    super();
    this.kernelSize = typeof kernelSize === 'number' ? [kernelSize, kernelSize] : [kernelSize[0], kernelSize[1]];
    checkKernel(this.kernelSize);
    const range = typeof sigma === 'number' ? [sigma, sigma] : sigma;
    this.sigma = checkRange('GaussianBlur: sigma', range, Number.MIN_VALUE);
  }

  override forward(image: Tensor): Tensor {
    return gaussianBlur(image, this.kernelSize, drawUniform(...this.sigma));
  }
}
