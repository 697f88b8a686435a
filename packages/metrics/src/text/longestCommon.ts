/** The places in `target` of the longest subsequence it shares with `pred`, rising. */
export function sharedSubsequence(pred: readonly string[], target: readonly string[]): number[] {
  const width = pred.length + 1;
  const table = new Uint32Array((target.length + 1) * width);
  for (let j = 1; j <= target.length; j += 1) {
    for (let i = 1; i < width; i += 1) {
      const at = j * width + i;
      table[at] =
        target[j - 1] === pred[i - 1] ? table[at - width - 1]! + 1 : Math.max(table[at - width]!, table[at - 1]!);
    }
  }
  const places: number[] = [];
  let i = pred.length;
  let j = target.length;
  while (i > 0 && j > 0) {
    if (pred[i - 1] === target[j - 1]) {
      places.push(j - 1);
      i -= 1;
      j -= 1;
    } else if (table[j * width + i - 1]! > table[(j - 1) * width + i]!) i -= 1;
    else j -= 1;
  }
  return places.reverse();
}

/** The words of `target` that are in its longest common subsequence with any of the sentences, in order. */
export function unionOfSubsequences(sentences: readonly (readonly string[])[], target: readonly string[]): string[] {
  const places = new Set(sentences.flatMap((sentence) => sharedSubsequence(sentence, target)));
  return target.filter((_, place) => places.has(place));
}
