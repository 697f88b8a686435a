import { cat, stack, type Tensor, where } from '@lightning-ts/torch';
import { VisionError } from '../../errors.js';
import { asFloat, castLike, checkColors, shapeText, whiteOf } from './image.js';

/** Grey of an image [..., 1 or 3, h, w], as 1 or 3 equal channels. Red, green and blue weigh 0.2989, 0.587 and 0.114. */
export function rgbToGrayscale(image: Tensor, channels: 1 | 3 = 1): Tensor {
  checkColors('rgbToGrayscale', image);
  let gray = image;
  if (image.size(-3) === 3) {
    const [red, green, blue] = asFloat(image).unbind(-3) as [Tensor, Tensor, Tensor];
    // The product before the sum is rounded by itself, as the parts of torchvision's sum are.
    gray = red.mul(0.2989).add_(green.mul(0.587)).add_(blue.mul(0.114)).to(image.dtype).unsqueeze(-3);
  }
  return channels === 3 ? gray.expand([...image.shape.slice(0, -3), 3, ...image.shape.slice(-2)]) : gray;
}

/** `ratio` of the first and the rest of the second; integers are cut off, not rounded. */
function blend(image: Tensor, other: Tensor | null, ratio: number): Tensor {
  const mixed = asFloat(image).mul(ratio);
  if (other !== null) mixed.add_(asFloat(other).mul(1 - ratio));
  return mixed.clamp_(0, whiteOf(image)).to(image.dtype);
}

function checkFactor(name: string, factor: number): void {
  if (factor >= 0) return;
  throw new VisionError('OPTION_INVALID', `${name} takes a factor from 0 up, 1 for no change, and got ${factor}`);
}

/** Multiplies by a factor: 0 is black, 1 leaves the image as it is. */
export function adjustBrightness(image: Tensor, factor: number): Tensor {
  checkFactor('adjustBrightness', factor);
  checkColors('adjustBrightness', image);
  return blend(image, null, factor);
}

/** Moves values away from the image's mean grey: 0 is all grey. */
export function adjustContrast(image: Tensor, factor: number): Tensor {
  checkFactor('adjustContrast', factor);
  checkColors('adjustContrast', image);
  const mean = asFloat(rgbToGrayscale(image)).mean([-3, -2, -1], { keepdim: true });
  return blend(image, mean, factor);
}

/** Moves colours away from their grey: 0 is a grey image. An image of one channel stays. */
export function adjustSaturation(image: Tensor, factor: number): Tensor {
  checkFactor('adjustSaturation', factor);
  checkColors('adjustSaturation', image);
  return image.size(-3) === 1 ? image : blend(image, rgbToGrayscale(image), factor);
}

/**
 * Turns the colours around the colour wheel. An image of one channel stays.
 *
 * @param factor −0.5 to 0.5, the part of a whole turn.
 */
export function adjustHue(image: Tensor, factor: number): Tensor {
  if (!(factor >= -0.5 && factor <= 0.5)) {
    throw new VisionError('OPTION_INVALID', `adjustHue takes a factor from -0.5 to 0.5, and got ${factor}`);
  }
  checkColors('adjustHue', image);
  if (image.size(-3) === 1) return image;
  const isBytes = image.dtype === 'uint8';
  const [hue, saturation, value] = toHsv(isBytes ? image.to('float32').div_(255) : asFloat(image));
  const turned = fromHsv(hue.add(factor).remainder(1), saturation, value);
  return isBytes ? turned.mul(255).to('uint8') : castLike(turned, image);
}

/** Each [..., h, w], from 0 to 1. */
function toHsv(image: Tensor): [hue: Tensor, saturation: Tensor, value: Tensor] {
  const [red, green, blue] = image.unbind(-3) as [Tensor, Tensor, Tensor];
  const largest = image.amax(-3);
  const range = largest.sub(image.amin(-3));
  const isGray = range.eq(0);
  // Grey has no hue; a 1 in place of the range keeps it from becoming 0 / 0.
  const saturation = range.div(largest.maskedFill(isGray, 1));
  const divisor = range.maskedFill(isGray, 1);
  const [r, g, b] = [red, green, blue].map((channel) => largest.sub(channel).div(divisor)) as [Tensor, Tensor, Tensor];
  const isRed = largest.eq(red);
  const isGreen = largest.eq(green).logicalAnd(isRed.logicalNot());
  const sixths = where(isRed, b.sub(g), where(isGreen, r.add(2).sub(b), g.add(4).sub(r)));
  return [sixths.div(6).add(1).fmod(1), saturation, largest];
}

