import { checkChoice } from '../regression/inputs.js';
import { characters, words } from './sentences.js';

/** `none`: at white space; `13a`: the shared tasks'; `intl`: by Unicode's punctuation and symbols; `char`: every character. */
export type BleuTokenizer = 'none' | '13a' | 'intl' | 'char';

const entities: readonly [text: string, character: string][] = [
  ['&quot;', '"'],
  ['&amp;', '&'],
  ['&lt;', '<'],
  ['&gt;', '>'],
];

/** Punctuation apart from words; periods and commas stay within numbers, a dash leaves a number. */
function westernWords(text: string): string[] {
  return words(
    text
      .replace(/[{-~[-` -&(-+:-@/]/g, ' $& ')
      .replace(/([^0-9])([.,])/gu, '$1 $2 ')
      .replace(/([.,])([^0-9])/gu, ' $1 $2')
      .replace(/([0-9])(-)/g, '$1 $2 '),
  );
}

const tokenizers: Record<BleuTokenizer, (text: string) => string[]> = {
  none: words,
  char: (text) => characters(text).filter((character) => character.trim() !== ''),
  '13a'(text) {
    let line = text.replaceAll('<skipped>', '').replaceAll('-\n', '').replaceAll('\n', ' ');
    for (const [entity, character] of entities) line = line.replaceAll(entity, character);
    return westernWords(` ${line} `);
  },
  intl: (text) =>
    words(
      text
        .replace(/(\P{N})(\p{P})/gu, '$1 $2 ')
        .replace(/(\p{P})(\P{N})/gu, ' $1 $2')
        .replace(/\p{S}/gu, ' $& '),
    ),
};

/** @throws MetricError OPTION_INVALID for a tokenizer that is none of these */
export function bleuTokenizer(owner: string, tokenize: BleuTokenizer, lowercase: boolean): (text: string) => string[] {
  checkChoice(owner, 'tokenize', tokenize, Object.keys(tokenizers));
  const split = tokenizers[tokenize];
  return lowercase ? (text) => split(text).map((word) => word.toLowerCase()) : split;
}
