import { Tensor } from '@lightning-ts/torch';
import { humanCount } from '../summary/summaryText.js';
import type { CheckpointSummary } from './inspectCheckpoint.js';

const howToResume = {
  exact: 'bit for bit where it was saved',
  counters: 'with the right batch; random numbers and metrics in flight are not in it',
  none: 'no: weights only',
} as const;

/**
 * A checkpoint's summary for a terminal.
 *
 * @param lists whether every tensor gets a line of its own
 */
export function checkpointText(summary: CheckpointSummary, lists = false): string {
  const { writtenBy, version } = summary;
  const author =
    writtenBy === null
      ? `Lightning ${version ?? 'of an unknown version'}`
      : `lightning-ts ${writtenBy} (format ${version})`;
  const lines: [string, string][] = [
    ['File', `${summary.path}, ${byteText(summary.fileBytes)}`],
    ['Written by', author],
    ['Saved in', `epoch ${summary.epoch ?? 'unknown'}, after ${summary.globalStep ?? 'unknown'} optimizer steps`],
    ['Resumes', howToResume[summary.resume]],
    [
      'Weights',
      `${summary.tensors.length} tensors, ${humanCount(summary.elements).trim()} elements, ${dtypesText(summary)}`,
    ],
    ...entries('Hyperparameters', summary.hyperParameters),
    ...summary.optimizers.map(({ groups, parameters }, index): [string, string] => [
      `Optimizer ${index}`,
      `${parameters} parameters; ${groups.map(groupText).join('; ')}`,
    ]),
    ...summary.schedulers.map((state, index): [string, string] => [`Scheduler ${index}`, valueText(state)]),
    ...Object.entries(summary.callbacks).map(([key, state]): [string, string] => [
      'Callback',
      `${key}: ${valueText(state)}`,
    ]),
  ];
  if (summary.otherKeys.length > 0) lines.push(['Also holds', summary.otherKeys.join(', ')]);
  for (const name of summary.foreignClasses) lines.push(['Python class', `${name}: kept as it is, not run`]);
  for (const change of summary.migrations) lines.push(['To upgrade', change]);
  const width = Math.max(...lines.map(([name]) => name.length));
  const text = lines.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  if (!lists) return text.join('\n');
  const rows = summary.tensors.map(({ bytes, dtype, name, shape }) => [
    name,
    `[${shape.join(', ')}]`,
    dtype,
    byteText(bytes),
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => row[column]!.length)));
  const tensorLines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [...text, '', ...tensorLines].join('\n');
}

/** Bytes in the unit that leaves one to three digits before the point: `512 B`, `1.4 MB`. */
export function byteText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const unit = bytes === 0 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return unit === 0 ? `${bytes} B` : `${(bytes / 1000 ** unit).toFixed(1)} ${units[unit]}`;
}

function dtypesText({ tensors }: CheckpointSummary): string {
  const bytes = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
  const dtypes = [...new Set(tensors.map(({ dtype }) => dtype))];
  return `${byteText(bytes)}${dtypes.length === 0 ? '' : ` of ${dtypes.join(', ')}`}`;
}

function entries(title: string, values: Readonly<Record<string, unknown>>): [string, string][] {
  const text = Object.entries(values).map(([name, value]) => `${name}=${valueText(value)}`);
  return text.length === 0 ? [] : [[title, text.join(', ')]];
}

/** What tells one group from another: numbers and flags that are set. */
function groupText(group: Readonly<Record<string, unknown>>): string {
  return Object.entries(group)
    .filter(([, value]) => value !== null && value !== false)
    .map(([name, value]) => `${name}=${valueText(value)}`)
    .join(', ');
}

const longestValue = 100;

function valueText(value: unknown): string {
  const text = JSON.stringify(plain(value)) ?? String(value);
  return text.length > longestValue ? `${text.slice(0, longestValue - 1)}…` : text;
}

/** Tensors of one element as their number, others by shape; everything else as JSON can have it. */
function plain(value: unknown): unknown {
  if (value instanceof Tensor) {
    if (value.numel() !== 1) return `tensor of [${value.shape.join(', ')}]`;
    const number = value.item();
    return Number.isFinite(number) ? number : String(number);
  }
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map || value instanceof Set)
    return plain(value instanceof Map ? Object.fromEntries(value) : [...value]);
  if (typeof value !== 'object' || value === null) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return String(value);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

/** The summary for programs: what JSON can hold of it. */
export function checkpointJson(summary: CheckpointSummary): string {
  return JSON.stringify(plain(summary), null, 2);
}
