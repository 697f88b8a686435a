import { fileURLToPath } from 'node:url';
import { describe, expect, expectTypeOf, it } from 'vitest';
import * as torch from '../index.js';
import * as nn from '../nn/index.js';
import { Adam } from '../optim/index.js';
import * as jit from './index.js';

const difference = (a: torch.Tensor, b: torch.Tensor) => a.sub(b).abs().max().item();

class Cnn extends nn.Module {
  features = new nn.Sequential(new nn.Conv2d(3, 4, 3, { padding: 1 }), new nn.BatchNorm2d(4), new nn.ReLU());
  lastLayer = new nn.Linear(4 * 16, 5);
  forward(x: torch.Tensor): torch.Tensor {
    return this.lastLayer.forward(this.features.forward(x).flatten(1));
  }
}

describe('tracing a module', () => {
  it('records a program that computes the same, for other batch sizes too', () => {
    torch.manualSeed(1);
    const model = new Cnn().eval();
    const [example, other] = [torch.randn([2, 3, 4, 4]), torch.randn([5, 3, 4, 4])];
    const traced = jit.trace(model, example, { checkInputs: [[other]] });
    expectTypeOf(traced).toEqualTypeOf<jit.ScriptModule<[x: torch.Tensor], torch.Tensor>>();
    expect(difference(traced.forward(other), model.forward(other))).toBe(0);
    expect(traced.code).toContain('self.last_layer');
    expect(traced.graph).toContain('prim::CallMethod');
    expect(traced.inlinedGraph).toContain('aten::_convolution');
  });

  it('keeps the hierarchy and the state-dict keys of the module, and shares its tensors', () => {
    const model = new Cnn().eval();
    const traced = jit.trace(model, [torch.randn([1, 3, 4, 4])]);
    expect([...traced.stateDict().keys()]).toEqual([...model.stateDict().keys()]);
    expect(traced.parameters()[0]).toBe(model.parameters()[0]);
    const first = traced.getSubmodule('features.0') as jit.ScriptModule;
    expect(first.originalName).toBe('Conv2d');
    expect(first.code).toContain('torch._convolution');
    model.lastLayer.bias!.data.fill_(100);
    expect(
      traced
        .forward(torch.zeros([1, 3, 4, 4]))
        .min()
        .item(),
    ).toBeGreaterThan(50);
  });

  it('changes neither buffers, random numbers nor the module’s own forward', () => {
    const model = new Cnn().train();
    torch.manualSeed(3);
    const expected = torch.rand([2]).tolist();
    torch.manualSeed(3);
    const input = torch.ones([2, 3, 4, 4]);
    torch.forkRng(() => jit.trace(new nn.Dropout(0.5), input));
    jit.trace(model, input);
    expect(torch.rand([2]).tolist()).toEqual(expected);
    expect(model.getBuffer('features.1.num_batches_tracked').item()).toBe(0);
    expect(model.getBuffer('features.1.running_mean').abs().sum().item()).toBe(0);
    expect(Object.hasOwn(model.features, 'forward')).toBe(false);
  });

  it('lists a module found under two names under both', () => {
    class Tied extends nn.Module {
      first = new nn.Linear(2, 2);
      second = this.first;
      forward(x: torch.Tensor) {
        return this.second.forward(this.first.forward(x));
      }
    }
    const model = new Tied();
    const traced = jit.trace(model, torch.randn([1, 2]));
    expect([...traced.stateDict().keys()]).toEqual(['first.weight', 'first.bias', 'second.weight', 'second.bias']);
    expect(traced.parameters()).toHaveLength(2);
    const x = torch.randn([3, 2]);
    expect(difference(traced.forward(x), model.forward(x))).toBe(0);
    const loaded = jit.loadSync<[torch.Tensor], torch.Tensor>(jit.saveToBytes(traced));
    expect(difference(loaded.forward(x), model.forward(x))).toBe(0);
  });

  it('takes and returns arrays and objects of tensors; an object’s keys may come in any order', () => {
    interface Batch {
      image: torch.Tensor;
      weight: torch.Tensor;
    }
    const fn = (batch: Batch, [a, b]: [torch.Tensor, torch.Tensor]) => ({
      sum: batch.image.mul(batch.weight).add(a),
      rest: b.mul(2),
    });
    const example = { image: torch.ones([2]), weight: torch.full([2], 3) };
    const pair: [torch.Tensor, torch.Tensor] = [torch.ones([2]), torch.ones([1])];
    const traced = jit.trace(fn, [example, pair], { strict: false, inputNames: ['batch', 'pair'] });
    expect(traced.methods.get('forward')).toBe(
      'forward(batch: Dict[str, Tensor], pair: Tuple[Tensor, Tensor]) -> Dict[str, Tensor]',
    );
    const result = traced.forward({ weight: torch.full([2], 5), image: torch.full([2], 2) }, pair);
    expect(result.sum.tolist()).toEqual([11, 11]);
    expect(result.rest.tolist()).toEqual([2]);
    const named = traced.call('forward', [], { pair, batch: example }) as { sum: torch.Tensor };
    expect(named.sum.tolist()).toEqual([4, 4]);

    const nested = jit.trace(
      (x: torch.Tensor): [torch.Tensor, [torch.Tensor, torch.Tensor]] => [x.add(1), [x, x.neg()]],
      [torch.ones([1])],
    );
    const [first, [second, third]] = nested.forward(torch.full([1], 4));
    expect([first.item(), second.item(), third.item()]).toEqual([5, 4, -4]);
  });

  it('takes tensors made from JavaScript numbers, and those of plain fields, as constants', () => {
    class Scaled extends nn.Module {
      plain = torch.tensor([3, 4]);
      forward(x: torch.Tensor) {
        return x
          .mul(this.plain)
          .add(torch.tensor([0.5, 1.5]))
          .mul(2);
      }
    }
    const loaded = jit.loadSync<[torch.Tensor], torch.Tensor>(
      jit.saveToBytes(jit.trace(new Scaled(), torch.randn([2, 2]))),
    );
    expect(loaded.forward(torch.ones([1, 2])).tolist()).toEqual([[7, 11]]);
    expect(loaded.stateDict().size).toBe(0);
  });

  it('traces layers that compute their weights or are called twice', () => {
    const traces = (model: nn.Module & { forward(x: torch.Tensor): torch.Tensor }, x: torch.Tensor) => {
      const loaded = jit.loadSync<[torch.Tensor], torch.Tensor>(jit.saveToBytes(jit.trace(model, x)));
      expect([...loaded.stateDict().keys()]).toEqual([...model.stateDict().keys()]);
      expect(difference(loaded.forward(x), model.forward(x))).toBe(0);
    };
    class Twice extends nn.Module {
      layers = new nn.ModuleDict({ 'not-a/name': new nn.Linear(2, 2) });
      unused = new nn.Linear(3, 3);
      forward(x: torch.Tensor) {
        const layer = this.layers.get('not-a/name');
        return layer.forward(layer.forward(x));
      }
    }
    traces(new Twice(), torch.randn([3, 2]));
    traces(nn.parametrizations.weightNorm(new nn.Linear(4, 3)), torch.randn([2, 4]));
    traces(new nn.TransformerEncoderLayer(8, 2).eval(), torch.randn([5, 2, 8]));
    torch.inferenceMode(() => traces(new nn.Linear(2, 2), torch.randn([1, 2])));
  });

  it('keeps the control flow of a scripted module that it calls', async () => {
    const scripted = await jit.load<[torch.Tensor], torch.Tensor>(
      fileURLToPath(new URL('../../test/fixtures/jit/scripted.pt', import.meta.url)),
    );
    class Outer extends nn.Module {
      inner = scripted;
      forward(x: torch.Tensor) {
        return this.inner.forward(x.mul(2)).sum();
      }
    }
    const outer = new Outer();
    const [low, high] = [torch.full([2, 4], 0.01), torch.ones([2, 4]).mul(3)];
    const traced = jit.trace(outer, [high], { checkInputs: [[low]] });
    const loaded = jit.loadSync<[torch.Tensor], torch.Tensor>(jit.saveToBytes(traced));
    for (const x of [low, high]) expect(difference(loaded.forward(x), outer.forward(x))).toBe(0);
    expect([...loaded.stateDict().keys()]).toEqual([...outer.stateDict().keys()]);
  });

  it('trains: gradients and optimizer steps equal those of the original', () => {
    torch.manualSeed(5);
    const model = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 1));
    const copy = model.clone();
    const traced = jit.trace(model, torch.randn([2, 4]));
    const x = torch.randn([16, 4]);
    const losses = (module: nn.Module & { forward(input: torch.Tensor): torch.Tensor }) => {
      const optimizer = new Adam(module.parameters(), { lr: 0.05 });
      return Array.from({ length: 5 }, () => {
        optimizer.zeroGrad();
        const loss = module.forward(x).pow(2).mean();
        loss.backward();
        optimizer.step();
        return loss.item();
      });
    };
    const expected = losses(copy);
    const actual = losses(traced);
    for (const [i, loss] of actual.entries()) expect(loss).toBeCloseTo(expected[i]!, 6);
    expect(actual[4]).toBeLessThan(actual[0]!);
  });
});

