import { readFileSync } from 'node:fs';
import * as torch from '@lightning-ts/torch';
import { describe, expect, it } from 'vitest';
import * as T from './index.js';

interface Packed {
  dtype: torch.DType;
  shape: number[];
  data: string;
}
const fixture = JSON.parse(
  readFileSync(new URL('../../test/fixtures/augment/augment.json', import.meta.url), 'utf8'),
) as Record<string, Packed>;
const named = (name: string): torch.Tensor => {
  const { dtype, shape, data } = fixture[name]!;
  return torch.fromBuffer(Buffer.from(data, 'base64'), dtype, { shape });
};
const images = named('images');
const floats = images.to('float32').div(255);

function outputs(transform: T.Transform | ((image: torch.Tensor) => torch.Tensor), source: torch.Tensor): torch.Tensor {
  const step = typeof transform === 'function' ? new T.Lambda(transform) : transform;
  torch.manualSeed(11);
  return torch.stack(source.unbind(0).map((image) => step.forward(image)));
}
const largestDifference = (a: torch.Tensor, b: torch.Tensor): number =>
  a.to('float64').sub(b.to('float64')).abs().max().item();
/** The part of values that differ by more than `by`. */
const partBeyond = (a: torch.Tensor, b: torch.Tensor, by: number): number =>
  a.to('float64').sub(b.to('float64')).abs().gt(by).to('float64').mean().item();

describe('transforms that move, map or resize pixels give those of torchvision from the same seed', () => {
  it.each<[string, T.Transform | ((image: torch.Tensor) => torch.Tensor), torch.Tensor?]>([
    ['resize_nearest', new T.Resize([9, 30], { interpolation: 'nearest' })],
    ['resize_bilinear', new T.Resize([9, 30])],
    ['resize_bicubic', new T.Resize([9, 30], { interpolation: 'bicubic' })],
    ['resize_max', new T.Resize(10, { maxSize: 12 })],
    ['random_resized_crop', new T.RandomResizedCrop(12)],
    ['random_resized_crop_odd', new T.RandomResizedCrop([7, 9], { scale: [0.9, 1], ratio: [2.5, 3.5] })],
    ['center_crop', new T.CenterCrop([9, 30])],
    ['five_crop', new T.FiveCrop([5, 6])],
    ['ten_crop', new T.TenCrop([5, 6], { verticalFlip: true })],
    ['pad', new T.Pad([1, 2, 3, 0], { fill: 7 })],
    ['vertical_flip', new T.RandomVerticalFlip()],
    ['rotation_nearest', new T.RandomRotation([10, 80], { center: [3, 4], fill: [1, 2, 3] })],
    ['rotate_expand', (image) => T.functional.rotate(image, 33, { expand: true, fill: 9 })],
    ['affine_nearest', new T.RandomAffine(30, { translate: [0.2, 0.3], scale: [0.8, 1.3], shear: 8 })],
    ['elastic_nearest', new T.ElasticTransform({ alpha: [40, 20], sigma: [1, 2], interpolation: 'nearest' })],
    ['grayscale', new T.Grayscale(3)],
    ['random_grayscale', new T.RandomGrayscale(0.5)],
    ['random_erasing', new T.RandomErasing(0.9), floats],
    ['random_erasing_random', new T.RandomErasing(0.9, { value: 'random' }), floats],
    ['invert', new T.RandomInvert(0.6)],
    ['posterize', new T.RandomPosterize(3, 0.6)],
    ['solarize', new T.RandomSolarize(130, 0.6)],
    ['autocontrast', new T.RandomAutocontrast(0.6)],
    ['equalize', new T.RandomEqualize(0.6)],
    ['gamma', (image) => T.functional.adjustGamma(image, 0.6, 1.1)],
  ])('%s, exactly', (name, transform, source = images) => {
    const actual = outputs(transform, source);
    const expected = named(name);
    expect([actual.dtype, actual.shape]).toEqual([expected.dtype, expected.shape]);
    expect(largestDifference(actual, expected)).toBe(0);
  });
});

