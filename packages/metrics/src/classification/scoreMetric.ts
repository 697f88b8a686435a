import type { Tensor } from '@lightning-ts/torch';
import { Metric } from '../metric.js';
import { reduceScores, type ScoreFormula } from './reduceScores.js';
import type { StatCounter, StatScores } from './statScores.js';

/** A metric that is a formula over true and false positives and negatives. */
export abstract class ScoreMetric extends Metric {
  declare protected counts: Tensor;

  constructor(
    protected readonly counter: StatCounter,
    private readonly formula: ScoreFormula,
  ) {
    super();
    this.addState('counts', counter.zero(), { distReduceFx: 'sum' });
  }

  override get higherIsBetter(): boolean {
    return true;
  }

  override get computeGroupKey(): string {
    return this.counter.key;
  }

  /**
   * @param preds labels or scores, as the task takes them
   * @param target labels
   */
  update(preds: Tensor, target: Tensor): void {
    this.counts = this.counts.add(this.counter.count(preds, target));
  }

  compute(): Tensor {
    const { task, average } = this.counter;
    return reduceScores(this.scores(), task, average, this.formula);
  }

  /** The four scores so far. */
  protected scores(): StatScores {
    return this.counter.scores(this.counts);
  }
}

/** The functional form of a {@link ScoreMetric}: the value of one batch. */
export function scoreOf(counter: StatCounter, formula: ScoreFormula, preds: Tensor, target: Tensor): Tensor {
  const scores = counter.scores(counter.count(preds, target));
  return reduceScores(scores, counter.task, counter.average, formula);
}
