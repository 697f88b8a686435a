import { native } from '../native.js';

/** Whether this thread records; set by profile.ts. While it does not, a named range costs one comparison. */
export const recording = { isOn: false };

/**
 * Names what `fn` does in profiles, as a range around everything inside. A range around asynchronous work ends when its
 * promise settles. Without a running profiler this is a plain call.
 */
export function recordFunction<T>(name: string, fn: () => T): T {
  if (!recording.isOn) return fn();
  const range = native.profilerEnter(name);
  let result: T;
  try {
    result = fn();
  } catch (error) {
    native.profilerExit(range);
    throw error;
  }
  if (result instanceof Promise) return result.finally(() => native.profilerExit(range)) as T;
  native.profilerExit(range);
  return result;
}
