import { MetricError } from '../errors.js';

/** One sentence, or a batch of them. */
export type Sentences = string | readonly string[];

/** For each sentence one reference or several. A single sentence may have its references in one list. */
export type References = string | readonly (string | readonly string[])[];

/** The words between white space. */
export const words = (text: string): string[] => text.split(/\s+/u).filter((word) => word !== '');

/** Code points, so that what looks like one character mostly is one. */
export const characters = (text: string): string[] => Array.from(text);

/** Each prediction with its target. @throws MetricError SHAPE_MISMATCH, DTYPE_INVALID */
export function sentencePairs(owner: string, preds: Sentences, target: Sentences): [pred: string, target: string][] {
  const truths = listOf(owner, target, 'target');
  const found = listOf(owner, preds, 'preds');
  checkCounts(owner, found.length, truths.length);
  return found.map((pred, i) => [pred, truths[i]!]);
}

/** Each prediction with all its references. @throws MetricError SHAPE_MISMATCH, DTYPE_INVALID */
export function sentenceReferences(
  owner: string,
  preds: Sentences,
  target: References,
): [pred: string, references: readonly string[]][] {
  const found = listOf(owner, preds, 'preds');
  const isList = Array.isArray(target);
  const ofOne = typeof preds === 'string' && isList && target.every((one) => typeof one === 'string');
  const truths = (ofOne ? [target] : isList ? target : [target]) as readonly Sentences[];
  checkCounts(owner, found.length, truths.length);
  return found.map((pred, i) => {
    const references = listOf(owner, truths[i]!, 'target');
    if (references.length === 0)
      throw new MetricError('SHAPE_MISMATCH', `${owner}: sentence ${i} has no reference. Give one or more.`);
    return [pred, references];
  });
}

function listOf(owner: string, sentences: Sentences, what: string): readonly string[] {
  const list = typeof sentences === 'string' ? [sentences] : sentences;
  const odd = Array.isArray(list) ? list.find((one) => typeof one !== 'string') : sentences;
  if (odd !== undefined || !Array.isArray(list))
    throw new MetricError(
      'DTYPE_INVALID',
      `${owner}: ${what} holds ${typeof odd}. Give a string or a list of strings.`,
    );
  return list;
}

function checkCounts(owner: string, preds: number, target: number): void {
  if (preds !== target)
    throw new MetricError(
      'SHAPE_MISMATCH',
      `${owner}: ${preds} predictions came with ${target} targets. Give one for each.`,
    );
}
