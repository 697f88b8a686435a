import { arange, linspace, type Tensor } from '@lightning-ts/torch';
import {
  adjustBrightness,
  adjustContrast,
  adjustSaturation,
  autocontrast,
  equalize,
  invert,
  posterize,
  solarize,
} from './functional/color.js';
import { adjustSharpness } from './functional/filter.js';
import { affine, type Fill, rotate, type WarpInterpolation } from './functional/warp.js';

/** How pixels between pixels and outside the image are made by operations that move pixels. */
export interface AugmentationOptions {
  /** Default `nearest`. */
  interpolation?: WarpInterpolation;
  /** Default 0. */
  fill?: Fill | null;
}

type Operation = (image: Tensor, strength: number, warp: AugmentationOptions) => Tensor;

const degrees = (tangent: number): number => (Math.atan(tangent) * 180) / Math.PI;

/** The operations that automatic augmentation chooses from, by their published names. */
const operations = {
  Identity: (image) => image,
  // Shears leave the corner (0, 0) where it is, not the middle.
  ShearX: (image, strength, warp) => affine(image, { shear: [degrees(strength), 0], center: [0, 0], ...warp }),
  ShearY: (image, strength, warp) => affine(image, { shear: [0, degrees(strength)], center: [0, 0], ...warp }),
  TranslateX: (image, strength, warp) => affine(image, { translate: [Math.trunc(strength), 0], ...warp }),
  TranslateY: (image, strength, warp) => affine(image, { translate: [0, Math.trunc(strength)], ...warp }),
  Rotate: (image, strength, warp) => rotate(image, strength, warp),
  Brightness: (image, strength) => adjustBrightness(image, 1 + strength),
  Color: (image, strength) => adjustSaturation(image, 1 + strength),
  Contrast: (image, strength) => adjustContrast(image, 1 + strength),
  Sharpness: (image, strength) => adjustSharpness(image, 1 + strength),
  Posterize: (image, strength) => posterize(image, Math.trunc(strength)),
  Solarize: (image, strength) => solarize(image, strength),
  AutoContrast: (image) => autocontrast(image),
  Equalize: (image) => equalize(image),
  Invert: (image) => invert(image),
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof operations;

/** Does one operation. */
export const augment = (image: Tensor, name: OperationName, strength: number, options: AugmentationOptions): Tensor =>
  operations[name](image, strength, options);

/** The strengths an operation has, and whether a coin decides about their sign; null for one without strength. */
export interface Strengths {
  values: readonly number[];
  isSigned: boolean;
}
export type AugmentationSpace = ReadonlyMap<OperationName, Strengths | null>;

/** What differs between the spaces: how far each kind of operation goes. */
export interface SpaceLimits {
  names: readonly OperationName[];
  bins: number;
  shear: number;
  translateX: number;
  translateY: number;
  rotate: number;
  color: number;
  /** Posterize keeps from `bits` down to `bits − fewerBits`. */
  bits: number;
  fewerBits: number;
}

/** The strengths of each operation, in float32 as the published ones are. */
export function augmentationSpace(limits: SpaceLimits): AugmentationSpace {
  const { bins } = limits;
  const upTo = (from: number, to: number) => linspace(from, to, bins).tolist() as number[];
  const signed = (most: number): Strengths => ({ values: upTo(0, most), isSigned: true });
  const of = (name: OperationName): Strengths | null => {
    switch (name) {
      case 'ShearX':
      case 'ShearY':
        return signed(limits.shear);
      case 'TranslateX':
        return signed(limits.translateX);
      case 'TranslateY':
        return signed(limits.translateY);
      case 'Rotate':
        return signed(limits.rotate);
      case 'Brightness':
      case 'Color':
      case 'Contrast':
      case 'Sharpness':
        return signed(limits.color);
      case 'Posterize': {
        const fewer = arange(bins)
          .to('float32')
          .div((bins - 1) / limits.fewerBits)
          .round()
          .tolist() as number[];
        return { values: fewer.map((bits) => limits.bits - bits), isSigned: false };
      }
      case 'Solarize':
        return { values: upTo(255, 0), isSigned: false };
      default:
        return null;
    }
  };
  return new Map(limits.names.map((name) => [name, of(name)]));
}
