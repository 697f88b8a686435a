import { describe, expect, it } from 'vitest';
import { cat, manualSeed, randn, Tensor, tensor } from './index.js';
import { Linear } from './nn/index.js';
import { observeOperators } from './operatorObserver.js';

describe('observeOperators', () => {
  it('tells of every operator with what went in and came out, and of none afterwards', () => {
    const layer = new Linear(4, 3);
    const x = randn([2, 4]);
    const calls: [operator: string, inputs: unknown[], output: unknown][] = [];
    const shape = (value: unknown): unknown => (value instanceof Tensor ? value.shape : value);
    const result = observeOperators(
      ({ operator, inputs, output }) => calls.push([operator, inputs.map(shape), shape(output)]),
      () => layer.forward(x).relu().add_(1),
    );
    expect(result.shape).toEqual([2, 3]);
    expect(calls.map(([operator]) => operator)).toEqual(['aten::linear', 'aten::relu', 'aten::add_']);
    expect(calls[0]).toEqual(['aten::linear', [[2, 4], [3, 4], [3]], [2, 3]]);
    x.add(1);
    expect(calls).toHaveLength(3);
  });

  it('gives one tensor one identity, and leaves what the observer computes out', () => {
    const outputs: unknown[] = [];
    const inputs: unknown[] = [];
    observeOperators(
      (call) => {
        outputs.push(call.output);
        inputs.push(call.inputs[0]);
        (call.output as Tensor).sum();
      },
      () => tensor([1, 2]).neg().abs(),
    );
    expect(outputs).toHaveLength(2);
    expect(inputs[1]).toBe(outputs[0]);
  });

  it('passes other arguments as they are, tensors inside arrays as tensors', () => {
    manualSeed(0);
    let seen: readonly unknown[] = [];
    const parts = [randn([1, 2]), randn([1, 2])];
    observeOperators(
      ({ inputs, operator }) => {
        if (operator === 'aten::cat') seen = inputs;
      },
      () => cat(parts, 0),
    );
    expect((seen[0] as Tensor[]).map((part) => part.shape)).toEqual([
      [1, 2],
      [1, 2],
    ]);
    expect(seen[1]).toBe(0);
  });

  it('stops when the body throws', () => {
    let count = 0;
    expect(() =>
      observeOperators(
        () => {
          count += 1;
        },
        () => {
          tensor([1]).neg();
          throw new Error('enough');
        },
      ),
    ).toThrow('enough');
    tensor([1]).neg();
    expect(count).toBe(1);
  });
});