function fromHsv(hue: Tensor, saturation: Tensor, value: Tensor): Tensor {
  const sixths = hue.mul(6);
  const sector = sixths.floor();
  const within = sixths.sub(sector);
  const shade = (amount: Tensor) => value.mul(amount.neg().add(1)).clamp_(0, 1);
  const p = shade(saturation);
  const q = shade(saturation.mul(within));
  const t = shade(saturation.mul(within.neg().add(1)));
  const index = sector.to('int64').remainder(6).unsqueeze(0);
  const choose = (...bySector: Tensor[]) => stack(bySector).gather(0, index).squeeze(0);
  return stack(
    [choose(value, q, p, p, t, value), choose(t, value, value, q, p, p), choose(p, p, t, value, value, q)],
    -3,
  );
}

/** `gain · image ^ gamma`, on values from 0 to 1. */
export function adjustGamma(image: Tensor, gamma: number, gain = 1): Tensor {
  if (!(gamma >= 0)) throw new VisionError('OPTION_INVALID', `adjustGamma takes a gamma from 0 up, and got ${gamma}`);
  checkColors('adjustGamma', image);
  if (image.isFloatingPoint()) return image.pow(gamma).mul(gain).clamp_(0, 1);
  requireBytes('adjustGamma', image);
  return image
    .to('float32')
    .div_(255)
    .pow_(gamma)
    .mul_(gain)
    .clamp_(0, 1)
    .mul_(255 + 1 - 1e-3)
    .to('uint8');
}

/** White minus the image. */
export function invert(image: Tensor): Tensor {
  checkColors('invert', image);
  return image.isFloatingPoint() ? image.neg().add_(1) : image.bitwiseNot();
}

/** Keeps the highest bits of each byte. */
export function posterize(image: Tensor, bits: number): Tensor {
  checkColors('posterize', image);
  requireBytes('posterize', image);
  if (!Number.isInteger(bits) || bits < 0 || bits > 8) {
    throw new VisionError('OPTION_INVALID', `posterize keeps from 0 to 8 bits, and got ${bits}`);
  }
  return image.bitwiseAnd(256 - 2 ** (8 - bits));
}

/** Inverts the values from `threshold` up. */
export function solarize(image: Tensor, threshold: number): Tensor {
  checkColors('solarize', image);
  if (!(threshold <= whiteOf(image))) {
    throw new VisionError('OPTION_INVALID', `solarize takes a threshold up to ${whiteOf(image)}, and got ${threshold}`);
  }
  return where(image.ge(threshold), invert(image), image);
}

/** Stretches each channel so that its darkest value is black and its brightest white. */
export function autocontrast(image: Tensor): Tensor {
  checkColors('autocontrast', image);
  const white = whiteOf(image);
  const floats = asFloat(image);
  const darkest = floats.amin([-2, -1], { keepdim: true });
  const brightest = floats.amax([-2, -1], { keepdim: true });
  const isFlat = brightest.eq(darkest);
  const scale = brightest.sub(darkest).reciprocal().mul(white).maskedFill(isFlat, 1);
  return floats.sub(darkest.maskedFill(isFlat, 0)).mul_(scale).clamp_(0, white).to(image.dtype);
}

/** Spreads each channel's bytes so that all values are about equally frequent. */
export function equalize(image: Tensor): Tensor {
  checkColors('equalize', image);
  requireBytes('equalize', image);
  const [h, w] = image.shape.slice(-2) as [number, number];
  const channels = image.reshape([-1, h * w]).unbind(0);
  return cat(channels.map((channel) => equalizeChannel(channel).unsqueeze(0))).view(image.shape);
}

function equalizeChannel(channel: Tensor): Tensor {
  const counts = channel.bincount({ minlength: 256 });
  const brightest = counts.nonzero().amax().item();
  const step = Math.floor((channel.numel() - counts.at(brightest).item()) / 255);
  if (step === 0) return channel;
  const below = counts.cumsum(0).sub(counts);
  const table = below.add(Math.floor(step / 2)).div(step, { roundingMode: 'floor' });
  return table.clamp_(0, 255).to('uint8').indexSelect(0, channel.to('int64'));
}

function requireBytes(name: string, image: Tensor): void {
  if (image.dtype === 'uint8') return;
  throw new VisionError(
    'IMAGE_INVALID',
    `${name} takes uint8 images, and got ${shapeText(image)}. Put it before ToTensor.`,
  );
}
