/** The names most like `name`, the best first. */
export function nearestNames(name: string, known: readonly string[], count = 3): string[] {
  const wanted = name.toLowerCase();
  const distances = new Map(known.map((candidate) => [candidate, editDistance(wanted, candidate.toLowerCase())]));
  const near = known.filter((candidate) => distances.get(candidate)! <= Math.max(3, Math.ceil(name.length / 2)));
  return near.sort((a, b) => distances.get(a)! - distances.get(b)!).slice(0, count);
}

/** How many letters must be put in, taken out or exchanged to make `a` into `b` (Levenshtein). */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let line = 1; line <= a.length; line += 1) {
    const next = [line];
    for (let column = 1; column <= b.length; column += 1) {
      const exchange = row[column - 1]! + (a[line - 1] === b[column - 1] ? 0 : 1);
      next.push(Math.min(exchange, row[column]! + 1, next[column - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
