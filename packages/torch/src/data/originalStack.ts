import { findSourceMap } from 'node:module';
import { pathToFileURL } from 'node:url';
import { isLibrary } from './travel/libraryFiles.js';

/**
 * A stack of another thread with the lines of the sources that were written, where this thread has the source map of a
 * script: TypeScript that a loader compiled here went to the worker as JavaScript, without its map.
 */
export function originalStack(stack: string): string {
  return stack.replaceAll(/(file:\/\/\/[^\s()]+|\/[^\s():]+):(\d+):(\d+)/g, (place, script: string, line, column) => {
    // Libraries were imported there, with their maps.
    if (isLibrary(script)) return place;
    const map = findSourceMap(script) ?? findSourceMap(script.startsWith('/') ? pathToFileURL(script).href : script);
    if (map === undefined) return place;
    const found = map.findEntry(Number(line) - 1, Number(column) - 1);
    if (!('originalLine' in found)) return place;
    return `${script}:${found.originalLine + 1}:${found.originalColumn + 1}`;
  });
}
