import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, extname } from 'node:path';
import { MetricError } from '../errors.js';
import { renderPng } from './renderPng.js';
import { renderSvg } from './renderSvg.js';
import type { PlotSpec } from './theme.js';

/**
 * Draws a plot into a file: `.svg`, `.png`, or `.json` for the specification itself. Folders are made as needed.
 *
 * @throws MetricError `PLOT_FORMAT` for another file ending.
 */
export async function savePlot(spec: PlotSpec, path: string): Promise<void> {
  const bytes = await draw(spec, path);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
}

async function draw(spec: PlotSpec, path: string): Promise<string | Uint8Array> {
  const ending = extname(path).toLowerCase();
  switch (ending) {
    case '.svg':
      return renderSvg(spec);
    case '.png':
      return renderPng(await renderSvg(spec));
    case '.json':
      return `${JSON.stringify(spec, null, 2)}\n`;
    default:
      throw new MetricError(
        'PLOT_FORMAT',
        `a plot is saved as .svg, .png or .json, and ${path} ends in ${ending || 'nothing'}`,
      );
  }
}
