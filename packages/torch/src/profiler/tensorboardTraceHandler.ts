import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Profile } from './profile.js';

export interface TraceHandlerOptions {
  /** Tells the files of several processes apart; default host name and process number. */
  workerName?: string;
  /** Write packed files; default false. */
  useGzip?: boolean;
}

/** For `onTraceReady`: writes each recording into a folder that TensorBoard's profiler plugin reads. */
export function tensorboardTraceHandler(folder: string, options: TraceHandlerOptions = {}): (profile: Profile) => void {
  const { workerName = `${hostname()}_${process.pid}`, useGzip = false } = options;
  let last = 0;
  return (profile) => {
    mkdirSync(folder, { recursive: true });
    last = Math.max(Date.now(), last + 1); // two recordings within a millisecond are two files
    profile.exportChromeTrace(join(folder, `${workerName}.${last}.pt.trace.json${useGzip ? '.gz' : ''}`));
  };
}