describe('transforms that mix pixels give those of torchvision within one step of 255', () => {
  it.each<[string, T.Transform | ((image: torch.Tensor) => torch.Tensor), torch.Tensor?]>([
    ['resize_plain_bilinear', new T.Resize([9, 30], { antialias: false })],
    ['resize_plain_bicubic', new T.Resize([9, 30], { interpolation: 'bicubic', antialias: false })],
    ['resize_float', new T.Resize(10), floats],
    ['rotation', new T.RandomRotation(40, { interpolation: 'bilinear' })],
    [
      'affine',
      new T.RandomAffine(30, {
        translate: [0.2, 0.3],
        scale: [0.8, 1.3],
        shear: [-10, 10, -5, 20],
        interpolation: 'bilinear',
        fill: 5,
      }),
    ],
    ['elastic', new T.ElasticTransform({ alpha: 30, sigma: 1.5, fill: 7 })],
    ['elastic_rough', new T.ElasticTransform({ alpha: 5, sigma: 0 }), floats],
    ['perspective', new T.RandomPerspective(0.4, 1, { fill: 3 })],
    ['color_jitter', new T.ColorJitter({ brightness: 0.4, contrast: 0.3, saturation: 0.5, hue: 0.2 })],
    ['color_jitter_float', new T.ColorJitter({ brightness: 0.4, contrast: 0.3, saturation: 0.5, hue: 0.2 }), floats],
    ['gaussian_blur', new T.GaussianBlur([3, 5], [0.4, 1.5])],
    ['sharpness', new T.RandomAdjustSharpness(1.8, 0.6)],
    ['random_apply', new T.RandomApply([new T.RandomRotation(40), new T.ColorJitter({ brightness: 0.4 })], 0.6)],
    ['auto_augment_imagenet', new T.AutoAugment()],
    ['auto_augment_cifar10', new T.AutoAugment('cifar10')],
    ['auto_augment_svhn', new T.AutoAugment('svhn')],
    ['rand_augment', new T.RandAugment()],
    ['trivial_augment', new T.TrivialAugmentWide()],
    ['aug_mix', new T.AugMix()],
  ])('%s', (name, transform, source = images) => {
    const actual = outputs(transform, source);
    const expected = named(name);
    expect([actual.dtype, actual.shape]).toEqual([expected.dtype, expected.shape]);
    const step = actual.isFloatingPoint() ? 1e-5 : 1;
    expect(largestDifference(actual, expected)).toBeLessThanOrEqual(step);
    expect(partBeyond(actual, expected, step / 2)).toBeLessThan(0.01);
  });
});

describe('what is no image, or no option, is refused', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['a size', () => new T.Resize(0), /OPTION_INVALID.*above 0.*0/],
    ['a size of three', () => new T.CenterCrop([1, 2, 3]), /OPTION_INVALID/],
    ['an interpolation', () => new T.Resize(4, { interpolation: 'lanczos' as T.Interpolation }), /bicubic.*lanczos/],
    ['maxSize below size', () => new T.Resize(4, { maxSize: 4 }), /above 4.*4/],
    ['antialias', () => new T.Resize(4, { interpolation: 'nearest', antialias: true }), /antialias/],
    ['a range the wrong way', () => new T.RandomResizedCrop(4, { scale: [1, 0.5] }), /scale.*1,0\.5/],
    ['degrees', () => new T.RandomRotation(-3), /degrees.*-3/],
    ['translate', () => new T.RandomAffine(0, { translate: [2, 0] }), /translate.*2,0/],
    ['distortion', () => new T.RandomPerspective(2), /distortionScale.*2/],
    ['sigma', () => new T.ElasticTransform({ sigma: [1, -1] }), /sigma.*from 0 up.*1,-1/],
    ['brightness', () => new T.ColorJitter({ brightness: -1 }), /brightness.*-1/],
    ['hue', () => new T.ColorJitter({ hue: 0.6 }), /hue.*0\.6/],
    ['channels', () => new T.Grayscale(2 as 3), /1 or 3.*2/],
    ['an even kernel', () => new T.GaussianBlur(4), /odd.*4/],
    ['bits', () => new T.RandomPosterize(9), /0 to 8.*9/],
    ['a probability', () => new T.RandomErasing(1.5), /0 to 1.*1\.5/],
    ['no transforms', () => new T.RandomOrder([]), /RandomOrder/],
    ['weights', () => new T.RandomChoice([(x) => x], [0]), /weight/],
    ['a policy', () => new T.AutoAugment('coco' as 'svhn'), /imagenet.*coco/],
    ['a magnitude', () => new T.RandAugment({ magnitude: 31 }), /0 to 30.*31/],
    ['a severity', () => new T.AugMix({ severity: 0 }), /1 to 10/],
    ['alpha', () => new T.MixUp({ alpha: 0 }), /alpha.*0/],
    ['padding', () => new T.Pad([1, 2, 3]), /1, 2 or 4/],
  ])('%s', (_, make, message) => {
    expect(make).toThrow(/^OPTION_INVALID/);
    expect(make).toThrow(message);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['two channels', () => new T.Grayscale().forward(torch.zeros([2, 4, 4])), /1 or 3 channels.*\[2, 4, 4\]/],
    ['floats in posterize', () => T.functional.posterize(torch.zeros([3, 4, 4]), 2), /uint8.*float32/],
    ['a crop too large', () => new T.FiveCrop(9).forward(torch.zeros([3, 4, 4])), /9 × 9.*4 × 4/],
    [
      'an image smaller than its blur',
      () => new T.ElasticTransform().forward(torch.zeros([3, 20, 30])),
      /20 pixels to each side.*20 × 30/,
    ],
    ['a line', () => new T.Resize(3).forward(torch.zeros([4])), /\[4\]/],
    ['an image instead of a batch', () => new T.MixUp().forward([torch.zeros([3, 4, 4]), torch.zeros([3])]), /batch/],
  ])('%s', (_, run, message) => {
    expect(run).toThrow(/^IMAGE_INVALID/);
    expect(run).toThrow(message);
  });

  it('a step that returns no tensor, naming the step', () => {
    const steps = new T.Compose([new T.ToTensor(), (() => 3) as never]);
    expect(() => steps.forward(images.at(0))).toThrow(/TRANSFORM_OUTPUT: step 1.*Lambda.*number/);
  });
});

