import { readFileSync } from 'node:fs';
import { MetricError } from '../errors.js';

/** One row of a table: numbers by column; what was not logged in that row is left out. */
export type Row = Readonly<Record<string, number | string | null | undefined>>;

/**
 * Reads a file of comma-separated values with a line of names, such as the `metrics.csv` of a run. Cells that are
 * numbers become numbers, empty ones are left out.
 *
 * @throws MetricError `PLOT_DATA` when the file cannot be read or a row has more cells than there are names.
 */
export function readCsv(path: string): Row[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new MetricError('PLOT_DATA', `cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
  const [names = [], ...lines] = splitCells(text.replace(/^\ufeff/, ''));
  return lines
    .filter((cells) => cells.some((cell) => cell !== ''))
    .map((cells, i) => {
      if (cells.length > names.length) {
        throw new MetricError(
          'PLOT_DATA',
          `${path}: row ${i + 2} has ${cells.length} cells for ${names.length} columns`,
        );
      }
      const filled = cells.map((cell, column): [string, number | string] => [names[column] as string, cellValue(cell)]);
      return Object.fromEntries(filled.filter(([, value]) => value !== ''));
    });
}

function cellValue(cell: string): number | string {
  const text = cell.trim();
  if (text === '') return '';
  const special: Record<string, number> = { nan: Number.NaN, inf: Infinity, '-inf': -Infinity };
  const value = special[text.toLowerCase()] ?? Number(text);
  return Number.isNaN(value) && text.toLowerCase() !== 'nan' ? text : value;
}

/** Rows of cells; a cell in double quotes may hold commas, line ends and doubled quotes. */
function splitCells(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let isQuoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i] as string;
    if (isQuoted) {
      if (character !== '"') cell += character;
      else if (text[i + 1] === '"') cell += text[++i];
      else isQuoted = false;
    } else if (character === '"') {
      isQuoted = true;
    } else if (character === ',' || character === '\n') {
      row.push(cell);
      cell = '';
      if (character === '\n') {
        rows.push(row);
        row = [];
      }
    } else if (character !== '\r') {
      cell += character;
    }
  }
  if (cell !== '' || row.length > 0) rows.push([...row, cell]);
  return rows;
}
