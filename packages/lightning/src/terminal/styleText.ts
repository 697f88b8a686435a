import { describe } from '../describe.js';
import { LightningError } from '../errors.js';
import { nearestNames } from '../nearestNames.js';
import { colorNames } from './colorNames.js';

const attributes: Readonly<Record<string, string>> = {
  bold: '1',
  b: '1',
  dim: '2',
  d: '2',
  italic: '3',
  i: '3',
  underline: '4',
  u: '4',
  blink: '5',
  reverse: '7',
  r: '7',
  strike: '9',
  s: '9',
};

/** Paints text; without colours it comes back as it is. */
export type Paint = (text: string) => string;

/**
 * A style in words: attributes (`bold`, `dim`, `italic`, `underline`, `blink`, `reverse`, `strike`) and a colour by name
 * (`green`, `grey82`, `dark_orange3`), as `#6206E0`, `rgb(98,6,224)` or `color(99)`, with `on` before the one behind the text.
 *
 * @param option the option's name, for the error's text
 * @throws LightningError OPTION_INVALID for a word that is none of these
 */
export function parseStyle(text: unknown, option: string): (enabled: boolean) => Paint {
  if (typeof text !== 'string') throw invalid(option, text, 'Use a string such as "bold #6206E0" or "grey82".');
  const codes: string[] = [];
  let isBehind = false;
  for (const word of text.toLowerCase().replace(/,\s+/g, ',').split(/\s+/).filter(Boolean)) {
    if (word === 'on') isBehind = true;
    else if (word !== 'default' && word !== 'none') {
      const code = (isBehind ? undefined : attributes[word]) ?? colorCode(word, isBehind);
      if (code === null) {
        const near = nearestNames(word, [
          ...Object.keys(attributes).filter((name) => name.length > 1),
          ...colorNames.keys(),
        ]);
        const hint = near.length > 0 ? ` Did you mean ${near.map((name) => `'${name}'`).join(' or ')}?` : '';
        throw invalid(option, text, `'${word}' is no colour and no attribute.${hint}`);
      }
      codes.push(code);
      isBehind = false;
    }
  }
  const open = `\u001b[${codes.join(';')}m`;
  return (enabled) =>
    !enabled || codes.length === 0 ? (given) => given : (given) => (given === '' ? '' : `${open}${given}\u001b[0m`);
}

function colorCode(word: string, isBehind: boolean): string | null {
  const layer = isBehind ? 48 : 38;
  const named = colorNames.get(word);
  if (named !== undefined) return `${layer};5;${named}`;
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/
    .exec(word)
    ?.slice(1)
    .map((digits) => Number.parseInt(digits, 16));
  const rgb = hex ?? /^rgb\((\d+),(\d+),(\d+)\)$/.exec(word)?.slice(1).map(Number);
  if (rgb?.every((part) => part < 256))
    return hasTrueColor() ? `${layer};2;${rgb.join(';')}` : `${layer};5;${nearestOf256(rgb)}`;
  const index = /^color\((\d+)\)$/.exec(word)?.[1];
  return index !== undefined && Number(index) < 256 ? `${layer};5;${Number(index)}` : null;
}

function hasTrueColor(): boolean {
  return /truecolor|24bit/i.test(process.env.COLORTERM ?? '');
}

/** The colour of the 6 × 6 × 6 cube that is nearest: its levels are 0, 95, 135, 175, 215, 255. */
function nearestOf256(rgb: readonly number[]): number {
  const level = (part: number): number => (part < 48 ? 0 : part < 115 ? 1 : Math.round((part - 55) / 40));
  const [red, green, blue] = rgb.map(level) as [number, number, number];
  return 16 + 36 * red + 6 * green + blue;
}

function invalid(option: string, value: unknown, hint: string): LightningError {
  return new LightningError('OPTION_INVALID', `${option} is ${describe(value)}, which is no style. ${hint}`);
}
