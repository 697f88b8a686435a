import type { Style } from '../terminal/style.js';
import { renderTable, smallestColumn } from '../terminal/table.js';
import type { ModelDescription } from './modelSummary.js';
import { type SummaryColumn, summaryColumns, summaryRows, summaryTotals } from './summaryText.js';

/**
 * The summary as a table with box characters: numbers to the right, colours where the style has them.
 *
 * @param width columns of the terminal; long names are cut, and where that is not enough, the least important columns are left out
 */
export function summaryTable(summary: ModelDescription, width: number, style: Style): string {
  const columns = fittingColumns(summary, width);
  const paints: Readonly<Record<string, (text: string) => string>> = {
    Name: style.cyan,
    Type: style.green,
    Params: style.magenta,
    FLOPs: style.magenta,
    Time: style.yellow,
  };
  const table = renderTable(
    [
      { title: '', align: 'right', paint: style.dim },
      ...columns.map(({ isNumber, title }) => ({
        title,
        align: isNumber ? ('right' as const) : ('left' as const),
        ...(paints[title] === undefined ? {} : { paint: paints[title] }),
      })),
    ],
    summaryRows(summary, columns).map((row) => row.map((cell) => cell.trimEnd())),
    width,
  );
  const totals = summaryTotals(summary).map(([value, name]) => {
    const label = name === 'Total Flops' ? 'Total FLOPs' : name;
    return `${style.bold(label)}: ${value.trimEnd()}`;
  });
  return [table, ...totals].join('\n');
}

/** What is left out first where there is no room. */
const leastImportant = ['Mode', 'Time', 'In sizes', 'Out sizes', 'FLOPs', 'Type'];

function fittingColumns(summary: ModelDescription, width: number): SummaryColumn[] {
  let columns = summaryColumns(summary);
  for (const title of leastImportant) {
    const rows = summaryRows(summary, columns);
    const cells = ['', ...columns.map((column) => column.title)];
    const widest = cells.map((cell, index) =>
      Math.max(cell.length, ...rows.map((row) => row[index]!.trimEnd().length)),
    );
    const smallest = widest.reduce((sum, cell) => sum + Math.min(cell, smallestColumn) + 3, 1);
    if (smallest <= width) break;
    columns = columns.filter((column) => column.title !== title);
  }
  return columns;
}
