import { pythonFormat } from '../pythonText.js';
import { formatSeconds } from '../terminal/numberText.js';
import type { LayerSummary, ModelDescription } from './modelSummary.js';

/** A column of the list of layers. */
export interface SummaryColumn {
  readonly title: string;
  readonly isNumber: boolean;
  readonly text: (layer: LayerSummary) => string;
}

/** What is shown of each layer: sizes, operations and times only where the model was run. */
export function summaryColumns(summary: ModelDescription): SummaryColumn[] {
  const wasRun = summary.totalFlops !== null;
  return [
    { title: 'Name', isNumber: false, text: ({ name }) => name },
    { title: 'Type', isNumber: false, text: ({ type }) => type },
    { title: 'Params', isNumber: true, text: ({ parameters }) => humanCount(parameters) },
    { title: 'Mode', isNumber: false, text: ({ mode }) => mode },
    ...(wasRun ? [{ title: 'FLOPs', isNumber: true, text: ({ flops }: LayerSummary) => humanCount(flops ?? 0) }] : []),
    ...(summary.totalSeconds === null
      ? []
      : [{ title: 'Time', isNumber: true, text: ({ seconds }: LayerSummary) => formatSeconds(seconds ?? 0) }]),
    ...(wasRun
      ? [
          { title: 'In sizes', isNumber: true, text: ({ inSizes }: LayerSummary) => inSizes ?? '?' },
          { title: 'Out sizes', isNumber: true, text: ({ outSizes }: LayerSummary) => outSizes ?? '?' },
        ]
      : []),
  ];
}

/** The rows of the list, numbered, with one for the parameters that are in no layer. */
export function summaryRows(summary: ModelDescription, columns: readonly SummaryColumn[]): string[][] {
  const rows = summary.layers.map((layer, index) => [String(index), ...columns.map(({ text }) => text(layer))]);
  if (summary.otherParameters > 0) {
    const cells: Record<string, string> = { Name: 'other params', Params: humanCount(summary.otherParameters) };
    rows.push([' ', ...columns.map(({ title }) => cells[title] ?? 'n/a')]);
  }
  return rows;
}

/** What stands below the list: values and what they are. */
export function summaryTotals(summary: ModelDescription): [value: string, name: string][] {
  const { modulesInEvalMode, modulesInTrainMode, sizeInMb, totalFlops, totalParameters, totalSeconds } = summary;
  return [
    [humanCount(summary.trainableParameters), 'Trainable params'],
    [humanCount(totalParameters - summary.trainableParameters), 'Non-trainable params'],
    [humanCount(totalParameters), 'Total params'],
    [pythonFormat(sizeInMb, ',.3f', false), 'Total estimated model params size (MB)'],
    [String(modulesInTrainMode), 'Modules in train mode'],
    [String(modulesInEvalMode), 'Modules in eval mode'],
    ...(totalFlops === null ? [] : [[humanCount(totalFlops), 'Total Flops'] as [string, string]]),
    ...(totalSeconds === null ? [] : [[formatSeconds(totalSeconds), 'Time of one forward'] as [string, string]]),
  ];
}

/** The summary as a plain text table, in the layout that users of the field know. */
export function summaryText(summary: ModelDescription): string {
  const columns = summaryColumns(summary);
  const header = [' ', ...columns.map(({ title }) => title)];
  const rows = summaryRows(summary, columns);
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ');
  const rule = '-'.repeat(widths.reduce((sum, width) => sum + width, 0) + 3 * (widths.length + 1));
  const footer = summaryTotals(summary).map(([value, name]) => value.padEnd(10) + name);
  return [line(header), rule, ...rows.map(line), rule, ...footer].join('\n');
}

const units = [' ', 'K', 'M', 'B', 'T'];

/** A count in groups of three digits: `56`, `1.5 K`, `27.0 M`, `123 M`. */
export function humanCount(count: number): string {
  const groups = Math.max(1, Math.min(units.length, Math.ceil(String(Math.trunc(count)).length / 3)));
  const scaled = count / 1000 ** (groups - 1);
  const digits =
    groups === 1 || scaled >= 100 ? pythonFormat(Math.trunc(scaled), ',d', true) : pythonFormat(scaled, ',.1f', false);
  return `${digits} ${units[groups - 1]}`;
}
