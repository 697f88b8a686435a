import { Tensor, tensor } from '@lightning-ts/torch';
import { isBetter, type MonitorMode, worstValue } from './monitoredMetric.js';

/** The k best checkpoints so far: which file has which score, which is the best, and which goes next. */
export class CheckpointRanking {
  /** Path -> score, in the order of saving. A NaN score is kept as the worst value there is. */
  models = new Map<string, number>();
  bestPath = '';
  bestScore: number | null = null;
  /** The worst of the kept files: the one the next better checkpoint replaces. Set once k files are kept. */
  kthPath = '';
  kthValue: number;

  /** @param limit how many to keep; -1 for all */
  constructor(
    private readonly mode: MonitorMode,
    private readonly limit: number,
  ) {
    this.kthValue = worstValue(mode);
  }

  /** Whether a checkpoint with this score belongs among the k best: there is room, or it is strictly better than the kth. */
  accepts(score: number): boolean {
    if (this.limit === -1 || this.models.size < this.limit) return true;
    return isBetter(
      Number.isNaN(score) ? worstValue(this.mode) : score,
      this.models.get(this.kthPath) ?? this.kthValue,
      this.mode,
    );
  }

  /** The file that leaves when another one is added, or null while there is room. */
  get replaced(): string | null {
    return this.limit !== -1 && this.models.size >= this.limit ? this.kthPath : null;
  }

  /** Adds an accepted checkpoint; the replaced one is no longer listed. */
  add(path: string, score: number): void {
    const leaving = this.replaced;
    if (leaving !== null) this.models.delete(leaving);
    this.models.set(path, Number.isNaN(score) ? worstValue(this.mode) : score);
    if (this.models.size === this.limit) {
      this.kthPath = this.extreme((candidate, kept) => isBetter(kept, candidate, this.mode));
      this.kthValue = this.models.get(this.kthPath)!;
    }
    this.bestPath = this.extreme((candidate, kept) => isBetter(candidate, kept, this.mode));
    this.bestScore = this.models.get(this.bestPath)!;
  }

  /** The first path whose score no later one beats under `beats`: ties keep the earliest. */
  private extreme(beats: (candidate: number, kept: number) => boolean): string {
    let chosen: [string, number] | null = null;
    for (const entry of this.models) {
      if (chosen === null || beats(entry[1], chosen[1])) chosen = entry;
    }
    return chosen?.[0] ?? '';
  }

  /** Under the names of Python's callback. */
  stateDict(): Record<string, unknown> {
    return {
      best_model_score: this.bestScore === null ? null : scalar(this.bestScore),
      best_k_models: new Map([...this.models].map(([path, score]) => [path, scalar(score)])),
      kth_best_model_path: this.kthPath,
      kth_value: scalar(this.kthValue),
    };
  }

  /** Takes back what `stateDict` gave, with `best_model_path` beside it. */
  loadStateDict(state: Readonly<Record<string, unknown>>): void {
    const models = state.best_k_models;
    const entries = models instanceof Map ? [...models] : Object.entries((models ?? {}) as Record<string, unknown>);
    this.models = new Map(entries.map(([path, score]) => [String(path), numberOf(score) ?? worstValue(this.mode)]));
    this.bestScore = numberOf(state.best_model_score);
    this.bestPath = this.bestScore === null ? '' : String(state.best_model_path ?? '');
    this.kthPath = String(state.kth_best_model_path ?? '');
    this.kthValue = numberOf(state.kth_value) ?? this.kthValue;
  }
}

/** A 0-d tensor, as Python's callback keeps its scores; float64 only where float32 would change the number. */
export function scalar(value: number): Tensor {
  const fitsFloat32 = !Number.isFinite(value) || Math.fround(value) === value;
  return tensor(value, { dtype: fitsFloat32 ? 'float32' : 'float64' });
}

/** The number in a saved score; null where there is none. */
export function numberOf(value: unknown): number | null {
  if (value instanceof Tensor) return Number(value.item());
  return typeof value === 'number' ? value : null;
}
