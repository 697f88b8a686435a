import { describe, expect, expectTypeOf, it } from 'vitest';
import { torchErrorOf } from '../../test/encodedTensor.js';
import type { Tensor } from '../index.js';
import * as torch from '../index.js';
import * as nn from './index.js';

/** Fields declared in another order than parameters, buffers, children: the state dict sorts by kind all the same. */
class Block extends nn.Module {
  readonly inputLayer = new nn.Linear(2, 2);
  readonly W_q = new nn.Parameter(torch.ones(1));
  declare runningScale: Tensor;
  declare scratchPad: Tensor;
  readonly batchNorm1 = new nn.BatchNorm1d(2);
  readonly plain = torch.zeros(3); // a tensor that is neither parameter nor buffer
  readonly name = 'block';
  constructor() {
    super();
    this.registerBuffer('runningScale', torch.ones(1));
    this.registerBuffer('scratchPad', torch.zeros(1), { persistent: false });
  }
  override forward(x: Tensor): Tensor {
    return this.batchNorm1.forward(this.inputLayer.forward(x)).mul(this.W_q);
  }
}

class Net extends nn.Module {
  readonly first = new Block();
  readonly layers = new nn.ModuleList([new nn.Linear(2, 2), new nn.Linear(2, 1, { bias: false })]);
  readonly heads = new nn.ModuleDict({ mainHead: new nn.Linear(1, 1) });
  override forward(x: Tensor): Tensor {
    let y = this.first.forward(x);
    for (const layer of this.layers) y = layer.forward(y);
    return this.heads.get('mainHead').forward(y);
  }
}

const blockKeys = ['W_q', 'running_scale', 'input_layer.weight', 'input_layer.bias'];
const normKeys = ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'].map(
  (key) => `batch_norm1.${key}`,
);
const netKeys = [
  ...[...blockKeys, ...normKeys].map((key) => `first.${key}`),
  'layers.0.weight',
  'layers.0.bias',
  'layers.1.weight',
  'heads.mainHead.weight',
  'heads.mainHead.bias',
];

describe('what a module holds', () => {
  it('is listed in the order of the fields, own parameters before those of children', () => {
    const net = new Net();
    expect(net.namedModules().map(([path]) => path)).toEqual([
      '',
      'first',
      'first.input_layer',
      'first.batch_norm1',
      'layers',
      'layers.0',
      'layers.1',
      'heads',
      'heads.mainHead',
    ]);
    expect(net.namedParameters().map(([path]) => path)).toEqual([
      'first.W_q',
      'first.input_layer.weight',
      'first.input_layer.bias',
      'first.batch_norm1.weight',
      'first.batch_norm1.bias',
      'layers.0.weight',
      'layers.0.bias',
      'layers.1.weight',
      'heads.mainHead.weight',
      'heads.mainHead.bias',
    ]);
    expect(net.namedChildren().map(([key]) => key)).toEqual(['first', 'layers', 'heads']);
    expect(net.namedBuffers().map(([path]) => path)).toEqual([
      'first.running_scale',
      'first.scratch_pad',
      'first.batch_norm1.running_mean',
      'first.batch_norm1.running_var',
      'first.batch_norm1.num_batches_tracked',
    ]);
    expect(net.parameters(false)).toEqual([]);
    expect(net.first.namedParameters('x', false).map(([path]) => path)).toEqual(['x.W_q']);
    expect(net.modules()[0]).toBe(net);
    expect(net.children()).toHaveLength(3);
  });

  it('is found when somebody asks, so that fields may change', () => {
    class Late extends nn.Module {
      layer: nn.Module | null = null;
      override forward(): void {}
    }
    const late = new Late();
    expect(late.parameters()).toEqual([]);
    late.layer = new nn.Linear(1, 1);
    expect(late.namedParameters().map(([path]) => path)).toEqual(['layer.weight', 'layer.bias']);
    late.registerParameter('extra', new nn.Parameter(torch.ones(1)));
    expect(late.namedParameters().map(([path]) => path)).toEqual(['extra', 'layer.weight', 'layer.bias']);
  });

  it('lists shared parameters and modules once, and in the state under every name', () => {
    class Tied extends nn.Module {
      readonly a = new nn.Linear(2, 2, { bias: false });
      readonly b = this.a;
      readonly c = new nn.Linear(2, 2, { bias: false });
      readonly weight = this.c.weight;
      override forward(): void {}
    }
    const tied = new Tied();
    expect(tied.namedParameters().map(([path]) => path)).toEqual(['weight', 'a.weight']);
    expect(tied.namedModules().map(([path]) => path)).toEqual(['', 'a', 'c']);
    expect(tied.namedChildren().map(([key]) => key)).toEqual(['a', 'c']);
    const state = tied.stateDict();
    expect([...state.keys()]).toEqual(['weight', 'a.weight', 'b.weight', 'c.weight']);
    expect(state.get('weight')!.storageId()).toBe(state.get('c.weight')!.storageId());
  });

  it('is reached by path', () => {
    const net = new Net();
    expect(net.getSubmodule('layers.1')).toBe(net.layers.at(1));
    expect(net.getSubmodule('')).toBe(net);
    expect(net.getParameter('first.W_q')).toBe(net.first.W_q);
    expect(torchErrorOf(() => net.getSubmodule('layers.7')).message).toContain(
      "no submodule 'layers.7': ModuleList has 0, 1",
    );
    expect(torchErrorOf(() => net.getParameter('first.w')).code).toBe('MODULE_STATE');
  });
});

