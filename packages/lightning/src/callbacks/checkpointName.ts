import { LightningError } from '../errors.js';
import { isFormatSpec, pythonFormat } from '../pythonText.js';
import { loggedNamesLike } from './monitoredMetric.js';

/** A number that a file name may contain. */
export interface NameValue {
  readonly value: number;
  /** Whether Python would hold it as an int, and print `3` rather than `3.0`. */
  readonly isInteger: boolean;
}

interface Placeholder {
  readonly key: string;
  readonly spec: string;
}

/** A file-name pattern, cut into literal text and placeholders. */
export interface CheckpointTemplate {
  readonly text: string;
  readonly pieces: readonly (string | Placeholder)[];
  /** The keys the pattern names, each once, in order. */
  readonly keys: readonly string[];
}

export interface CheckpointNameStyle {
  readonly equalsChar: string;
  /** Writes `key=` before each value. */
  readonly autoInsertMetricName: boolean;
}

/**
 * Reads a pattern such as `{epoch:02d}-{val/acc:.3f}`: `{key}` or `{key:format}`, where format is a Python number format.
 *
 * @throws LightningError CHECKPOINT_TEMPLATE for an unclosed brace, an empty key, or a format that does not fit numbers
 */
export function parseCheckpointTemplate(text: string): CheckpointTemplate {
  const pieces: (string | Placeholder)[] = [];
  let position = 0;
  for (const match of text.matchAll(/\{([^{}:]*)(?::([^{}]*))?\}/g)) {
    if (match.index > position) pieces.push(text.slice(position, match.index));
    pieces.push({ key: match[1]!, spec: match[2] ?? '' });
    position = match.index + match[0].length;
  }
  if (position < text.length) pieces.push(text.slice(position));
  const placeholders = pieces.filter((piece) => typeof piece !== 'string');
  const broken = pieces.find((piece) => typeof piece === 'string' && /[{}]/.test(piece));
  const unnamed = placeholders.some((piece) => piece.key === '');
  const misformed = placeholders.find((piece) => !isFormatSpec(piece.spec));
  if (broken !== undefined || unnamed || misformed !== undefined) {
    const fault =
      misformed !== undefined
        ? `'${misformed.spec}' is not a number format`
        : unnamed
          ? 'a placeholder has no name'
          : 'a brace is not closed';
    throw new LightningError(
      'CHECKPOINT_TEMPLATE',
      `The checkpoint file name '${text}' cannot be read: ${fault}. Write {name} or {name:format}, for example ` +
        "'{epoch:02d}-{val_loss:.3f}'.",
    );
  }
  return { text, pieces, keys: [...new Set(placeholders.map((piece) => piece.key))] };
}

/**
 * The file name (without extension) for the given values. What a value brings into the name makes no directory:
 * `{val/acc:.2f}` gives `val_acc=0.91`. A `/` in the pattern's own text still does.
 *
 * @throws LightningError CHECKPOINT_NAME_KEY when the pattern names a value that is not there, with the nearest names
 */
export function fillCheckpointTemplate(
  template: CheckpointTemplate,
  values: ReadonlyMap<string, NameValue>,
  style: CheckpointNameStyle,
): string {
  return template.pieces
    .map((piece) => {
      if (typeof piece === 'string') return piece;
      const found = values.get(piece.key);
      if (found === undefined) throw unknownKey(template, piece.key, [...values.keys()]);
      const label = style.autoInsertMetricName ? `${piece.key}${style.equalsChar}` : '';
      return sanitizeFileName(label + formatted(found, piece, template));
    })
    .join('');
}

/** The error for a pattern that names a value nobody logs. */
export function unknownKey(template: CheckpointTemplate, key: string, known: readonly string[]): LightningError {
  return new LightningError(
    'CHECKPOINT_NAME_KEY',
    `The checkpoint file name '${template.text}' uses {${key}}, but no value of that name was logged. ${loggedNamesLike(key, known)}`,
  );
}

/** Replaces what a file name cannot hold on the systems we run on by `_`. */
export function sanitizeFileName(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not reach a file name
  return name.replace(/[/\\:*?"<>|\u0000-\u001f]/g, '_');
}

function formatted(found: NameValue, { key, spec }: Placeholder, template: CheckpointTemplate): string {
  try {
    return pythonFormat(found.value, spec, found.isInteger);
  } catch (error) {
    throw new LightningError(
      'CHECKPOINT_TEMPLATE',
      `The checkpoint file name '${template.text}' cannot show ${key}: ${(error as Error).message}. Use a format such as .3f.`,
    );
  }
}
