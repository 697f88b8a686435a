import { pythonFormat } from '../pythonText.js';
import type { ModelDescription } from './modelSummary.js';

/** The summary as a plain text table, in the layout that users of the field know. */
export function summaryText(summary: ModelDescription): string {
  const hasSizes = summary.layers.some((layer) => layer.inSizes !== null);
  const header = [' ', 'Name', 'Type', 'Params', 'Mode', ...(hasSizes ? ['In sizes', 'Out sizes'] : [])];
  const rows = summary.layers.map((layer, index) => [
    String(index),
    layer.name,
    layer.type,
    humanCount(layer.parameters),
    layer.mode,
    ...(hasSizes ? [layer.inSizes ?? '?', layer.outSizes ?? '?'] : []),
  ]);
  if (summary.otherParameters > 0) {
    const count = humanCount(summary.otherParameters);
    rows.push([' ', 'other params', 'n/a', count, 'n/a', ...(hasSizes ? ['n/a', 'n/a'] : [])]);
  }
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ');
  const rule = '-'.repeat(widths.reduce((sum, width) => sum + width, 0) + 3 * (widths.length + 1));
  const footer = [
    [humanCount(summary.trainableParameters), 'Trainable params'],
    [humanCount(summary.totalParameters - summary.trainableParameters), 'Non-trainable params'],
    [humanCount(summary.totalParameters), 'Total params'],
    [pythonFormat(summary.sizeInMb, ',.3f', false), 'Total estimated model params size (MB)'],
    [String(summary.modulesInTrainMode), 'Modules in train mode'],
    [String(summary.modulesInEvalMode), 'Modules in eval mode'],
  ] as const;
  return [line(header), rule, ...rows.map(line), rule, ...footer.map(([value, name]) => value.padEnd(10) + name)].join(
    '\n',
  );
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
