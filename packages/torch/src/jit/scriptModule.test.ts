import { fileURLToPath } from 'node:url';
import { describe, expect, expectTypeOf, it } from 'vitest';
import * as torch from '../index.js';
import * as nn from '../nn/index.js';
import { SGD } from '../optim/index.js';
import { loadSync as loadData } from '../serialize/index.js';
import * as jit from './index.js';

const fixture = (name: string) => fileURLToPath(new URL(`../../test/fixtures/jit/${name}`, import.meta.url));
type Gated = [x: torch.Tensor, steps?: number, mask?: torch.Tensor | null];
const scripted = () => jit.loadSync<Gated, torch.Tensor>(fixture('scripted.pt'));
const expected = loadData(fixture('scripted.expected.pt')) as Record<string, torch.Tensor> & {
  sums: Record<string, torch.Tensor>;
  steps: number;
  label: string;
  counts: [number, number][];
  keys: string[];
};
const same = (a: torch.Tensor, b: torch.Tensor) => expect(a.tolist()).toEqual(b.tolist());
const codeOf = (fn: () => unknown): string | undefined => {
  try {
    fn();
  } catch (error) {
    return (error as torch.TorchError).code;
  }
  return undefined;
};

describe('a module scripted in Python', () => {
  it('takes the branch and the loops its values ask for, with defaults and by name', () => {
    const module = scripted();
    const { low, high, mask } = expected;
    same(module.forward(low!), expected.of_low!);
    same(module.forward(high!, 3), expected.of_high!);
    same(module.forward(high!, undefined, mask), expected.of_masked!);
    same(module.call('forward', [high], { mask }) as torch.Tensor, expected.of_masked!);
    same(module.forward(low!, undefined, null), expected.of_low!);
    expect(module.getBuffer('numCalls').item()).toBe(5);
  });

  it('exchanges dicts, lists, tuples, named tuples, numbers and strings', () => {
    const module = scripted();
    const groups = { a: [torch.ones([2]), torch.ones([3]).mul(2)], b: [torch.full([2], -1.0).float()] };
    for (const given of [groups, new Map(Object.entries(groups))]) {
      const [sums, summary, label] = module.call('summarize', [given, 'b']) as [
        Record<string, torch.Tensor>,
        { total: torch.Tensor; steps: number },
        string | null,
      ];
      expect(Object.keys(sums)).toEqual(Object.keys(expected.sums));
      for (const key of ['a', 'b']) same(sums[key]!, expected.sums[key]!);
      same(summary.total, expected.total!);
      expect([summary.steps, label]).toEqual([expected.steps, expected.label]);
    }
    expect((module.call('summarize', [groups, 'none']) as unknown[])[2]).toBeNull();
    const counts = module.call('counts', [
      [2, 3],
      [1.5, true],
    ]) as Map<number, number>;
    expect(counts).toBeInstanceOf(Map);
    expect([...counts]).toEqual(expected.counts.map((entry) => [...entry]));
  });

  it('shows its parts, its methods and its program', () => {
    const module = scripted();
    expect([...module.stateDict().keys()]).toEqual(expected.keys);
    expect(module.originalName).toBe('Gated');
    expect([...module.methods.keys()].sort()).toEqual(['counts', 'forward', 'summarize']);
    expect(module.methods.get('forward')).toBe(
      'forward(x: Tensor, steps: int = 2, mask: Optional[Tensor] = None) -> Tensor',
    );
    expect(module.attribute('threshold')).toBe(0.25);
    expect(module.attribute('labels')).toEqual(['low', 'high']);
    expect(module.code).toContain('torch.mean');
    expect(module.codeOf('counts')).toContain('Dict[int, float]');
    expect(module.graph).toContain('prim::Loop');
    expect(String(module)).toBe(
      'ScriptModule(\n  original_name=Gated\n  (linear): ScriptModule(original_name=Linear)\n)',
    );
  });

  it('asks for its mode when it runs', () => {
    const module = scripted();
    const x = expected.low!;
    expect(module.training).toBe(false);
    const still = module.forward(x);
    module.train();
    expect(module.getSubmodule('linear').training).toBe(true);
    same(module.forward(x), still.mul(2));
    same(module.eval().forward(x), still);
  });

  it('refuses arguments its signature does not take, and says what it is', () => {
    const module = scripted();
    const x = expected.low!;
    const call = module.call.bind(module);
    expect(() => call('forward', [3])).toThrow(
      "forward: 'x' must be Tensor, got 3. It is forward(x: Tensor, steps: int = 2, mask: Optional[Tensor] = None) -> Tensor",
    );
    expect(() => call('forward', [])).toThrow(/'x' is missing/);
    expect(() => call('forward', [x, 1, null, 4])).toThrow(/at most 3 arguments by position, got 4/);
    expect(() => call('forward', [x], { stepz: 1 })).toThrow(/no parameter 'stepz'/);
    expect(() => call('forward', [x], { x })).toThrow(/got 'x' twice/);
    expect(() => call('forward', [x, 1.5])).toThrow(/'steps' must be int, got 1.5/);
    expect(() => call('summarize', [{ a: [x, 'no'] }, 'a'])).toThrow(/'groups.a\[1\]' must be Tensor, got 'no'/);
    expect(() => call('counts', [[1], [1.5]])).toThrow(/'pair' must be Tuple\[float, bool\], got an array of 1/);
    expect(() => call('missing')).toThrow(/no method 'missing'; it has .*forward/);
    expect(codeOf(() => call('forward', [3]))).toBe('SCRIPT_ARGUMENTS');
    expect(codeOf(() => module.attribute('nothing'))).toBe('SCRIPT_ARGUMENTS');
    expect(codeOf(() => module.registerBuffer('more'))).toBe('MODULE_STATE');
  });

  it('passes on errors of the program and of its operators, with their kind', () => {
    const module = scripted();
    expect(codeOf(() => module.forward(expected.low!, 11))).toBe('SCRIPT_RAISED');
    expect(() => module.forward(expected.low!, 11)).toThrow(/too many steps: 11/);
    expect(codeOf(() => module.forward(torch.ones([2, 3]), 1))).toBe('SHAPE_MISMATCH');
    expectTypeOf(module.forward).parameters.toEqualTypeOf<Gated>();
  });
});