describe('stateDict', () => {
  it("has Python's keys: own parameters, own buffers, then children, without what is not persistent", () => {
    expect([...new Net().stateDict().keys()]).toEqual(netKeys);
    expect(nn.stateKeyOf('layerNorm2d')).toBe('layer_norm2d');
    expect(nn.stateKeyOf('W_q')).toBe('W_q');
    expect(nn.stateKeyOf('conv1Bias')).toBe('conv1_bias');
  });

  it('shares memory with the module and is outside the graph', () => {
    const net = new Net();
    const weight = net.stateDict().get('layers.0.weight')!;
    expect(weight.requiresGrad).toBe(false);
    weight.fill_(3);
    expect(net.layers.at(0).weight.tolist()).toEqual([
      [3, 3],
      [3, 3],
    ]);
  });

  it('uses the keys a class declares, also for buffers', () => {
    class Attention extends nn.Module {
      static readonly stateKeys = { inProjection: 'in_proj_weight', scale: 'SCALE' };
      readonly inProjection = new nn.Parameter(torch.ones(1));
      declare scale: Tensor;
      constructor() {
        super();
        this.registerBuffer('scale', torch.ones(1));
      }
      override forward(): void {}
    }
    const attention = new Attention();
    expect([...attention.stateDict().keys()]).toEqual(['in_proj_weight', 'SCALE']);
    expect(attention.namedParameters()[0]![0]).toBe('in_proj_weight');
    attention.loadStateDict({ in_proj_weight: torch.zeros(1), SCALE: torch.full([1], 2) });
    expect(attention.scale.item()).toBe(2);
  });

  it('refuses two fields with one key', () => {
    class Twice extends nn.Module {
      readonly layerA = new nn.Parameter(torch.ones(1));
      readonly layer_a = new nn.Parameter(torch.ones(1));
      override forward(): void {}
    }
    const error = torchErrorOf(() => new Twice().stateDict());
    expect([error.code, error.message.includes("'layer_a'"), error.message.includes('stateKeys')]).toEqual([
      'MODULE_STATE',
      true,
      true,
    ]);
  });
});

