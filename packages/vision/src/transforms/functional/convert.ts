import type { DType, Tensor } from '@lightning-ts/torch';
import { ConvertImageDtype } from '../convertImageDtype.js';
import { Normalize } from '../normalize.js';
import { PILToTensor, ToTensor } from '../toTensor.js';

/** An image of bytes as floats [channels, h, w] from 0 to 1. See {@link ToTensor}. */
export const toTensor = (image: Tensor): Tensor => new ToTensor().forward(image);

/** An image as [channels, h, w] with the values it has. See {@link PILToTensor}. */
export const pilToTensor = (image: Tensor): Tensor => new PILToTensor().forward(image);

/** An image with another dtype, white staying white. See {@link ConvertImageDtype}. */
export const convertImageDtype = (image: Tensor, dtype: DType = 'float32'): Tensor =>
  new ConvertImageDtype(dtype).forward(image);

/** Subtracts a mean and divides by a deviation for each channel of [..., channels, h, w]. See {@link Normalize}. */
export const normalize = (image: Tensor, mean: readonly number[], std: readonly number[]): Tensor =>
  new Normalize(mean, std).forward(image);
