import { Tensor } from '@lightning-ts/torch';
import { MetricError } from '../errors.js';

export interface ReportOptions {
  /** Names of the classes 0, 1, 2, ...; every one gets a row. Default: the labels that occur, as numbers. */
  readonly labels?: readonly string[];
  /** Decimals. Default 2. */
  readonly digits?: number;
}

interface Row {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly support: number;
}

/**
 * Precision, recall, F1 and support of each class, and their averages, as the text that scikit-learn's
 * `classification_report` prints. A share whose denominator is 0 counts as 0.
 *
 * @param target true labels: whole numbers, a tensor of any shape or an array
 * @param preds predicted labels, as many; or scores `[N, classes]`, of which the highest is taken
 * @throws MetricError SHAPE_MISMATCH, DTYPE_INVALID, LABEL_OUT_OF_RANGE (more labels than names), OPTION_INVALID
 */
export function classificationReport(
  target: Tensor | ArrayLike<number>,
  preds: Tensor | ArrayLike<number>,
  options: ReportOptions = {},
): string {
  const { labels, digits = 2 } = options;
  if (!Number.isInteger(digits) || digits < 0 || digits > 20) {
    throw new MetricError(
      'OPTION_INVALID',
      `classificationReport: digits is ${String(digits)}. Give a whole number from 0 to 20.`,
    );
  }
  const truth = labelsOf(target, 'target');
  const given = labelsOf(
    preds instanceof Tensor && preds.isFloatingPoint() && preds.dim() === 2 ? preds.argmax(1) : preds,
    'preds',
  );
  if (truth.length !== given.length) {
    throw new MetricError(
      'SHAPE_MISMATCH',
      `target has ${truth.length} labels and preds ${given.length}. Give one prediction for each target.`,
    );
  }
  const classes = labels?.map((_, index) => index) ?? [...new Set([...truth, ...given])].sort((a, b) => a - b);
  const names = labels ?? classes.map(String);
  const rows = rowsOf(truth, given, classes);
  return reportText(rows, names, digits);
}

function rowsOf(truth: readonly number[], given: readonly number[], classes: readonly number[]): Row[] {
  const places = new Map(classes.map((label, index) => [label, index]));
  const hits = new Float64Array(classes.length);
  const supports = new Float64Array(classes.length);
  const predicted = new Float64Array(classes.length);
  const place = (label: number): number => {
    const index = places.get(label);
    if (index !== undefined) return index;
    throw new MetricError(
      'LABEL_OUT_OF_RANGE',
      `classificationReport: the label ${label} has no name; names are given for 0 to ${classes.length - 1}.`,
    );
  };
  for (let index = 0; index < truth.length; index += 1) {
    const row = place(truth[index]!);
    const column = place(given[index]!);
    supports[row]! += 1;
    predicted[column]! += 1;
    if (row === column) hits[row]! += 1;
  }
  return classes.map((_, index) => {
    const precision = share(hits[index]!, predicted[index]!);
    const recall = share(hits[index]!, supports[index]!);
    const f1 = share(2 * hits[index]!, predicted[index]! + supports[index]!);
    return { precision, recall, f1, support: supports[index]! };
  });
}

function reportText(rows: readonly Row[], names: readonly string[], digits: number): string {
  const width = Math.max(...names.map((name) => name.length), 'weighted avg'.length, digits);
  const cell = (text: string): string => ` ${text.padStart(9)}`;
  const number = (value: number): string => cell(value.toFixed(digits));
  const line = (name: string, row: Row): string =>
    `${name.padStart(width)} ${number(row.precision)}${number(row.recall)}${number(row.f1)}${cell(String(row.support))}`;
  const total = rows.reduce((sum, row) => sum + row.support, 0);
  const found = rows.reduce((sum, row) => sum + row.recall * row.support, 0);
  const accuracy = share(found, total);
  const mean = (weight: (row: Row) => number): Row => {
    const sum = rows.reduce((weights, row) => weights + weight(row), 0);
    const of = (value: (row: Row) => number): number =>
      share(
        rows.reduce((values, row) => values + value(row) * weight(row), 0),
        sum,
      );
    return {
      precision: of((row) => row.precision),
      recall: of((row) => row.recall),
      f1: of((row) => row.f1),
      support: total,
    };
  };
  return [
    `${' '.repeat(width)} ${['precision', 'recall', 'f1-score', 'support'].map(cell).join('')}`,
    '',
    ...names.map((name, index) => line(name, rows[index]!)),
    '',
    `${'accuracy'.padStart(width)} ${cell('')}${cell('')}${number(accuracy)}${cell(String(total))}`,
    line(
      'macro avg',
      mean(() => 1),
    ),
    line(
      'weighted avg',
      mean((row) => row.support),
    ),
    '',
  ].join('\n');
}

function labelsOf(values: Tensor | ArrayLike<number>, what: string): number[] {
  if (values instanceof Tensor && values.isFloatingPoint()) {
    throw new MetricError(
      'DTYPE_INVALID',
      `${what} is ${values.dtype} [${values.shape}], but class labels are whole numbers. Use argmax or long().`,
    );
  }
  return Array.from(values instanceof Tensor ? (values.toTypedArray() as ArrayLike<number | bigint>) : values, Number);
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