describe('whole batches', () => {
  it.each([
    ['Resize', new T.Resize(9)],
    ['CenterCrop', new T.CenterCrop(20)],
    ['Grayscale', new T.Grayscale()],
    ['Pad', new T.Pad(2)],
    ['PILToTensor', new T.PILToTensor({ channels: 'first' })],
  ])('%s of a batch is that of each image, bit for bit', (_, transform) => {
    expect(transform.batched).toBe(true);
    const each = torch.stack(images.unbind(0).map((image) => transform.forward(image)));
    expect(transform.forwardBatch(images).equal(each)).toBe(true);
  });

  it('are changed alike by a random transform that is given them as one image', () => {
    torch.manualSeed(3);
    const together = new T.RandomAffine(20).forward(torch.stack([images.at(0), images.at(0)]));
    expect(together.at(0).equal(together.at(1))).toBe(true);
  });

  it('are mixed with their labels: shares of MixUp sum to one, and CutMix counts its pixels', () => {
    torch.manualSeed(2);
    const batch = torch.arange(4).view([4, 1, 1, 1]).to('float32').expand([4, 3, 16, 16]);
    const labels = torch.tensor([0, 1, 2, 3]);
    const [mixed, shares] = new T.MixUp({ numClasses: 4 }).forward([batch, labels]);
    expect(shares.sum(1).sub(1).abs().max().item()).toBeLessThan(1e-6);
    // Each image is its number, so that the mixed pixel is the labels' mean by their shares.
    const means = shares.matmul(torch.arange(4).to('float32'));
    expect(mixed.at(':', 0, 0, 0).sub(means).abs().max().item()).toBeLessThan(1e-5);
    const [cut, areas] = new T.CutMix({ numClasses: 4 }).forward([batch, labels]);
    expect(
      cut
        .mean([1, 2, 3])
        .sub(areas.matmul(torch.arange(4).to('float32')))
        .abs()
        .max()
        .item(),
    ).toBeLessThan(1e-5);
    expect(() => new T.CutMix().forward([batch, labels])).toThrow(/OPTION_INVALID.*numClasses/);
  });

  it('RandomChoice and RandomOrder repeat their choices from a seed', () => {
    const choose = new T.RandomChoice([(x) => x.add(1), (x) => x.add(10)], [1, 3]);
    const order = new T.RandomOrder([(x) => x.add(1), (x) => x.mul(10)]);
    const draw = () => {
      torch.manualSeed(5);
      return Array.from({ length: 40 }, () => [
        choose.forward(torch.tensor(0)).item(),
        order.forward(torch.tensor(0)).item(),
      ]);
    };
    const drawn = draw();
    expect(draw()).toEqual(drawn);
    const tens = drawn.filter(([chosen]) => chosen === 10).length;
    expect(tens).toBeGreaterThan(20);
    expect(tens).toBeLessThan(40);
    expect(new Set(drawn.map(([, ordered]) => ordered))).toEqual(new Set([1, 10]));
  });
});
