const shown = new Set<string>();
const silenced = new Set<string>();
let asErrors = false;

/** A warning that was turned into an error by `warningsAsErrors`. */
export class WarningError extends Error {
  override readonly name = 'WarningError';
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(`${code}: ${message}`);
  }
}

/**
 * Says something once: the same code with the same text is not repeated in a process.
 *
 * Goes through `process.emitWarning`, so `process.on('warning')` sees it and `--no-warnings` hides it.
 */
export function warn(code: string, message: string): void {
  if (silenced.has(code)) return;
  if (asErrors) throw new WarningError(code, message);
  const key = `${code}\0${message}`;
  if (shown.has(key)) return;
  shown.add(key);
  process.emitWarning(message, { type: 'LightningWarning', code });
}

/** No more warnings with these codes. */
export function silenceWarnings(...codes: string[]): void {
  for (const code of codes) silenced.add(code);
}

/** Warnings throw `WarningError` from now on (or no longer), for test suites that want none. */
export function warningsAsErrors(enabled = true): void {
  asErrors = enabled;
}

/** Forgets which warnings were shown and silenced. */
export function resetWarnings(): void {
  shown.clear();
  silenced.clear();
}
