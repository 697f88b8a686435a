import { fileURLToPath } from 'node:url';

const own = [new URL('..', import.meta.url).href, fileURLToPath(new URL('..', import.meta.url))];
const isOwn = (line: string): boolean =>
  line.includes('node:internal') || (own.some((folder) => line.includes(folder)) && !line.includes('.test.'));
const depth = 48;

/** The JavaScript that is running, innermost first, without the frames of this package: one line each. */
export function callerStack(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = depth;
  const { stack = '' } = new Error();
  Error.stackTraceLimit = limit;
  return stack
    .split('\n')
    .slice(1)
    .filter((line) => !isOwn(line))
    .map((line) => line.trim().replace(/^at /, ''))
    .join('\n');
}
