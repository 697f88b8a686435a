import type { Tensor } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';
import { type PlotSpec, theme } from './theme.js';

export interface ConfusionMatrixOptions {
  /** Default `Confusion matrix`. */
  title?: string;
}

interface Cell {
  target: string;
  prediction: string;
  count: number;
  /** Part of the row, so that rare classes show as clearly as common ones. */
  share: number;
}

const mostClassesWithCounts = 30;
const grouped = new Intl.NumberFormat('en-US');

/**
 * A confusion matrix with its counts: a row for each true class, a column for each predicted one. The shade of a cell is
 * its part of the row, so the diagonal shows each class's recall.
 *
 * @param matrix counts [classes, classes], as nested arrays or the tensor that the metric computes.
 * @param labels names of the classes; default their numbers.
 * @throws MetricError `SHAPE_MISMATCH` when the matrix is not square or the labels are not as many as its rows.
 */
export function confusionMatrix(
  matrix: readonly (readonly number[])[] | Tensor,
  labels?: readonly string[],
  options: ConfusionMatrixOptions = {},
): PlotSpec {
  const rows = isTensor(matrix) ? (matrix.tolist() as number[][]) : matrix;
  const names = uniqueNames(labels ?? Array.from({ length: rows.length }, (_, i) => String(i)));
  checkShape(rows, names);
  const cells = rows.flatMap((row, i) => cellsOf(row, names[i] as string, names));
  const total = cells.reduce((sum, { count }) => sum + count, 0);
  const right = cells.reduce((sum, { target, prediction, count }) => sum + (target === prediction ? count : 0), 0);
  const side = Math.max(14, Math.min(54, Math.round(640 / names.length)));
  const showsCounts = names.length <= mostClassesWithCounts;
  const shortLabels = names.every((name) => name.length <= 3);
  const axes = {
    x: {
      field: 'prediction',
      type: 'nominal',
      sort: null,
      title: 'predicted class',
      axis: { orient: 'bottom', labelAngle: shortLabels ? 0 : -40, ticks: false, domain: false },
    },
    y: {
      field: 'target',
      type: 'nominal',
      sort: null,
      title: 'true class',
      axis: { ticks: false, domain: false, labelPadding: 6 },
    },
  };
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    config: theme,
    title: {
      text: options.title ?? 'Confusion matrix',
      subtitle:
        total === 0
          ? 'no samples'
          : `${((100 * right) / total).toFixed(2)}% of ${grouped.format(total)} samples are right`,
    },
    width: side * names.length,
    height: side * names.length,
    data: { values: cells },
    encoding: axes,
    layer: [
      {
        mark: { type: 'rect', stroke: 'white', strokeWidth: 1 },
        encoding: {
          color: {
            field: 'share',
            type: 'quantitative',
            scale: { domain: [0, 1], range: ['#f4f8fc', '#c6dbef', '#6baed6', '#2171b5', '#08306b'] },
            legend: {
              title: 'part of true class',
              format: '.0%',
              gradientLength: Math.min(220, side * names.length),
              values: [0, 0.25, 0.5, 0.75, 1],
            },
          },
        },
      },
      ...(showsCounts ? [countLayer(cells, side)] : []),
    ],
  } as PlotSpec;
}

function countLayer(cells: readonly Cell[], side: number): object {
  const longest = Math.max(...cells.map(({ count }) => grouped.format(count).length));
  return {
    mark: {
      type: 'text',
      baseline: 'middle',
      fontSize: Math.max(6, Math.min(13, Math.floor((side - 6) / (0.64 * longest)))),
    },
    encoding: {
      text: { field: 'count', type: 'quantitative', format: ',' },
      color: {
        condition: [
          { test: 'datum.share > 0.45', value: 'white' },
          { test: 'datum.count == 0', value: '#b8c4cf' },
        ],
        value: '#1b2a38',
      },
    },
  };
}

function cellsOf(row: readonly number[], target: string, names: readonly string[]): Cell[] {
  const total = row.reduce((sum, count) => sum + count, 0);
  return row.map((count, i) => ({
    target,
    prediction: names[i] as string,
    count,
    share: total === 0 ? 0 : count / total,
  }));
}

function isTensor(matrix: readonly (readonly number[])[] | Tensor): matrix is Tensor {
  return !Array.isArray(matrix);
}

/** Two classes of one name would fall into one row. */
function uniqueNames(labels: readonly string[]): string[] {
  return labels.map((label, i) =>
    labels.indexOf(label) === i && labels.lastIndexOf(label) === i ? label : `${label} (${i})`,
  );
}

function checkShape(rows: readonly (readonly number[])[], names: readonly string[]): void {
  const isSquare = rows.length > 0 && rows.every((row) => Array.isArray(row) && row.length === rows.length);
  if (!isSquare) {
    const widths = rows.map((row) => (Array.isArray(row) ? row.length : 'no'));
    throw new MetricError(
      'SHAPE_MISMATCH',
      `a confusion matrix has as many columns as rows; this one has ${rows.length} rows of ${[...new Set(widths)].join(', ') || 0} columns`,
    );
  }
  if (rows.some((row) => row.some((count) => typeof count !== 'number' || !(count >= 0)))) {
    throw new MetricError('PLOT_DATA', 'a confusion matrix holds counts of 0 or more; this one has something else');
  }
  if (names.length !== rows.length) {
    throw new MetricError('SHAPE_MISMATCH', `${names.length} labels were given for a matrix of ${rows.length} classes`);
  }
}
