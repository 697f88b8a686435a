import type { Tensor } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { learningCurves } from './learningCurves.js';
import { type PlotSpec, theme } from './theme.js';

/** Points of a curve, as the curve metrics compute them, or as arrays; what comes after x and y is left aside. */
export type CurvePoints = readonly [x: Tensor | readonly number[], y: Tensor | readonly number[], ...rest: unknown[]];

export interface CurveOptions {
  /** Names of the curves; default class numbers, or none for a single one. */
  labels?: readonly string[];
  /** Default `ROC` or `Precision and recall`. */
  title?: string;
}

interface Point {
  x: number;
  y: number;
  order: number;
  curve: string;
}

/** More would be a larger file and no finer a line. */
const mostPoints = 1000;

/**
 * ROC curves: the share of positives found over that of negatives taken for positives, with the line of guessing. Takes
 * one curve, or those of several classes.
 *
 * @throws MetricError `PLOT_DATA` without points, `SHAPE_MISMATCH` for parts or labels that are not as many
 */
export function rocCurve(curves: CurvePoints | readonly CurvePoints[], options: CurveOptions = {}): PlotSpec {
  const points = pointsOf(curves, options, ([x, y]) => [x, y]);
  return unitSquare(points, { title: 'ROC', x: 'false positive rate', y: 'true positive rate', ...options }, [
    {
      data: {
        values: [
          { x: 0, y: 0 },
          { x: 1, y: 1 },
        ],
      },
      mark: { type: 'line', strokeDash: [4, 4], stroke: '#999999', strokeWidth: 1 },
      encoding: { x: { field: 'x', type: 'quantitative' }, y: { field: 'y', type: 'quantitative' } },
    },
  ]);
}

/**
 * Curves of precision over recall. Takes one curve (precision first, as the metric computes it), or those of several classes.
 *
 * @throws MetricError `PLOT_DATA` without points, `SHAPE_MISMATCH` for parts or labels that are not as many
 */
export function precisionRecallCurve(
  curves: CurvePoints | readonly CurvePoints[],
  options: CurveOptions = {},
): PlotSpec {
  const points = pointsOf(curves, options, ([precision, recall]) => [recall, precision]);
  return unitSquare(points, { title: 'Precision and recall', x: 'recall', y: 'precision', ...options }, []);
}

/**
 * The values of one metric by step, such as those of `MetricTracker.computeAll`.
 *
 * @param values a tensor [steps], or numbers
 * @throws MetricError `PLOT_DATA` when none is a finite number
 */
export function valuesOverSteps(
  values: Tensor | readonly number[],
  options: { name?: string; title?: string } = {},
): PlotSpec {
  const { name = 'value', title = name } = options;
  const rows = numbersOf(values).map((value, step) => ({ step, [name]: value }));
  return learningCurves(rows, { y: [name], title });
}

const numbersOf = (values: Tensor | readonly number[]): number[] =>
  (Array.isArray(values) ? [...values] : (values as Tensor).tolist()) as number[];

function pointsOf(
  curves: CurvePoints | readonly CurvePoints[],
  { labels }: CurveOptions,
  axes: (curve: CurvePoints) => [CurvePoints[0], CurvePoints[0]],
): Point[] {
  const list = (isSingle(curves) ? [curves] : curves) as readonly CurvePoints[];
  if (labels !== undefined && labels.length !== list.length)
    throw new MetricError('SHAPE_MISMATCH', `${labels.length} labels were given for ${list.length} curves`);
  const points = list.flatMap((curve, index) => {
    const [x, y] = axes(curve).map(numbersOf) as [number[], number[]];
    if (x.length !== y.length)
      throw new MetricError('SHAPE_MISMATCH', `curve ${index} has ${x.length} points along x and ${y.length} along y`);
    const step = Math.max(1, x.length / mostPoints);
    const places = Array.from({ length: Math.ceil(x.length / step) }, (_, i) => Math.floor(i * step));
    if (places.length > 0 && places.at(-1) !== x.length - 1) places.push(x.length - 1);
    return places
      .filter((place) => Number.isFinite(x[place]) && Number.isFinite(y[place]))
      .map((place) => ({ x: x[place]!, y: y[place]!, order: place, curve: labels?.[index] ?? String(index) }));
  });
  if (points.length === 0) throw new MetricError('PLOT_DATA', 'the curves have no points');
  return points;
}

/** A curve's first part is numbers; a list of curves begins with a curve. */
const isSingle = (curves: CurvePoints | readonly CurvePoints[]): boolean => {
  const [first] = curves;
  return !Array.isArray(first) || typeof first[0] !== 'object';
};

interface SquareOptions extends CurveOptions {
  x: string;
  y: string;
}

function unitSquare(points: Point[], { title, labels, x, y }: SquareOptions, below: object[]): PlotSpec {
  const names = [...new Set(points.map(({ curve }) => curve))];
  const axis = (name: string) => ({
    type: 'quantitative',
    title: name,
    scale: { domain: [0, 1] },
    axis: { format: '.1f', tickCount: 6 },
  });
  const needsLegend = names.length > 1 || labels !== undefined;
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    config: theme,
    title,
    width: 360,
    height: 360,
    layer: [
      ...below,
      {
        data: { values: points },
        mark: { type: 'line', strokeWidth: 2 },
        encoding: {
          x: { field: 'x', ...axis(x) },
          y: { field: 'y', ...axis(y) },
          order: { field: 'order' },
          color: {
            field: 'curve',
            type: 'nominal',
            scale: { domain: names },
            legend: needsLegend ? { title: null, symbolType: 'stroke', symbolStrokeWidth: 3 } : null,
          },
        },
      },
    ],
  } as PlotSpec;
}
