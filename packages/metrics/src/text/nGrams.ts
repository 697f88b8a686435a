/** How often each run of `size` tokens occurs. Tokens hold no white space or NUL, so that joined runs stay apart. */
export function countRuns(tokens: readonly string[], size: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let start = 0; start + size <= tokens.length; start += 1) {
    const run = tokens.slice(start, start + size).join('\0');
    counts.set(run, (counts.get(run) ?? 0) + 1);
  }
  return counts;
}

/** How many runs two counts share. */
export function sharedRuns(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  let shared = 0;
  for (const [run, count] of a) shared += Math.min(count, b.get(run) ?? 0);
  return shared;
}

/** The larger count of each run. */
export function largestCounts(counts: readonly ReadonlyMap<string, number>[]): Map<string, number> {
  const largest = new Map<string, number>();
  for (const one of counts) for (const [run, count] of one) largest.set(run, Math.max(count, largest.get(run) ?? 0));
  return largest;
}
