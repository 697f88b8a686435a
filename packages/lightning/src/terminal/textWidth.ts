// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what this pattern looks for
const escapeSequence = /\u001b\[[0-9;?]*[A-Za-z]/g;
const zeroWidth = /\p{Mn}|\p{Me}|\p{Cf}/u;

/** Removes terminal escape sequences (colours, cursor moves) from `text`. */
export function stripEscapes(text: string): string {
  return text.replace(escapeSequence, '');
}

function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf && code !== 0x303f) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd)
  );
}

function characterWidth(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return 0;
  if (code < 0x300) return 1;
  if (zeroWidth.test(character)) return 0;
  return isWide(code) ? 2 : 1;
}

/** Columns that `text` takes in a terminal: escape sequences and combining marks take none, wide characters two. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of stripEscapes(text)) width += characterWidth(character);
  return width;
}

/** Cuts `text` to at most `width` columns, ending in `…` when something was cut; colours opened before the cut are reset. */
export function truncateText(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  if (width <= 0) return '';
  let result = '';
  let used = 0;
  let position = 0;
  let sawEscape = false;
  while (position < text.length) {
    escapeSequence.lastIndex = position;
    const match = escapeSequence.exec(text);
    if (match !== null && match.index === position) {
      result += match[0];
      sawEscape = true;
      position += match[0].length;
      continue;
    }
    const character = String.fromCodePoint(text.codePointAt(position) ?? 0);
    const columns = characterWidth(character);
    if (used + columns > width - 1) break;
    result += character;
    used += columns;
    position += character.length;
  }
  return `${result}…${sawEscape ? '\u001b[0m' : ''}`;
}

/** Pads `text` with spaces to `width` columns; longer text stays as it is. */
export function padText(text: string, width: number, align: 'left' | 'right' | 'center' = 'left'): string {
  const missing = Math.max(0, width - textWidth(text));
  if (align === 'right') return ' '.repeat(missing) + text;
  if (align === 'center') return ' '.repeat(missing >> 1) + text + ' '.repeat(missing - (missing >> 1));
  return text + ' '.repeat(missing);
}