describe('loadStateDict', () => {
  it('copies into the tensors that are there', () => {
    const from = new Net();
    const to = new Net();
    const weight = to.layers.at(0).weight;
    expect(to.loadStateDict(from.stateDict())).toEqual({ missingKeys: [], unexpectedKeys: [] });
    expect(to.layers.at(0).weight).toBe(weight);
    for (const [key, tensor] of to.stateDict()) {
      expect(tensor.equal(from.stateDict().get(key)!)).toBe(true);
      expect(tensor.storageId()).not.toBe(from.stateDict().get(key)!.storageId());
    }
    expect(weight.isLeaf && weight.requiresGrad).toBe(true);
  });

  it('lists every mismatch in one error and changes nothing', () => {
    const net = new Net();
    const state = new Net().stateDict();
    state.delete('first.W_q');
    state.delete('layers.1.weight');
    state.set('layers.9.weight', torch.ones(1));
    state.set('layers.0.weight', torch.ones(3, 2));
    state.set('layers.0.bias', 'x' as unknown as Tensor);
    const before = net.stateDict().get('first.input_layer.weight')!.clone();
    const error = torchErrorOf(() => net.loadStateDict(state));
    expect(error.code).toBe('MODULE_STATE');
    expect(error.message.split('\n')).toEqual([
      'the state dict does not fit Net:',
      '  missing: first.W_q, layers.1.weight',
      '  unexpected: layers.9.weight',
      '  wrong shape: layers.0.weight (expected [2, 2], got [3, 2]), layers.0.bias (expected a tensor, got string)',
    ]);
    expect(net.stateDict().get('first.input_layer.weight')!.equal(before)).toBe(true);
  });

  it('not strict: reports missing and unexpected keys, loads the rest, and still refuses shapes', () => {
    const net = new nn.Linear(1, 1);
    expect(net.loadStateDict({ weight: torch.full([1, 1], 7), other: torch.ones(1) }, { strict: false })).toEqual({
      missingKeys: ['bias'],
      unexpectedKeys: ['other'],
    });
    expect(net.weight.item()).toBe(7);
    expect(torchErrorOf(() => net.loadStateDict({ weight: torch.ones(2, 2) }, { strict: false })).message).toContain(
      'wrong shape: weight',
    );
  });

  it('converts dtypes', () => {
    const net = new nn.Linear(1, 1);
    net.loadStateDict({ weight: torch.tensor([[0.1]], { dtype: 'float64' }), bias: torch.tensor([2]) });
    expect([net.weight.dtype, net.bias!.item()]).toEqual(['float32', 2]);
  });
});

describe('hooks', () => {
  it('wrap the forward of one instance and leave no trace when removed', () => {
    const layer = new nn.Linear(1, 1);
    const other = new nn.Linear(1, 1);
    const original = layer.forward;
    const seen: string[] = [];
    const before = layer.registerForwardPreHook((module, [input]) => {
      expect(module).toBe(layer);
      seen.push('before');
      return [input.mul(2)];
    });
    const after = layer.registerForwardHook((_, [input], output) => {
      expectTypeOf(output).toEqualTypeOf<Tensor>();
      seen.push(`after ${input.item()}`);
      return output.mul(0).add(5);
    });
    expect(layer.forward(torch.ones(1)).item()).toBe(5);
    expect(seen).toEqual(['before', 'after 2']);
    other.forward(torch.ones(1));
    expect(seen).toHaveLength(2);
    expect([...layer.stateDict().keys()]).toEqual(['weight', 'bias']);
    before.remove();
    before.remove();
    layer.forward(torch.ones(1));
    expect(seen).toEqual(['before', 'after 2', 'after 1']);
    after.remove();
    expect(layer.forward).toBe(original);
    expect(Object.keys(layer)).toEqual(Object.keys(other));
  });

  it('run in the order they were added, also inside containers, and may be removed while they run', () => {
    const relu = new nn.ReLU();
    const model = new nn.Sequential(new nn.Identity(), relu);
    const seen: number[] = [];
    const first = relu.registerForwardHook(() => {
      seen.push(1);
      first.remove();
    });
    relu.registerForwardHook(() => {
      seen.push(2);
    });
    model.forward(torch.ones(1));
    model.forward(torch.ones(1));
    expect(seen).toEqual([1, 2, 2]);
  });

  it('keep a forward that the instance had of its own', () => {
    const layer = new nn.Identity();
    const own = <T>(x: T): T => x;
    layer.forward = own;
    const handle = layer.registerForwardHook(() => 9 as never);
    expect(layer.forward(1)).toBe(9);
    handle.remove();
    expect(layer.forward).toBe(own);
  });
});

