import { manualSeed, randn, type Tensor, zeros } from '@lightning-ts/torch';
import { Dropout, Linear, Module, Parameter, ReLU, Sequential } from '@lightning-ts/torch/nn';
import { describe, expect, it } from 'vitest';
import { createStyle } from '../terminal/style.js';
import { textWidth } from '../terminal/textWidth.js';
import { summarize } from './modelSummary.js';
import { summaryTable } from './summaryTable.js';
import { humanCount } from './summaryText.js';

class Model extends Module {
  net = new Sequential(new Linear(4, 8), new Dropout(0.5), new ReLU());
  embeddings = new Parameter(zeros([1500]));
  exampleInputArray: Tensor | null = null;

  forward(x: Tensor): Tensor {
    return this.net.forward(x);
  }
}

describe('the model summary', () => {
  it('prints the layout that users know', () => {
    expect(
      String(summarize(new Model()))
        .split('\n')
        .map((line) => line.trimEnd()),
    ).toEqual([
      '  | Name         | Type       | Params | Mode',
      '-'.repeat(52),
      '0 | net          | Sequential | 40     | train',
      '  | other params | n/a        | 1.5 K  | n/a',
      '-'.repeat(52),
      '1.5 K     Trainable params',
      '0         Non-trainable params',
      '1.5 K     Total params',
      '0.006     Total estimated model params size (MB)',
      '4         Modules in train mode',
      '0         Modules in eval mode',
    ]);
  });

  it('shows what goes in and out of each layer when there is an example input, and puts the modes back', () => {
    const model = new Model();
    model.exampleInputArray = randn([2, 4]);
    model.net.at(1).eval();
    const lines = String(summarize(model, { maxDepth: -1 })).split('\n');
    expect(lines[0]).toBe('  | Name         | Type       | Params | Mode  | FLOPs | In sizes | Out sizes');
    expect(lines[2]).toBe('0 | net          | Sequential | 40     | train | 128   | [2, 4]   | [2, 8]   ');
    expect(lines[4]).toBe('2 | net.1        | Dropout    | 0      | eval  | 0     | [2, 8]   | [2, 8]   ');
    expect(lines.at(-1)).toBe('128       Total Flops');
    expect(lines[1]).toHaveLength(83);
    expect(model.modules().map((module) => module.training)).toEqual([true, true, true, false, true]);
    expect(Object.hasOwn(model.net, 'forward')).toBe(false);
  });

  it('lists as deep as it is told', () => {
    const names = (maxDepth: number): string[] =>
      summarize(new Model(), { maxDepth }).layers.map((layer) => layer.name);
    expect(names(0)).toEqual([]);
    expect(names(1)).toEqual(['net']);
    expect(names(2)).toEqual(['net', 'net.0', 'net.1', 'net.2']);
    expect(names(-1)).toEqual(names(2));
    expect(() => names(-2)).toThrow(/OPTION_INVALID/);
    expect(() => names(1.5)).toThrow(/OPTION_INVALID/);
  });

  it('counts frozen parameters apart, shared ones once, and bytes by precision', () => {
    const model = new Model();
    model.net.requiresGrad_(false);
    const summary = summarize(model, { bitsPerParameter: 64 });
    expect([summary.totalParameters, summary.trainableParameters, summary.otherParameters]).toEqual([1540, 1500, 1500]);
    expect(summary.sizeInMb).toBeCloseTo(0.01232, 8);
  });

  it('goes without sizes when the example input does not fit', () => {
    const model = new Model();
    model.exampleInputArray = randn([2, 5]);
    const summary = summarize(model);
    expect(summary.layers[0]!.inSizes).toBe(null);
    expect(model.training).toBe(true);
  });

  it('counts the operations of a layer that runs twice, and measures times on request', () => {
    class Twice extends Module {
      layer = new Linear(4, 4);
      unused = new Linear(2, 2);
      exampleInputArray = [randn([3, 4])];
      forward(x: Tensor): Tensor {
        return this.layer.forward(this.layer.forward(x)).matmul(zeros([4, 1]));
      }
    }
    const summary = summarize(new Twice(), { time: true });
    expect(summary.layers.map(({ flops, inSizes }) => [flops, inSizes])).toEqual([
      [192, '[3, 4]'],
      [0, '?'],
    ]);
    expect(summary.totalFlops).toBe(192 + 24);
    expect(summary.layers[0]!.seconds).toBeGreaterThan(0);
    expect(summary.totalSeconds).toBeGreaterThanOrEqual(summary.layers[0]!.seconds!);
    expect(String(summary)).toMatch(/\| FLOPs \| Time .*\| In sizes/);
    expect(summarize(new Twice()).totalSeconds).toBe(null);
  });

  it('leaves the random numbers as they were, and takes the example in the precision of the model', () => {
    class Noisy extends Module {
      layer = new Linear(4, 4);
      exampleInputArray = randn([1, 4]);
      forward(x: Tensor): Tensor {
        return this.layer.forward(x).add(randn([4], { dtype: x.dtype }));
      }
    }
    const model = new Noisy();
    model.to('float64');
    manualSeed(3);
    const expected = randn([2]).tolist();
    manualSeed(3);
    expect(summarize(model).layers[0]!.outSizes).toBe('[1, 4]');
    expect(randn([2]).tolist()).toEqual(expected);
  });

  it('can be drawn with lines, numbers to the right, cut to a width', () => {
    const model = new Model();
    model.exampleInputArray = randn([2, 4]);
    const plain = summaryTable(summarize(model), 100, createStyle(false)).split('\n');
    expect(plain.slice(0, 6)).toEqual([
      '┏━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━━━━┳━━━━━━━━┳━━━━━━━┳━━━━━━━┳━━━━━━━━━━┳━━━━━━━━━━━┓',
      '┃   ┃ Name         ┃ Type       ┃ Params ┃ Mode  ┃ FLOPs ┃ In sizes ┃ Out sizes ┃',
      '┡━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━━━━╇━━━━━━━━╇━━━━━━━╇━━━━━━━╇━━━━━━━━━━╇━━━━━━━━━━━┩',
      '│ 0 │ net          │ Sequential │     40 │ train │   128 │   [2, 4] │    [2, 8] │',
      '│   │ other params │ n/a        │  1.5 K │ n/a   │   n/a │      n/a │       n/a │',
      '└───┴──────────────┴────────────┴────────┴───────┴───────┴──────────┴───────────┘',
    ]);
    expect(plain.at(-1)).toBe('Total FLOPs: 128');
    const narrow = summaryTable(summarize(model), 70, createStyle(true)).split('\n');
    expect(Math.max(...narrow.slice(0, 6).map(textWidth))).toBeLessThanOrEqual(70);
    expect(narrow[3]).toContain('\u001b[36m');
  });

  it('writes counts in groups of three digits', () => {
    expect([0, 56, 999, 1544, 27_000_000, 123_456, 1.5e9, 2e13, 3e15].map((count) => humanCount(count).trim())).toEqual(
      ['0', '56', '999', '1.5 K', '27.0 M', '123 K', '1.5 B', '20.0 T', '3,000 T'],
    );
  });
});
