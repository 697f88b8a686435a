import * as torch from '@lightning-ts/torch';
import { expect, it } from 'vitest';
import { weightsTransforms } from './weightsTransforms.js';

const image = torch.full([3, 300, 400], 51).to('uint8');

it('prepares images as the published weights were trained', () => {
  const prepared = weightsTransforms('resnet18').forward(image);
  expect([prepared.shape, prepared.dtype]).toEqual([[3, 224, 224], 'float32']);
  // A grey of 0.2, less the mean and by the deviation of each channel.
  const expected = [(0.2 - 0.485) / 0.229, (0.2 - 0.456) / 0.224, (0.2 - 0.406) / 0.225];
  for (const [i, value] of (prepared.at(':', 5, 7).tolist() as number[]).entries()) {
    expect(value).toBeCloseTo(expected[i]!, 4);
  }
  expect(weightsTransforms('efficientnet_b1', 'IMAGENET1K_V2').forward(image).shape).toEqual([3, 240, 240]);
  expect(weightsTransforms('efficientnet_v2_l').forward(image).at(0, 0, 0).item()).toBeCloseTo(-0.6, 4);
});

it('takes whole images for segmentation, and batches at once', () => {
  const transform = weightsTransforms('fcn_resnet50');
  expect(transform.batched).toBe(true);
  expect(transform.forwardBatch(torch.stack([image, image])).shape).toEqual([2, 3, 520, 693]);
});

it('refuses models and weights that are not published', () => {
  expect(() => weightsTransforms('resnet19')).toThrow(/WEIGHTS_UNKNOWN.*resnet19/);
  expect(() => weightsTransforms('resnet18', 'IMAGENET1K_V2')).toThrow(/WEIGHTS_UNKNOWN.*IMAGENET1K_V1/);
});
