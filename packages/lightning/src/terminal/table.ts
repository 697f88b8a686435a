import { padText, textWidth, truncateText } from './textWidth.js';

export type ColumnAlign = 'left' | 'right' | 'center';

export interface TableColumn {
  readonly title: string;
  readonly align?: ColumnAlign;
  /** Colours a padded cell of this column. */
  readonly paint?: (cell: string) => string;
}

/**
 * A table drawn with box characters, the title row set off by a heavy rule.
 *
 * @param rows one array of cells for each row, as many cells as there are columns
 * @param maxWidth columns of the terminal; the widest columns are cut until the table fits
 */
export function renderTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  maxWidth: number,
): string {
  const widths = columns.map((column, index) =>
    Math.max(textWidth(column.title), ...rows.map((row) => textWidth(row[index] ?? ''))),
  );
  shrink(widths, maxWidth - (3 * columns.length + 1));
  const cell = (text: string, index: number, align: ColumnAlign): string =>
    padText(truncateText(text, widths[index]!), widths[index]!, align);
  const rule = (left: string, line: string, cross: string, right: string): string =>
    left + widths.map((width) => line.repeat(width + 2)).join(cross) + right;
  const titles = columns.map((column, index) => ` ${cell(column.title, index, column.align ?? 'left')} `);
  const body = rows.map((row) => {
    const cells = columns.map((column, index) => {
      const text = cell(row[index] ?? '', index, column.align ?? 'left');
      return ` ${column.paint ? column.paint(text) : text} `;
    });
    return `│${cells.join('│')}│`;
  });
  return [
    rule('┏', '━', '┳', '┓'),
    `┃${titles.join('┃')}┃`,
    rule('┡', '━', '╇', '┩'),
    ...body,
    rule('└', '─', '┴', '┘'),
  ].join('\n');
}

/** No column is cut to less than this. */
export const smallestColumn = 8;

/** Takes columns off the widest cells until they sum to `total`. */
function shrink(widths: number[], total: number): void {
  let excess = widths.reduce((sum, width) => sum + width, 0) - total;
  while (excess > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    if (widths[widest]! <= smallestColumn) return;
    widths[widest]! -= 1;
    excess -= 1;
  }
}
