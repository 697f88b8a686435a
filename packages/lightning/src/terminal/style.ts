/** What a terminal stream must tell us; `process.stdout` fits, and so does a small object in a test. */
export interface TerminalStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

type Environment = Record<string, string | undefined>;

/**
 * Whether colours should be written to `stream`.
 *
 * `NO_COLOR` (any non-empty value) turns them off and wins; `FORCE_COLOR` turns them on (`0` or `false`: off);
 * otherwise they need a TTY whose `TERM` is not `dumb`. Sources: no-color.org, force-color.org.
 */
export function supportsColor(stream: TerminalStream, env: Environment = process.env): boolean {
  if (env.NO_COLOR) return false;
  const forced = env.FORCE_COLOR;
  if (forced !== undefined && forced !== '') return forced !== '0' && forced !== 'false';
  return stream.isTTY === true && env.TERM !== 'dumb';
}

/** Whether lines may be redrawn in place: a TTY that is not `dumb`, and not a CI job that records its output. */
export function supportsRedraw(stream: TerminalStream, env: Environment = process.env): boolean {
  const inCI = env.CI !== undefined && env.CI !== '' && env.CI !== '0' && env.CI !== 'false';
  return stream.isTTY === true && env.TERM !== 'dumb' && !inCI;
}

/** Colour functions; with colours off each of them returns its text as it came. */
export interface Style {
  readonly enabled: boolean;
  bold(text: string): string;
  dim(text: string): string;
  italic(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
  magenta(text: string): string;
  violet(text: string): string;
}

const controlSequence = '\u001b[';

function wrap(open: string, close: string, enabled: boolean): (text: string) => string {
  return enabled
    ? (text) => (text === '' ? '' : `${controlSequence}${open}m${text}${controlSequence}${close}m`)
    : (text) => text;
}

/** Builds the colour functions. @param enabled as {@link supportsColor} says for the stream in use */
export function createStyle(enabled: boolean): Style {
  return {
    enabled,
    bold: wrap('1', '22', enabled),
    dim: wrap('2', '22', enabled),
    italic: wrap('3', '23', enabled),
    red: wrap('31', '39', enabled),
    green: wrap('32', '39', enabled),
    yellow: wrap('33', '39', enabled),
    cyan: wrap('36', '39', enabled),
    magenta: wrap('35', '39', enabled),
    violet: wrap('38;5;99', '39', enabled),
  };
}
