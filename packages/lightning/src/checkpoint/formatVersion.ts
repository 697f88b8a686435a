/** The version of the reference whose file format this is; its readers ask for it. */
export const formatVersion = '2.6.0';

/** Compares two versions by their numbers; suffixes such as `rc1` and `.dev` do not count. Negative when `a` is lower. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  for (let index = 0; index < 3; index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function numbersOf(version: string): number[] {
  return /^\d+(\.\d+)*/.exec(version)?.[0].split('.').map(Number) ?? [];
}
