import { constants } from 'node:os';
import type { RunControl } from '../loops/run.js';

/** The exit code that a shell gives a process which a signal ended. */
export function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + (constants.signals[signal] ?? 0);
}

/**
 * Lets a first Ctrl-C, SIGTERM or other signal given end the run in order, after the batch in progress, and a second one end
 * the process at once. Handlers of the user's stay and are called too.
 *
 * @param others signals beside SIGINT and SIGTERM
 * @param pass told of each first signal, for processes that this one has started
 * @returns removes the handlers
 */
export function watchSignals(
  control: RunControl,
  tell: (text: string) => void,
  others: readonly NodeJS.Signals[] = [],
  pass: (signal: NodeJS.Signals) => void = () => {},
): () => void {
  const handle = (signal: NodeJS.Signals): void => {
    // A system that ends jobs may say so more than once; only people and SIGTERM mean "at once".
    if (control.signal !== null && !others.includes(signal)) process.exit(exitCodeOf(signal));
    if (control.signal !== null) return;
    control.signal = signal;
    pass(signal);
    const again = others.includes(signal)
      ? ''
      : ` ${signal === 'SIGINT' ? 'Press it again' : 'Send it again'} to stop at once.`;
    tell(`${signal === 'SIGINT' ? 'Ctrl-C' : signal}: the run ends after this batch.${again}`);
  };
  const handled = new Set<NodeJS.Signals>(['SIGINT', 'SIGTERM', ...others]);
  for (const signal of handled) process.on(signal, handle);
  return () => {
    for (const signal of handled) process.removeListener(signal, handle);
  };
}
