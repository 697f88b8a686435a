import { readFileSync } from 'node:fs';
import { rand, type Tensor, tensor, zeros } from '@lightning-ts/torch';
import { Linear, Module } from '@lightning-ts/torch/nn';
import { adaptiveAvgPool2d } from '@lightning-ts/torch/nn/functional';
import { describe, expect, it } from 'vitest';
import { FrechetInceptionDistance, MetricCollection } from '../index.js';

const fixture = JSON.parse(
  readFileSync(new URL('../../test/fixtures/metrics/distance.json', import.meta.url), 'utf8'),
) as { batches: [number[], number[]][]; values: number[] };
const batches = fixture.batches.map((pair) => pair.map((images) => tensor(images).to('uint8')) as [Tensor, Tensor]);

class Means extends Module {
  override forward(images: Tensor): Tensor {
    return adaptiveAvgPool2d(images.to('float32').div(255), 2).flatten(1);
  }
}
const distance = (options = {}) =>
  new FrechetInceptionDistance({ feature: new Means(), inputImgSize: [3, 6, 6], ...options });

describe('FrechetInceptionDistance', () => {
  it('gives the values of torchmetrics, batch after batch', () => {
    const metric = distance();
    for (const [i, [real, fake]] of batches.entries()) {
      metric.update(real, true);
      metric.update(fake, false);
      expect(metric.compute().item()).toBeCloseTo(fixture.values[i]!, 5);
    }
  });

  it('gives the value of the whole when two are merged, and from a state dict', () => {
    const [first, second, copy] = [distance(), distance(), distance()];
    for (const [i, [real, fake]] of batches.entries()) {
      const metric = i === 0 ? first : second;
      metric.update(real, true);
      metric.update(fake, false);
    }
    first.mergeState(second);
    expect(first.compute().item()).toBeCloseTo(fixture.values[2]!, 5);
    for (const metric of [first, copy]) metric.persistent();
    expect([...first.stateDict().keys()]).toContain('real_features_cov_sum');
    copy.loadStateDict(first.stateDict());
    expect(copy.compute().item()).toBeCloseTo(fixture.values[2]!, 5);
  });

  it('is 0 between equal images', () => {
    const metric = distance();
    const images = rand([40, 3, 6, 6]).mul(255).to('uint8');
    for (const real of [true, false]) metric.update(images, real);
    expect(Math.abs(metric.compute().item())).toBeLessThan(1e-5);
  });

  it('keeps the real images over a reset when told to', () => {
    const [[real, fake]] = batches as [[Tensor, Tensor]];
    const metric = distance({ resetRealFeatures: false });
    metric.update(real, true);
    metric.reset();
    metric.update(fake, false);
    expect(metric.compute().item()).toBeCloseTo(fixture.values[0]!, 5);
    const forgetful = distance();
    forgetful.update(real, true);
    forgetful.reset();
    forgetful.update(fake, false);
    expect(() => forgetful.compute()).toThrow(/NO_DATA.*0 images/);
  });

  it('takes a function, or a module that says how many features it has', () => {
    class Says extends Linear {
      readonly numFeatures = 2;
      override forward(images: Tensor): Tensor {
        return super.forward(images.flatten(1));
      }
    }
    const metrics = [
      new FrechetInceptionDistance({ feature: (images) => images.flatten(1).narrow(1, 0, 2), numFeatures: 2 }),
      new FrechetInceptionDistance({ feature: new Says(12, 2) }),
    ];
    for (const metric of metrics) {
      for (const real of [true, false]) metric.update(rand([5, 3, 2, 2]), real);
      expect(metric.compute().shape).toEqual([]);
    }
    expect([...metrics[1]!.stateDict().keys()]).toEqual(['inception.weight', 'inception.bias']);
  });

  it('refuses what it cannot use', () => {
    expect(() => new FrechetInceptionDistance({ feature: 2048 as never })).toThrow(/OPTION_INVALID.*2048/);
    expect(() => distance({ numFeatures: 0 })).toThrow(/OPTION_INVALID.*numFeatures/);
    expect(() => distance({ numFeatures: 5 }).update(zeros([2, 3, 6, 6]), true)).toThrow(
      /SHAPE_MISMATCH.*\[2,12\].*\[2, 5\]/,
    );
    const collection = new MetricCollection([distance()]);
    const [[real, fake]] = batches as [[Tensor, Tensor]];
    collection.update(real, true);
    expect(() => collection.forward(fake, false)).toThrow(/NO_DATA/);
    expect(() => distance().forward()).toThrow(/NO_DATA.*update for each/);
    // The batch counts all the same.
    expect((collection.compute().FrechetInceptionDistance as Tensor).item()).toBeCloseTo(fixture.values[0]!, 5);
  });
});
