import { fileURLToPath, pathToFileURL } from 'node:url';

/** The folder of the packages of this project, where they are not installed below node_modules. */
const ownPackages = fileURLToPath(new URL('../../../../', import.meta.url)).replaceAll('\\', '/');

/** A script's URL as modules are imported by. */
export const urlOf = (url: string): string => (url.startsWith('/') ? pathToFileURL(url).href : url);

/**
 * Whether a script belongs to a library, which other threads import, or to the program itself, whose modules may do
 * anything when they are imported once more.
 */
export function isLibrary(url: string): boolean {
  const path = decodeURIComponent(url.replace(/^file:\/\//, '')).replaceAll('\\', '/');
  if (path.includes('/node_modules/')) return true;
  const inside = path.startsWith(ownPackages) ? path.slice(ownPackages.length) : '';
  return /^[^/]+\/(src|dist)\//.test(inside) && !/\.test\.[cm]?[jt]s$/.test(inside);
}
