import { type TextMetrics, useFontWidths } from './textWidth.js';
import type { PlotSpec } from './theme.js';

/**
 * Draws a plot as SVG text. Vega is loaded with the first call, as it is large and few runs draw.
 *
 * @throws Error of Vega-Lite for a specification it cannot read.
 */
export async function renderSvg(spec: PlotSpec): Promise<string> {
  const [vega, vegaLite] = await Promise.all([import('vega'), import('vega-lite')]);
  useFontWidths((vega as unknown as { textMetrics: TextMetrics }).textMetrics);
  const compiled = vegaLite.compile(spec, { logger: vega.logger(vega.Error) });
  const view = new vega.View(vega.parse(compiled.spec), { renderer: 'none', logLevel: vega.Error });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
