import { formatExact } from './numberText.js';
import { createStyle } from './style.js';
import { renderTable, type TableColumn } from './table.js';

/** Which entry point the results come from. */
export type EvaluationStage = 'validate' | 'test';

const loaderSuffix = /\/dataloader_idx_(\d+)$/;
const minimumValueWidth = 14;

/**
 * The table of an evaluation's results: one row for each metric, sorted by name, one column for each dataloader, every value
 * at the full precision of float32.
 *
 * @param results one record for each dataloader, as `trainer.validate` and `trainer.test` return them; the suffix
 *   `/dataloader_idx_<i>` of a key is left out, since the column says it
 * @param width columns of the terminal; loaders that do not fit beside each other get a table of their own below
 * @param color whether to write colours
 */
export function renderEvaluationTable(
  stage: EvaluationStage,
  results: readonly Readonly<Record<string, number>>[],
  width: number,
  color: boolean,
): string {
  const style = createStyle(color);
  const title = stage === 'validate' ? 'Validate metric' : 'Test metric';
  const byLoader = results.map(valuesByName);
  const names = [...new Set(byLoader.flatMap((values) => [...values.keys()]))].sort(byCodePoint);
  const nameWidth = Math.max(title.length, ...names.map((name) => name.length));
  const perTable = Math.max(1, Math.floor((width - nameWidth - 4) / (minimumValueWidth + 3)));
  const tables: string[] = [];
  for (let first = 0; first < byLoader.length; first += perTable) {
    const loaders = byLoader.slice(first, first + perTable);
    const columns: TableColumn[] = [
      { title, paint: style.cyan },
      ...loaders.map((_, index) => ({ title: `DataLoader ${first + index}`, paint: style.magenta })),
    ];
    const rows = names
      .filter((name) => loaders.some((values) => values.has(name)))
      .map((name) => [name, ...loaders.map((values) => cellText(values.get(name)))]);
    tables.push(renderTable(columns, rows, width));
  }
  return tables.join('\n');
}

function cellText(value: number | undefined): string {
  return value === undefined ? '' : formatExact(value);
}

function valuesByName(result: Readonly<Record<string, number>>): Map<string, number> {
  return new Map(Object.entries(result).map(([key, value]) => [key.replace(loaderSuffix, ''), value]));
}

function byCodePoint(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