describe('a ScriptModule as a module', () => {
  it('is a child: its parameters train, its tensors move, its state loads', () => {
    class Head extends nn.Module {
      body = scripted();
      head = new nn.Linear(4, 1);
      forward(x: torch.Tensor) {
        return this.head.forward(this.body.forward(x));
      }
    }
    const model = new Head();
    expect([...model.stateDict().keys()]).toEqual([
      'body.numCalls',
      'body.offset',
      'body.linear.weight',
      'body.linear.bias',
      'head.weight',
      'head.bias',
    ]);
    const weight = model.getParameter('body.linear.weight');
    const before = weight.detach().clone();
    const optimizer = new SGD(model.parameters(), { lr: 0.1 });
    model.forward(expected.high!).sum().backward();
    expect(weight.grad!.abs().sum().item()).toBeGreaterThan(0);
    optimizer.step();
    expect(weight.sub(before).abs().sum().item()).toBeGreaterThan(0);

    const x = expected.high!;
    const single = model.forward(x);
    model.double();
    expect(model.getBuffer('body.offset').dtype).toBe('float64');
    expect(model.getBuffer('body.numCalls').dtype).toBe('int64');
    const double = model.forward(x.double());
    expect(double.dtype).toBe('float64');
    expect(double.sub(single).abs().max().item()).toBeLessThan(1e-5);

    const other = new Head().double();
    other.loadStateDict(model.stateDict());
    same(other.forward(x.double()), double);
  });

  it('clones with tensors of its own, also inside another module', () => {
    const original = scripted();
    original.getSubmodule('linear').requiresGrad_(false);
    const copy = new nn.ModuleList([original]).clone().at(0);
    expect(copy.getParameter('linear.weight').requiresGrad).toBe(false);
    original.getBuffer('offset').fill_(100);
    same(copy.forward(expected.low!), expected.of_low!);
    expect(original.forward(expected.low!).max().item()).toBeGreaterThan(50);
  });
});

describe('a module traced in Python', () => {
  const cnn = loadData(fixture('traced.expected.pt')) as Record<string, torch.Tensor> & { keys: string[] };
  class Cnn extends nn.Module {
    features = new nn.Sequential(
      new nn.Conv2d(3, 4, 3, { padding: 1 }),
      new nn.BatchNorm2d(4),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
    );
    head = new nn.Linear(64, 5);
    forward(x: torch.Tensor) {
      return this.head.forward(this.features.forward(x).flatten(1));
    }
  }

  it('gives Python’s results, for other batch sizes too', () => {
    const module = jit.loadSync<[torch.Tensor], torch.Tensor>(fixture('traced.pt'));
    same(module.forward(cnn.image!), cnn.of_image!);
    same(module.forward(cnn.other!), cnn.of_other!);
    expect([...module.stateDict().keys()]).toEqual(cnn.keys);
  });

  it('equals our own trace of the same model with the same weights', () => {
    const model = new Cnn();
    model.loadStateDict(loadData(fixture('stateDict.pt')) as Map<string, torch.Tensor>);
    const traced = jit.trace(model.eval(), cnn.image!);
    same(traced.forward(cnn.other!), cnn.of_other!);
    expect([...traced.stateDict().keys()]).toEqual(cnn.keys);
  });

  it('is frozen and optimised with equal results; both need evaluation mode', () => {
    const module = jit.loadSync<[torch.Tensor], torch.Tensor>(fixture('traced.pt'));
    for (const fast of [
      jit.freeze(module),
      jit.optimizeForInference(module),
      jit.optimizeForInference(jit.freeze(module)),
    ]) {
      expect(fast.parameters()).toEqual([]);
      expect(fast.inlinedGraph).not.toContain('aten::batch_norm');
      expect(fast.forward(cnn.other!).sub(cnn.of_other!).abs().max().item()).toBeLessThan(1e-6);
    }
    expect(jit.freeze(module, { optimizeNumerics: false }).inlinedGraph).toContain('aten::batch_norm');
    const kept = jit.freeze(scripted(), { preservedAttrs: ['threshold', 'counts'] });
    expect([kept.attribute('threshold'), [...kept.methods.keys()].sort()]).toEqual([0.25, ['counts', 'forward']]);
    module.train();
    expect(codeOf(() => jit.freeze(module))).toBe('MODULE_STATE');
    expect(codeOf(() => jit.optimizeForInference(module))).toBe('MODULE_STATE');
  });
});
