import { cat, type Tensor } from '@lightning-ts/torch';
import { MetricError } from './errors.js';
import { Metric, type MetricStates } from './metric.js';
import type { Reduction } from './metricState.js';

/**
 * A metric over (preds, target) as plain functions: what is kept, what a batch adds to it, and the value of what was kept.
 * The class and the functional form of a metric are both made from it. Text metrics take strings in place of tensors.
 */
export interface Recipe<Value, Preds = Tensor, Target = Preds> {
  /** Metrics with equal keys keep the same states for the same inputs; null where none can be told to. */
  readonly key: string | null;
  readonly higherIsBetter: boolean | null;
  readonly states: readonly RecipeState[];
  /** What one batch adds, one tensor for each state. Those that are added up are the recipe's to give away: never an input. */
  count(preds: Preds, target: Target): readonly Tensor[];
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
export abstract class RecipeMetric<Value, Preds = Tensor, Target = Preds> extends Metric {
  /** Whether nobody else holds the lists, so that they may grow in place: copying them at every update takes their length squared. */
  private ownsLists = false;

  constructor(protected readonly recipe: Recipe<Value, Preds, Target>) {
    super();
    for (const { name, zero, reduction = zero === null ? 'cat' : 'sum' } of recipe.states)
      this.addState(name, zero === null ? [] : zero(), { distReduceFx: reduction });
  }

  override get higherIsBetter(): boolean | null {
    return this.recipe.higherIsBetter;
  }

  override get computeGroupKey(): string | null {
    return this.recipe.key;
  }

  /**
   * @param preds labels, scores, values or sentences, as the metric takes them
   * @param target what they should have been
   */
  update(preds: Preds, target: Target): void {
    const { states } = this.recipe;
    const added = this.recipe.count(preds, target);
    for (let i = 0; i < states.length; i += 1) {
      const { name, zero, reduction } = states[i]!;
      const kept = Reflect.get(this, name) as Tensor & Tensor[];
      const part = added[i]!;
      if (zero === null) {
        if (this.ownsLists) kept.push(part);
        else Reflect.set(this, name, [...kept, part]);
        continue;
      }
      Reflect.set(this, name, joinedState(kept, part, reduction));
      part.dispose();
    }
    this.ownsLists = true;
  }

  override takeStates(): MetricStates {
    this.ownsLists = false;
    return super.takeStates();
  }

  override putStates(states: MetricStates, updates: number): void {
    this.ownsLists = false;
    super.putStates(states, updates);
  }

  compute(): Value {
    const kept = this.recipe.states.map(({ name }) => {
      const state = Reflect.get(this, name) as Tensor | Tensor[];
      return Array.isArray(state) ? joined(state, this.constructor.name) : state;
    });
    return this.recipe.value(kept);
  }
}

function joinedState(kept: Tensor, part: Tensor, reduction: RecipeState['reduction']): Tensor {
  if (typeof reduction === 'function') return reduction(kept, part);
  if (reduction === 'max') return kept.maximum(part);
  return reduction === 'min' ? kept.minimum(part) : kept.add(part);
}

/** The functional form of a recipe: the value of one batch. */
export const valueOf = <Value, Preds, Target>(
  recipe: Recipe<Value, Preds, Target>,
  preds: Preds,
  target: Target,
): Value => recipe.value(recipe.count(preds, target));

function joined(parts: readonly Tensor[], owner: string): Tensor {
  if (parts.length > 0) return parts.length === 1 ? parts[0]! : cat([...parts]);
  throw new MetricError('NO_DATA', `${owner} has seen no data. Call update before compute.`);
}
