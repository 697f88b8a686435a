import { inferenceMode, randn, type Tensor, tensor, zeros } from '@lightning-ts/torch';
import { Linear, Module } from '@lightning-ts/torch/nn';
import { describe, expect, it } from 'vitest';
import { MulticlassAccuracy } from './classification/accuracy.js';
import { Metric } from './metric.js';

/** The mean absolute error, and every value it saw. */
class AbsoluteError extends Metric {
  declare sum: Tensor;
  declare count: Tensor;
  declare seen: Tensor[];
  computes = 0;

  constructor(persistent = false) {
    super();
    this.addState('sum', tensor(0, { dtype: 'float64' }), { distReduceFx: 'sum', persistent });
    this.addState('count', tensor(0), { distReduceFx: 'sum', persistent });
    this.addState('seen', [], { distReduceFx: 'cat' });
  }

  update(preds: Tensor, target: Tensor): void {
    const errors = preds.sub(target).abs();
    this.sum = this.sum.add(errors.sum());
    this.count = this.count.add(errors.numel());
    this.seen = [...this.seen, errors];
  }

  compute(): Tensor {
    this.computes += 1;
    return this.sum.div(this.count);
  }
}

class Model extends Module {
  layer = new Linear(2, 2);
  trainAcc = new MulticlassAccuracy({ numClasses: 3 });
  error = new AbsoluteError(true);

  forward(x: Tensor): Tensor {
    return this.layer.forward(x);
  }
}

describe('Metric', () => {
  it('gathers over updates, computes once, and starts anew after reset', () => {
    const metric = new AbsoluteError();
    metric.update(tensor([1.5, 2]), tensor([1, 1]));
    metric.update(tensor([4.5]), tensor([1]));
    expect(metric.compute().item()).toBeCloseTo(5 / 3, 6);
    metric.compute();
    expect(metric.computes).toBe(1);
    metric.update(tensor([1.5]), tensor([1.5]));
    expect(metric.compute().item()).toBe(1.25);
    expect([metric.computes, metric.updateCount, metric.seen.length]).toEqual([2, 3, 3]);
    metric.reset();
    expect([metric.updateCount, metric.seen.length, metric.sum.item()]).toEqual([0, 0, 0]);
    metric.update(tensor([2.5]), tensor([2]));
    expect(metric.compute().item()).toBe(0.5);
  });

  it('returns the value of the batch from forward, and gathers all the same', () => {
    const metric = new AbsoluteError();
    expect(metric.forward(tensor([1.5]), tensor([1])).item()).toBe(0.5);
    expect(metric.forward(tensor([2.5]), tensor([1])).item()).toBe(1.5);
    expect(metric.compute().item()).toBe(1);
    expect(metric.seen.map((value) => value.item())).toEqual([0.5, 1.5]);
    expect(metric.updateCount).toBe(2);
  });

  it('keeps no graph of what it is given', () => {
    const metric = new AbsoluteError();
    const preds = randn([4]);
    preds.requiresGrad = true;
    metric.update(preds, zeros([4]));
    expect(metric.sum.requiresGrad).toBe(false);
    expect(metric.forward(preds, zeros([4])).requiresGrad).toBe(false);
  });

  it('may be reset in inference mode and updated outside', () => {
    const metric = new MulticlassAccuracy({ numClasses: 3 });
    inferenceMode(() => {
      metric.update(tensor([0]), tensor([0]));
      metric.reset();
    });
    metric.update(tensor([0, 1]), tensor([0, 2]));
    expect(metric.compute().item()).toBeCloseTo(1 / 3, 6);
  });

  it('is part of a module, and in its state dict only where states are persistent', () => {
    const model = new Model();
    expect([...model.stateDict().keys()]).toEqual(['layer.weight', 'layer.bias', 'error.sum', 'error.count']);
    expect(model.namedModules().map(([name]) => name)).toEqual(['', 'layer', 'train_acc', 'error']);
    expect(model.parameters()).toHaveLength(2);
    model.trainAcc.persistent();
    expect([...model.stateDict().keys()]).toContain('train_acc.counts');
    model.trainAcc.persistent(false);
    model.error.update(tensor([3.5]), tensor([1]));
    const copy = new Model();
    copy.loadStateDict(model.stateDict());
    expect(copy.error.sum.item()).toBe(2.5);
  });

  it('keeps the precision of its counts when the model is cast', () => {
    const model = new Model();
    model.half();
    model.error.update(tensor([4096.5]), tensor([0]));
    expect(model.error.sum.dtype).toBe('float64');
    expect(model.error.compute().item()).toBe(4096.5);
  });

  it('clones with states of its own', () => {
    const metric = new AbsoluteError();
    metric.update(tensor([1.5]), tensor([1]));
    const copy = metric.clone();
    copy.update(tensor([3.5]), tensor([1]));
    expect([metric.compute().item(), metric.updateCount]).toEqual([0.5, 1]);
    expect([copy.compute().item(), copy.updateCount]).toEqual([1.5, 2]);
    expect(copy).toBeInstanceOf(AbsoluteError);
  });

  it('merges with another one that gathered elsewhere', () => {
    const [first, second] = [new AbsoluteError(), new AbsoluteError()];
    first.update(tensor([1.5]), tensor([1]));
    second.update(tensor([2.5]), tensor([1]));
    first.mergeState(second);
    expect(first.compute().item()).toBe(1);
    expect(first.updateCount).toBe(2);
    expect(() => first.mergeState(new MulticlassAccuracy({ numClasses: 3 }))).toThrow(/OPTION_INVALID/);
    expect([...first.stateReductions()]).toEqual([
      ['sum', 'sum'],
      ['count', 'sum'],
      ['seen', 'cat'],
    ]);
  });

  it('refuses states that cannot be', () => {
    class Bad extends Metric {
      constructor(name: string, start: Tensor | Tensor[]) {
        super();
        this.addState(name, start);
      }
      update(): void {}
      compute(): null {
        return null;
      }
    }
    expect(() => new Bad('update', tensor(0))).toThrow(/STATE_NAME/);
    expect(() => new Bad('two words', tensor(0))).toThrow(/STATE_NAME/);
    expect(() => new Bad('list', [tensor(0)])).toThrow(/OPTION_INVALID/);
  });
});
