/** Widths of DejaVu Sans in parts of the font size, by kind of character. */
const widths: readonly [kind: RegExp, width: number][] = [
  [/[ijlI.,:;|!'()[\]/\\ft]/, 0.36],
  [/[mwMW@%—]/, 0.9],
  [/[A-ZÄÖÜ&]/, 0.69],
  [/[\u2e80-\uffff]/, 1],
];
const usual = 0.61;

interface TextItem {
  fontSize?: number;
}

/** Vega's means to measure text; its types leave it out. */
export interface TextMetrics {
  width(item: TextItem, text: string): number;
  estimateWidth(item: TextItem, text: string): number;
}

/**
 * Gives Vega the widths of the plot's font. Without a canvas it takes every character for a wide one, which leaves gaps
 * between labels and titles.
 */
export function useFontWidths(metrics: TextMetrics): void {
  if (metrics.width !== metrics.estimateWidth) return;
  metrics.width = (item, text) => textWidth(text, item.fontSize ?? 11);
}

function textWidth(text: string, fontSize: number): number {
  let width = 0;
  for (const character of String(text)) width += widths.find(([kind]) => kind.test(character))?.[1] ?? usual;
  return width * fontSize;
}
