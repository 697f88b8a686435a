import { tensor } from '@lightning-ts/torch';
import { describe, expect, it } from 'vitest';
import { BinaryROC, MulticlassPrecisionRecallCurve, MulticlassROC } from '../index.js';
import { precisionRecallCurve, renderSvg, rocCurve, valuesOverSteps } from './index.js';

const scores = tensor([
  [0.7, 0.2, 0.1],
  [0.3, 0.4, 0.3],
  [0.1, 0.3, 0.6],
  [0.5, 0.3, 0.2],
  [0.2, 0.3, 0.5],
]);
const target = tensor([0, 1, 2, 1, 0]);
const texts = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text);
const linesOf = (svg: string) => [...svg.matchAll(/aria-roledescription="line mark"/g)].length;

describe('curves', () => {
  it('draws the ROC curves of a metric by class, over the line of guessing', async () => {
    const metric = new MulticlassROC({ numClasses: 3 });
    metric.update(scores, target);
    const svg = await renderSvg(rocCurve(metric.compute(), { labels: ['cat', 'dog', 'owl'] }));
    expect(texts(svg)).toEqual(expect.arrayContaining(['ROC', 'false positive rate', 'cat', 'dog', 'owl']));
    expect(linesOf(svg)).toBe(4);
  });

  it('draws a single curve without a legend', async () => {
    const metric = new BinaryROC();
    metric.update(tensor([0.1, 0.8, 0.4, 0.6]), tensor([0, 1, 1, 0]));
    const svg = await renderSvg(rocCurve(metric.compute()));
    expect(linesOf(svg)).toBe(2);
    expect(svg).not.toMatch(/role-legend"[^>]*aria/);
  });

  it('draws precision over recall', async () => {
    const metric = new MulticlassPrecisionRecallCurve({ numClasses: 3 });
    metric.update(scores, target);
    const svg = await renderSvg(precisionRecallCurve(metric.compute(), { title: 'Owls' }));
    expect(texts(svg)).toEqual(expect.arrayContaining(['Owls', 'recall', 'precision', '0', '1', '2']));
    expect(linesOf(svg)).toBe(3);
  });

  it('thins long curves and keeps their ends', () => {
    const x = Array.from({ length: 50_001 }, (_, i) => i / 50_000);
    const { layer } = rocCurve([x, x]) as unknown as { layer: { data: { values: { x: number }[] } }[] };
    const { values } = layer.at(-1)!.data;
    expect(values.length).toBeLessThan(1010);
    expect([values[0]!.x, values.at(-1)!.x]).toEqual([0, 1]);
  });

  it('draws the values of a metric by step', async () => {
    const svg = await renderSvg(valuesOverSteps(tensor([0.5, 0.7, 0.9]), { name: 'accuracy' }));
    expect(texts(svg)).toEqual(expect.arrayContaining(['accuracy', 'step']));
  });

  it('refuses what it cannot draw', () => {
    expect(() => rocCurve([[], []])).toThrow(/PLOT_DATA/);
    expect(() => rocCurve([[0, 1], [0]])).toThrow(/SHAPE_MISMATCH/);
    expect(() =>
      rocCurve(
        [
          [0, 1],
          [0, 1],
        ],
        { labels: ['a', 'b'] },
      ),
    ).toThrow(/SHAPE_MISMATCH/);
    expect(() => valuesOverSteps([Number.NaN])).toThrow(/PLOT_DATA/);
  });
});
