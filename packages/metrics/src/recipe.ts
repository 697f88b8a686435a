import { cat, type Tensor } from '@lightning-ts/torch';
import { MetricError } from './errors.js';
import { Metric } from './metric.js';
import type { Reduction } from './metricState.js';

/**
 * A metric over (preds, target) as plain functions: what is kept, what a batch adds to it, and the value of what was kept.
 * The class and the functional form of a metric are both made from it.
 */
export interface Recipe<Value> {
  /** Metrics with equal keys keep the same states for the same inputs. */
  readonly key: string;
  readonly higherIsBetter: boolean | null;
  readonly states: readonly RecipeState[];
  /** What one batch adds, one tensor for each state. */
  count(preds: Tensor, target: Tensor): readonly Tensor[];
  /** The value of the states, lists joined along the first dimension. */
  value(states: readonly Tensor[]): Value;
}

export interface RecipeState {
  readonly name: string;
  /** Before any batch; null for a list that grows by one tensor a batch. */
  readonly zero: (() => Tensor) | null;
  /** How batches join: lists are always `cat`. Default `sum`. */
  readonly reduction?: Exclude<Reduction, 'mean'>;
}

/** The metric that a recipe tells. */
export abstract class RecipeMetric<Value> extends Metric {
  constructor(protected readonly recipe: Recipe<Value>) {
    super();
    for (const { name, zero, reduction = zero === null ? 'cat' : 'sum' } of recipe.states)
      this.addState(name, zero === null ? [] : zero(), { distReduceFx: reduction });
  }

  override get higherIsBetter(): boolean | null {
    return this.recipe.higherIsBetter;
  }

  override get computeGroupKey(): string {
    return this.recipe.key;
  }

  /**
   * @param preds labels or scores, as the metric takes them
   * @param target labels or values
   */
  update(preds: Tensor, target: Tensor): void {
    const { states } = this.recipe;
    const added = this.recipe.count(preds, target);
    for (let i = 0; i < states.length; i += 1) {
      const { name, zero, reduction } = states[i]!;
      const kept = Reflect.get(this, name) as Tensor & Tensor[];
      if (zero === null) Reflect.set(this, name, [...kept, added[i]!]);
      else if (reduction === 'max') Reflect.set(this, name, kept.maximum(added[i]!));
      else if (reduction === 'min') Reflect.set(this, name, kept.minimum(added[i]!));
      else Reflect.set(this, name, kept.add(added[i]!));
    }
  }

  compute(): Value {
    const kept = this.recipe.states.map(({ name }) => {
      const state = Reflect.get(this, name) as Tensor | Tensor[];
      return Array.isArray(state) ? joined(state, this.constructor.name) : state;
    });
    return this.recipe.value(kept);
  }
}

/** The functional form of a recipe: the value of one batch. */
export const valueOf = <Value>(recipe: Recipe<Value>, preds: Tensor, target: Tensor): Value =>
  recipe.value(recipe.count(preds, target));

function joined(parts: readonly Tensor[], owner: string): Tensor {
  if (parts.length > 0) return parts.length === 1 ? parts[0]! : cat([...parts]);
  throw new MetricError('NO_DATA', `${owner} has seen no data. Call update before compute.`);
}