describe('modes and moves', () => {
  it('train and eval reach every module', () => {
    const net = new Net();
    expect(net.eval()).toBe(net);
    expect(net.modules().every((module) => !module.training)).toBe(true);
    net.first.train();
    expect([net.training, net.first.batchNorm1.training]).toEqual([false, true]);
    expect(
      net
        .train()
        .modules()
        .every((module) => module.training),
    ).toBe(true);
    expect(net.train(false).training).toBe(false);
  });

  it('to(dtype) changes floating point tensors in place and nothing else', () => {
    const net = new Net();
    const weight = net.layers.at(0).weight;
    net.forward(torch.randn(3, 2)).sum().backward();
    expect(net.to('float64')).toBe(net);
    expect(net.layers.at(0).weight).toBe(weight);
    expect([weight.dtype, weight.grad!.dtype, weight.isLeaf]).toEqual(['float64', 'float64', true]);
    expect([net.first.batchNorm1.runningMean!.dtype, net.first.batchNorm1.numBatchesTracked!.dtype]).toEqual([
      'float64',
      'int64',
    ]);
    expect(net.forward(torch.randn([3, 2], { dtype: 'float64' })).dtype).toBe('float64');
    expect(net.float().layers.at(0).weight.dtype).toBe('float32');
    expect(net.half().first.runningScale.dtype).toBe('float16');
    expect(net.cpu().to({ device: 'cpu', dtype: 'float32' }).first.W_q.dtype).toBe('float32');
    expect(torchErrorOf(() => net.to('int64')).code).toBe('DTYPE_MISMATCH');
    expect(torchErrorOf(() => net.cuda(99)).code).toBe('DEVICE_UNAVAILABLE');
  });

  it('zeroGrad clears gradients or fills them with zeros', () => {
    const layer = new nn.Linear(2, 1);
    const step = () => layer.forward(torch.ones(2)).sum().backward();
    step();
    layer.zeroGrad({ setToNone: false });
    expect(layer.weight.grad!.tolist()).toEqual([[0, 0]]);
    step();
    layer.zeroGrad();
    expect(layer.parameters().map((parameter) => parameter.grad)).toEqual([null, null]);
  });

  it('requiresGrad_ freezes', () => {
    const net = new Net().requiresGrad_(false);
    expect(net.parameters().some((parameter) => parameter.requiresGrad)).toBe(false);
    expect(net.forward(torch.randn(3, 2)).requiresGrad).toBe(false);
    expect(
      net
        .requiresGrad_()
        .parameters()
        .every((parameter) => parameter.requiresGrad),
    ).toBe(true);
  });

  it('apply visits children first, then the module', () => {
    const seen: string[] = [];
    const model = new nn.Sequential(new nn.Linear(1, 1), new nn.Sequential(new nn.ReLU()));
    expect(model.apply((module) => seen.push(module.constructor.name))).toBe(model);
    expect(seen).toEqual(['Linear', 'ReLU', 'Sequential', 'Sequential']);
  });
});

describe('types', () => {
  it('forward, hooks and containers are typed by the module', () => {
    const net = new Net();
    expectTypeOf(net.forward).parameters.toEqualTypeOf<[Tensor]>();
    expectTypeOf(net.forward).returns.toEqualTypeOf<Tensor>();
    expectTypeOf(net.layers.at(0)).toEqualTypeOf<nn.Linear>();
    expectTypeOf(net.heads.get('mainHead')).toEqualTypeOf<nn.Linear>();
    expectTypeOf(net.stateDict()).toEqualTypeOf<Map<string, Tensor>>();
    expectTypeOf(net.parameters()).toEqualTypeOf<nn.Parameter[]>();
    const wrong = () => {
      // @ts-expect-error a number is no tensor
      net.forward(1);
      // @ts-expect-error cross entropy takes two inputs, so it fits no Sequential
      new nn.Sequential(new nn.CrossEntropyLoss());
      // @ts-expect-error there is no such option
      new nn.Conv2d(1, 1, 3, { paddding: 1 });
      // @ts-expect-error a typo in a field
      net.fisrt;
    };
    expectTypeOf(wrong).returns.toEqualTypeOf<void>();
  });
});
