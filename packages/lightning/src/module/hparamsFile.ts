import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { isPlainObject } from '../describe.js';
import { LightningError } from '../errors.js';

/**
 * Hyperparameters from a file that a logger wrote: `.yaml` or `.yml`, or `.csv` with the columns key and value.
 *
 * @throws LightningError HPARAMS_INVALID for another kind of file, or one of something else
 */
export async function readHparamsFile(path: string): Promise<Record<string, unknown>> {
  const kind = extname(path).toLowerCase();
  const isYaml = kind === '.yaml' || kind === '.yml';
  if (!isYaml && kind !== '.csv') {
    throw new LightningError('HPARAMS_INVALID', `hparamsFile is '${path}'. Use a .yaml, .yml or .csv file.`);
  }
  const text = await readFile(path, 'utf8');
  if (!isYaml) return fromCsv(text);
  const { parse } = await import('yaml');
  const content: unknown = parse(text) ?? {};
  if (isPlainObject(content)) return content;
  throw new LightningError('HPARAMS_INVALID', `'${path}' holds no names and values, which hyperparameters are.`);
}

function fromCsv(text: string): Record<string, unknown> {
  const rows = text.split(/\r?\n/).filter((line) => line !== '');
  const entries = rows.slice(1).map((row) => {
    const comma = row.indexOf(',');
    return [row.slice(0, comma), literal(row.slice(comma + 1).replace(/^"(.*)"$/s, '$1'))] as const;
  });
  return Object.fromEntries(entries);
}

/** Python's words and numbers as values, the rest as text. */
function literal(text: string): unknown {
  if (text === 'True' || text === 'False') return text === 'True';
  if (text === 'None') return null;
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}
