import { TorchError } from '../errors.js';
import type { EventAverage } from './keyAverages.js';

const sortKeys = [
  'count',
  'cpuTime',
  'cpuTimeTotal',
  'selfCpuTimeTotal',
  'cpuMemoryUsage',
  'selfCpuMemoryUsage',
] as const;
export type SortKey = (typeof sortKeys)[number];

export interface TableOptions {
  /** The column to sort by, largest first; default the order in which names first appeared. */
  sortBy?: SortKey;
  /** Default 100; the totals count all rows. */
  rowLimit?: number;
  /** Longer names are cut; default 55. */
  maxNameColumnWidth?: number;
  /** A line above the table. */
  header?: string;
}

interface Column {
  title: string;
  width: number;
  text(row: EventAverage): string;
}

const columnWidth = 12;
const gap = '  ';

export function formatTime(microseconds: number): string {
  if (microseconds >= 1e6) return `${(microseconds / 1e6).toFixed(3)}s`;
  if (microseconds >= 1e3) return `${(microseconds / 1e3).toFixed(3)}ms`;
  return `${microseconds.toFixed(3)}us`;
}

export function formatMemory(bytes: number): string {
  for (const [unit, size] of [
    ['Gb', 2 ** 30],
    ['Mb', 2 ** 20],
    ['Kb', 2 ** 10],
  ] as const)
    if (Math.abs(bytes) >= size) return `${(bytes / size).toFixed(2)} ${unit}`;
  return `${bytes} b`;
}

const cut = (text: string, width: number): string => (text.length > width ? `${text.slice(0, width - 3)}...` : text);

export function formatTable(all: readonly EventAverage[], options: TableOptions, showsMemory: boolean): string {
  const { sortBy, rowLimit = 100, maxNameColumnWidth = 55, header } = options;
  if (sortBy !== undefined && !sortKeys.includes(sortBy))
    throw new TorchError(
      'PROFILER',
      `a table cannot be sorted by '${String(sortBy)}'; use one of ${sortKeys.join(', ')}`,
    );
  if (all.length === 0) return '';
  const rows = (sortBy === undefined ? [...all] : all.toSorted((a, b) => b[sortBy] - a[sortBy])).slice(0, rowLimit);
  const total = all.reduce((sum, row) => sum + row.selfCpuTimeTotal, 0);
  const percent = (time: number) => `${(total > 0 ? (100 * time) / total : 0).toFixed(2)}%`;
  const widest = (texts: string[], most: number) => Math.min(Math.max(...texts.map((text) => text.length)) + 4, most);

  const columns: Column[] = [
    {
      title: 'Name',
      width: widest(
        rows.map((row) => row.key),
        maxNameColumnWidth,
      ),
      text: (row) => row.key,
    },
    { title: 'Self CPU %', width: columnWidth, text: (row) => percent(row.selfCpuTimeTotal) },
    { title: 'Self CPU', width: columnWidth, text: (row) => formatTime(row.selfCpuTimeTotal) },
    { title: 'CPU total %', width: columnWidth, text: (row) => percent(row.cpuTimeTotal) },
    { title: 'CPU total', width: columnWidth, text: (row) => formatTime(row.cpuTimeTotal) },
    { title: 'CPU time avg', width: columnWidth, text: (row) => formatTime(row.cpuTime) },
  ];
  if (showsMemory)
    columns.push(
      { title: 'CPU Mem', width: columnWidth, text: (row) => formatMemory(row.cpuMemoryUsage) },
      { title: 'Self CPU Mem', width: columnWidth, text: (row) => formatMemory(row.selfCpuMemoryUsage) },
    );
  columns.push({ title: '# of Calls', width: columnWidth, text: (row) => String(row.count) });
  const shapesOf = (row: EventAverage) => JSON.stringify(row.inputShapes ?? []).replaceAll(',', ', ');
  if (all.some((row) => row.inputShapes !== null))
    columns.push({
      title: 'Input Shapes',
      width: Math.max(columnWidth, widest(rows.map(shapesOf), 80)),
      text: shapesOf,
    });
  const sourceOf = (row: EventAverage) => (row.stack ?? []).join(' < ');
  if (all.some((row) => row.stack !== null))
    columns.push({ title: 'Source Location', width: Math.max(15, widest(rows.map(sourceOf), 75)), text: sourceOf });

  const line = columns.map(({ width }) => '-'.repeat(width)).join(gap);
  const format = (text: (column: Column) => string) =>
    columns.map((column) => cut(text(column), column.width).padStart(column.width)).join(gap);
  return [
    ...(header === undefined ? [] : [header]),
    line,
    format(({ title }) => title),
    line,
    ...rows.map((row) => format((column) => column.text(row))),
    line,
    `Self CPU time total: ${formatTime(total)}`,
    '',
  ].join('\n');
}
