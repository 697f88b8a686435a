/** The first step: the Node that runs us must be new enough for everything that follows. */
import { SetupError } from './step.mjs';

export const minimumNode = [20, 19];

/**
 * Throws a SetupError when `version` (as in `process.versions.node`) is older than 20.19.
 * @param {string} version
 */
export function checkNode(version = process.versions.node) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [needMajor, needMinor] = minimumNode;
  if (major > needMajor || (major === needMajor && minor >= needMinor)) return;
  throw new SetupError('node', `expected Node ${needMajor}.${needMinor} or newer, this is ${version}`, [
    'Install Node 20 LTS or newer from https://nodejs.org or with a version manager (nvm install 20).',
    'Debian 12 itself ships Node 18, which is too old; Debian 13 ships Node 20.',
  ]);
}
