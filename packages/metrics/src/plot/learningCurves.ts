import { MetricError } from '../errors.js';
import { type Row, readCsv } from './readCsv.js';
import { type PlotSpec, theme } from './theme.js';

export interface LearningCurvesOptions {
  /** Column along the bottom, default `step`. */
  x?: string;
  /** Columns to draw. Names in one list share a panel; lists of names make a panel each. */
  y: readonly string[] | readonly (readonly string[])[];
  /** Default `Learning curves`. */
  title?: string;
  /** Pixels of one panel, default 420. */
  width?: number;
  /** Pixels of one panel, default 260. */
  height?: number;
}

interface Point {
  x: number;
  value: number;
  metric: string;
}

/**
 * Curves of metrics over steps or epochs, from logged rows or from the CSV file of a run. A row needs only the columns
 * that were logged in it; values that are not finite are left out.
 *
 * @throws MetricError `PLOT_DATA` when a column is nowhere or has no number, naming the columns there are.
 */
export function learningCurves(source: readonly Row[] | string, options: LearningCurvesOptions): PlotSpec {
  const { x = 'step', title = 'Learning curves', width = 420, height = 260 } = options;
  const rows = typeof source === 'string' ? readCsv(source) : source;
  const where = typeof source === 'string' ? source : 'the rows';
  const panels = panelsOf(options.y);
  if (panels.length === 0 || panels.some((names) => names.length === 0)) {
    throw new MetricError('OPTION_INVALID', 'y names no column to draw. Give it the names of logged metrics.');
  }
  const known = new Set(rows.flatMap((row) => Object.keys(row)));
  const views = panels.map((names) => {
    const points = names.flatMap((name) => pointsOf(rows, x, name, { where, known }));
    return panel(points, names, { x, width, height });
  });
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    config: theme,
    title,
    ...(views.length === 1
      ? (views[0] as object)
      : {
          hconcat: views,
          spacing: 36,
          resolve: { scale: { color: 'independent' }, legend: { color: 'independent' } },
        }),
  } as PlotSpec;
}

function panelsOf(y: LearningCurvesOptions['y']): (readonly string[])[] {
  const isFlat = y.every((entry) => typeof entry === 'string');
  return isFlat
    ? y.length === 0
      ? []
      : [y as readonly string[]]
    : (y as readonly (readonly string[])[]).map((names) => [names].flat());
}

function pointsOf(
  rows: readonly Row[],
  x: string,
  name: string,
  names: { where: string; known: ReadonlySet<string> },
): Point[] {
  for (const column of [x, name]) {
    if (names.known.has(column)) continue;
    throw new MetricError(
      'PLOT_DATA',
      `${names.where} has no column ${column}; there are ${[...names.known].join(', ') || 'none'}`,
    );
  }
  const points: Point[] = [];
  for (const row of rows) {
    const at = row[x];
    const value = row[name];
    if (typeof at !== 'number' || typeof value !== 'number' || !Number.isFinite(value)) continue;
    points.push({ x: at, value, metric: name });
  }
  if (points.length === 0) {
    throw new MetricError('PLOT_DATA', `${names.where} has no row with numbers for both ${x} and ${name}`);
  }
  return points;
}

interface PanelOptions {
  x: string;
  width: number;
  height: number;
}

function panel(points: Point[], names: readonly string[], { x, width, height }: PanelOptions): object {
  // Every step of a long run would be a blot of points.
  const isSparse = points.length <= 60 * names.length;
  const only = names.length === 1 ? names[0] : undefined;
  return {
    width,
    height,
    data: { values: points },
    mark: { type: 'line', strokeWidth: isSparse ? 2.5 : 1.2, point: isSparse ? { size: 36, filled: true } : false },
    encoding: {
      x: {
        field: 'x',
        type: 'quantitative',
        title: x,
        scale: { zero: false, nice: false },
        axis: {
          tickMinStep: 1,
          tickCount: 8,
          format: points.some((point) => point.x >= 10_000) ? '~s' : ',',
          grid: false,
        },
      },
      y: {
        field: 'value',
        type: 'quantitative',
        title: only ?? sharedName(names),
        scale: { zero: false, nice: true },
        axis: { tickCount: 6 },
      },
      color: {
        field: 'metric',
        type: 'nominal',
        scale: { domain: names },
        legend:
          only === undefined
            ? {
                title: null,
                orient: 'top',
                direction: 'horizontal',
                symbolType: 'stroke',
                symbolStrokeWidth: 3,
                offset: 6,
              }
            : null,
      },
    },
  };
}

/** What the names of one panel have in common: `loss` for `train/loss_epoch` and `val/loss`; else `value`. */
function sharedName(names: readonly string[]): string {
  const words = names.map((name) =>
    name.split(/[/_.-]/).filter((word) => !/^(step|epoch|train|val|valid|test)$/i.test(word)),
  );
  const [first = []] = words;
  return first.filter((word) => words.every((other) => other.includes(word))).join(' ') || 'value';
}
