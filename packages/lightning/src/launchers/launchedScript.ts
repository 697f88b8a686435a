import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { LightningError } from '../errors.js';

/** How to run the user's own script once more. */
export interface LaunchedScript {
  readonly command: string;
  readonly args: readonly string[];
}

const testRunners = /[\\/]node_modules[\\/](vitest|tinypool|jest[\w-]*|mocha|ava)[\\/]/;

/**
 * This process's script with its arguments, and what Node was told for it: a loader for TypeScript, for example.
 *
 * @throws LightningError LAUNCH_IMPOSSIBLE where no script was started
 */
export function ownScript(): LaunchedScript {
  const [script, ...args] = process.argv.slice(1);
  const problem =
    script === undefined ||
    process.execArgv.some((argument) => /^(-e|-p|--eval|--print|-i|--interactive)$/.test(argument))
      ? 'it was not started with a script file, but with a text or as a prompt'
      : !isMainThread
        ? 'this is a worker thread of another program'
        : testRunners.test(resolve(script))
          ? 'a test runner started it, which would be started again'
          : null;
  if (problem === null)
    return { command: process.execPath, args: [...withoutPorts(process.execArgv), script!, ...args] };
  throw new LightningError(
    'LAUNCH_IMPOSSIBLE',
    `The other processes of a job are started by running this one's script again, but ${problem}. Put the training into a script and ` +
      'run that, start every process yourself (torchrun, or RANK and WORLD_SIZE), or use one device.',
  );
}

/** A debugger's port can be taken once. */
function withoutPorts(args: readonly string[]): string[] {
  return args.filter((argument) => !/^--inspect(-brk|-port|-wait)?(=|$)/.test(argument));
}

/** Threads for each of several processes on this machine, so that they do not get into each other's way. */
export function threadsEach(processes: number): number {
  return Math.max(1, Math.floor(availableParallelism() / processes));
}
