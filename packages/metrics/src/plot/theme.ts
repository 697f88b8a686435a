import type { Config, TopLevelSpec } from 'vega-lite';

/** A plot as a Vega-Lite specification; any tool that knows the format can show or change it. */
export type PlotSpec = TopLevelSpec;

/** The font of the PNGs; it comes with the package that holds it, so that no system font is needed. */
export const plotFont = 'DejaVu Sans';

const ink = '#222222';
const softInk = '#555555';

/** Colours that stay apart for most kinds of colour blindness (Okabe and Ito, 2008), darkest first on white. */
export const seriesColours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000', '#999999'];

export const theme: Config = {
  background: 'white',
  padding: 16,
  font: `${plotFont}, Verdana, sans-serif`,
  title: {
    fontSize: 16,
    fontWeight: 'bold',
    color: ink,
    anchor: 'start',
    offset: 14,
    subtitleColor: softInk,
    subtitleFontSize: 12,
    subtitlePadding: 6,
  },
  axis: {
    titleFontSize: 12,
    titleFontWeight: 'normal',
    titleColor: softInk,
    titlePadding: 10,
    labelFontSize: 11,
    labelColor: ink,
    labelLimit: 0,
    gridColor: '#e6e6e6',
    domainColor: '#aaaaaa',
    tickColor: '#aaaaaa',
  },
  legend: {
    titleFontSize: 11,
    titleFontWeight: 'normal',
    titleColor: softInk,
    titleLimit: 0,
    labelFontSize: 11,
    labelColor: ink,
    labelLimit: 0,
  },
  view: { stroke: null },
  range: { category: seriesColours },
};
