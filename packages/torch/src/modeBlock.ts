import { TorchError } from './errors.js';

/**
 * Runs `fn` in a mode of this thread: `enter` sets it and returns what puts it back, which happens also when `fn` throws.
 * `name` is the block's, for its error.
 */
export function block<T>(name: string, enter: () => () => void, fn: () => T): T {
  const exit = enter();
  let result: T;
  try {
    result = fn();
  } finally {
    exit();
  }
  // The mode belongs to the thread: across an await other code would run in it.
  if (result instanceof Promise) {
    result.catch(() => {}); // the error below is the one to see
    throw new TorchError(
      'AUTOGRAD',
      `${name} takes a synchronous function, this one returned a promise. Put ${name} around the synchronous parts.`,
    );
  }
  return result;
}
