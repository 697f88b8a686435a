/** Runs one of our programs in a child process that shares the terminal: TypeScript with tsx, JavaScript as it is. */
import { spawn } from 'node:child_process';
import { repositoryRoot } from './setup/paths.mjs';

/**
 * Resolves with the child's exit status (128 + signal number when a signal ended it).
 * Ctrl-C reaches the child by itself, since it shares the terminal; we only wait for it to end in order.
 * @param {string} file relative to the repository
 * @param {string[]} args
 */
export function runScript(file, args, { env = process.env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...(file.endsWith('.ts') ? ['--import', 'tsx'] : []), file, ...args], {
      cwd: repositoryRoot,
      stdio: 'inherit',
      env,
    });
    const stay = () => {};
    const passOn = () => child.kill('SIGTERM');
    process.on('SIGINT', stay);
    process.on('SIGTERM', passOn);
    child.on('error', reject);
    child.on('exit', (status, signal) => {
      process.off('SIGINT', stay);
      process.off('SIGTERM', passOn);
      resolve(status ?? 128 + (signal === 'SIGINT' ? 2 : signal === 'SIGTERM' ? 15 : 9));
    });
  });
}
