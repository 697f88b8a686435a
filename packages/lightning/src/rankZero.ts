import { warn } from '@lightning-ts/torch';

let knownRank: number | null = null;

/** A strategy knows which process this is. */
export function setProcessRank(rank: number): void {
  knownRank = rank;
}

/** The rank of this process; before a strategy has said so, what a launcher put into the environment. */
function processRank(): number {
  if (knownRank !== null) return knownRank;
  for (const name of ['RANK', 'LOCAL_RANK', 'SLURM_PROCID', 'JSM_NAMESPACE_RANK']) {
    const value = process.env[name];
    if (value !== undefined && value !== '') return Number(value);
  }
  return 0;
}

/** `fn` for the first process only; on the others the result does nothing and gives `fallback`, undefined by default. */
export function rankZeroOnly<Args extends unknown[], Result, Fallback = undefined>(
  fn: (...args: Args) => Result,
  fallback?: Fallback,
): (...args: Args) => Result | Fallback {
  return (...args) => (processRank() === 0 ? fn(...args) : (fallback as Fallback));
}

/** Prints on the first process only. */
export const rankZeroInfo: (...values: unknown[]) => void = rankZeroOnly((...values: unknown[]) =>
  console.log(...values),
);

/** Warns on the first process only, once for each text. */
export const rankZeroWarn: (code: string, message: string) => void = rankZeroOnly(warn);