describe('what cannot be traced', () => {
  const traceError = (fn: () => unknown): string => {
    try {
      fn();
    } catch (error) {
      expect(error).toBeInstanceOf(torch.TorchError);
      expect((error as torch.TorchError).code).toBe('TRACE');
      return (error as Error).message;
    }
    throw new Error('it was traced');
  };
  const x = torch.ones([2, 2]);

  it('a number among inputs or outputs is named with its path', () => {
    expect(traceError(() => jit.trace((a: torch.Tensor, b: number) => a.mul(b), [x, 2] as never))).toMatch(
      /input_1 is 2/,
    );
    expect(traceError(() => jit.trace((a: torch.Tensor) => ({ ok: [a, 'text'] }), [x]))).toMatch(
      /output\.ok\[1\] is 'text'/,
    );
    expect(traceError(() => jit.trace(() => x, []))).toMatch(/does not depend on the inputs/);
  });

  it('parameters of modules that are not below the traced one', () => {
    const layer = new nn.Linear(2, 2);
    expect(traceError(() => jit.trace((a: torch.Tensor) => layer.forward(a), [x]))).toMatch(
      /belongs to no module below/,
    );
  });

  it('an object as output unless strict is off, and a promise', () => {
    expect(traceError(() => jit.trace((a: torch.Tensor) => ({ a: a.add(1) }), [x]))).toMatch(/strict: false/);
    expect(traceError(() => jit.trace(async (a: torch.Tensor) => a.add(1), [x]))).toMatch(/asynchronous/);
    const mixed = (a: torch.Tensor) => ({ a: a.add(1), b: [a.add(2)] });
    expect(traceError(() => jit.trace(mixed, [x], { strict: false }))).toMatch(/one type/);
  });

  it('a branch on values, which the check with other inputs shows', () => {
    const branchy = (a: torch.Tensor) => (a.sum().item() > 0 ? a.mul(2) : a.neg());
    const message = traceError(() => jit.trace(branchy, [x], { checkInputs: [[x.neg()]] }));
    expect(message).toMatch(/differs from the original by up to 3, and 0.00001 is allowed/);
    expect(jit.trace(branchy, [x]).forward(x.neg()).tolist()).toEqual([
      [-2, -2],
      [-2, -2],
    ]);
  });

  it('a size that became constant', () => {
    const sized = (a: torch.Tensor) => a.view([a.size(0) * 2]);
    expect(traceError(() => jit.trace(sized, [x], { checkInputs: [[torch.ones([3, 2])]] }))).toMatch(
      /fails with inputs/,
    );
    expect(jit.trace(sized, [x]).forward(x).shape).toEqual([4]);
  });

  it('a trace that draws on something outside, which the check shows', () => {
    let calls = 0;
    const counting = (a: torch.Tensor) => a.add(calls++);
    expect(traceError(() => jit.trace(counting, [x]))).toMatch(/differs from the original/);
    expect(jit.trace(counting, [x], { checkTrace: false }).forward(x).shape).toEqual([2, 2]);
  });

  it('an error inside forward arrives as it was thrown, and the next trace works', () => {
    const failure = new RangeError('mine');
    const model = new nn.Sequential(new nn.Linear(2, 2));
    const hook = model.at(0).registerForwardHook(() => {
      throw failure;
    });
    expect(() => jit.trace(model, x)).toThrow(failure);
    hook.remove();
    expect(Object.hasOwn(model.at(0), 'forward')).toBe(false);
    expect(jit.trace(model, x).forward(x).shape).toEqual([2, 2]);
    expect(
      traceError(() => jit.trace((a: torch.Tensor) => jit.trace((b: torch.Tensor) => b.add(1), [a]).forward(a), [x])),
    ).toMatch(/already being made/);
  });

  it('a wrong kind of argument does not compile', () => {
    const traced = jit.trace((a: torch.Tensor) => a.add(1), [x]);
    expectTypeOf(traced.forward).parameters.toEqualTypeOf<[a: torch.Tensor]>();
    const generic: nn.Module = new nn.Linear(2, 2); // what a caller has who knows no more: the inputs need a cast
    expect(jit.saveToBytes(jit.trace(generic, [x] as never)).length).toBeGreaterThan(0);
    // @ts-expect-error two tensors for a function of one
    expect(() => jit.trace((a: torch.Tensor) => a.add(1), [x, x])).not.toThrow();
  });
});
