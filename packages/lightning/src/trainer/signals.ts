import type { RunControl } from '../loops/run.js';

const handled = ['SIGINT', 'SIGTERM'] as const;
const numbers = { SIGINT: 2, SIGTERM: 15 } as const;

/** The exit code that a shell gives a process which a signal ended. */
export function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + (numbers[signal as keyof typeof numbers] ?? 0);
}

/**
 * Lets a first Ctrl-C or SIGTERM end the run in order, after the batch in progress, and a second one end the process at once.
 * Handlers of the user's stay and are called too.
 *
 * @returns removes the handlers
 */
export function watchSignals(control: RunControl, tell: (text: string) => void): () => void {
  const handle = (signal: NodeJS.Signals): void => {
    if (control.signal !== null) process.exit(exitCodeOf(signal));
    control.signal = signal;
    tell(
      `${signal === 'SIGINT' ? 'Ctrl-C' : signal}: the run ends after this batch. ${signal === 'SIGINT' ? 'Press it again' : 'Send it again'} to stop at once.`,
    );
  };
  for (const signal of handled) process.on(signal, handle);
  return () => {
    for (const signal of handled) process.removeListener(signal, handle);
  };
}
