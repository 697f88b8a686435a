import { createRequire } from 'node:module';
import { plotFont } from './theme.js';

const fontFiles = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'];

/** Scripts from U+2E80 on, such as Chinese and Japanese, that the font that comes along does not have. */
const beyondFont = /[\u{2e80}-\u{a4cf}\u{ac00}-\u{d7ff}\u{f900}-\u{faff}\u{20000}-\u{3ffff}]/u;

/**
 * Draws SVG text as a PNG, twice as many pixels each way for sharp screens. The font is read from its package: the
 * renderer leaves out text whose font it does not find, and a server has often none.
 */
export async function renderPng(svg: string): Promise<Uint8Array> {
  const { Resvg } = await import('@resvg/resvg-js');
  const { resolve } = createRequire(import.meta.url);
  const image = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: 2 },
    font: {
      fontFiles: fontFiles.map((name) => resolve(`dejavu-fonts-ttf/ttf/${name}`)),
      loadSystemFonts: beyondFont.test(svg),
      defaultFontFamily: plotFont,
      sansSerifFamily: plotFont,
    },
  });
  return image.render().asPng();
}
