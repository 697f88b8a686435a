import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import * as nn from '../nn/index.js';
import {
  deserialize,
  OrderedDict,
  PickledObject,
  PyComplex,
  PyDType,
  PyLayout,
  SerializeError,
  Size,
  Storage,
  saveSync,
  serialize,
  Tuple,
} from './index.js';
import { pickle } from './pickle.js';
import { loadGlobals } from './torchGlobals.js';
import { unpickle } from './unpickle.js';

const scratch = mkdtempSync(join(tmpdir(), 'rare-values-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../test/fixtures/serialize/${name}`, import.meta.url)));
const bytesOf = (value: unknown) => new Uint8Array(Buffer.concat([...serialize(value)].map((chunk) => chunk.slice())));
const roundTrip = (value: unknown) => deserialize(bytesOf(value));
type Values = Record<string, unknown> & Record<'coo' | 'uncoalesced' | 'hybrid' | 'csr', torch.Tensor>;

const globalOf = (module: string, name: string) => new PickledObject(module, name);
const callOf = (name: string, ...args: unknown[]) => new PickledObject('torch._utils', name, 'call', Tuple.from(args));

describe.each([
  ['written by Python', (value: Uint8Array) => deserialize(value) as Values],
  ['after a round trip of ours', (value: Uint8Array) => roundTrip(deserialize(value)) as Values],
])('values of rarer kinds, %s,', (_, read) => {
  const file = read(fixture('special.pt'));

  it('have sparse tensors in both layouts', () => {
    const dense = [
      [0, 1.5, 0],
      [2.5, 0, -1],
    ];
    expect([file.coo.layout, file.coo.toDense().tolist()]).toEqual(['sparse_coo', dense]);
    expect([file.csr.layout, file.csr.toDense().tolist()]).toEqual(['sparse_csr', dense]);
    expect(file.uncoalesced.toDense().tolist()).toEqual([
      [0, 3, 0],
      [0, 0, 3],
    ]);
    expect(file.hybrid.toDense().tolist()).toEqual([
      [1, 2],
      [0, 0],
      [3, 4],
    ]);
  });

  it('have layouts, sizes, dtypes, devices, storages and numpy numbers', () => {
    expect(file.layout).toEqual(new PyLayout('sparse_csr'));
    expect(file.size).toEqual(Size.from([2, 3]));
    expect(file.dtype).toEqual(new PyDType('bfloat16'));
    expect(String(file.device)).toBe('cpu');
    expect((file.storage as Storage).tensor().tolist()).toEqual([0, 1, 2, 3]);
    expect((file.untyped as Storage).tensor().dtype).toBe('uint8');
    expect(file.numbers).toEqual([0.5, -3, true, new PyComplex(1, -2), 0.25]);
  });

  it('have the state of a metric, lists of tensors included', () => {
    const metric = file.metric as OrderedDict<string, torch.Tensor | torch.Tensor[]>;
    expect(metric).toBeInstanceOf(OrderedDict);
    expect([...metric.keys()]).toEqual(['tp', 'fp', 'preds']);
    expect((metric.get('preds') as torch.Tensor[]).map((x) => x.tolist())).toEqual([[0.25, 0.75], [0.5]]);
    expect(metric.attributes).toHaveProperty('_metadata');
  });
});

describe('a state dict of torchvision', () => {
  class BasicBlock extends nn.Module {
    conv1: nn.Conv2d;
    bn1: nn.BatchNorm2d;
    relu = new nn.ReLU({ inplace: true });
    conv2: nn.Conv2d;
    bn2: nn.BatchNorm2d;
    downsample: nn.Sequential | null = null;
    constructor(from: number, to: number, stride: number) {
      super();
      this.conv1 = new nn.Conv2d(from, to, 3, { stride, padding: 1, bias: false });
      this.bn1 = new nn.BatchNorm2d(to);
      this.conv2 = new nn.Conv2d(to, to, 3, { padding: 1, bias: false });
      this.bn2 = new nn.BatchNorm2d(to);
      if (stride !== 1)
        this.downsample = new nn.Sequential(
          new nn.Conv2d(from, to, 1, { stride, bias: false }),
          new nn.BatchNorm2d(to),
        );
    }
    override forward(x: torch.Tensor): torch.Tensor {
      const shortcut = this.downsample === null ? x : (this.downsample.forward(x) as torch.Tensor);
      const hidden = this.relu.forward(this.bn1.forward(this.conv1.forward(x)));
      return this.relu.forward(this.bn2.forward(this.conv2.forward(hidden)).add(shortcut));
    }
  }
  class TinyResNet extends nn.Module {
    conv1 = new nn.Conv2d(3, 4, 7, { stride: 2, padding: 3, bias: false });
    bn1 = new nn.BatchNorm2d(4);
    relu = new nn.ReLU();
    maxpool = new nn.MaxPool2d(3, { stride: 2, padding: 1 });
    layer1 = new nn.Sequential(new BasicBlock(4, 4, 1), new BasicBlock(4, 4, 1));
    layer2 = new nn.Sequential(new BasicBlock(4, 8, 2), new BasicBlock(8, 8, 1));
    avgpool = new nn.AdaptiveAvgPool2d(1);
    fc = new nn.Linear(8, 5);
    override forward(x: torch.Tensor): torch.Tensor {
      const stem = this.maxpool.forward(this.relu.forward(this.bn1.forward(this.conv1.forward(x))));
      const features = this.layer2.forward(this.layer1.forward(stem) as torch.Tensor) as torch.Tensor;
      return this.fc.forward(this.avgpool.forward(features).flatten(1));
    }
  }

  it.each(['resnet.pt', 'resnet-legacy.pt'])('in %s loads into our layers, which then compute the same', (name) => {
    const file = deserialize(fixture(name)) as {
      state_dict: OrderedDict<string, torch.Tensor>;
      input: torch.Tensor;
      output: torch.Tensor;
    };
    const model = new TinyResNet();
    expect(model.loadStateDict(file.state_dict)).toEqual({ missingKeys: [], unexpectedKeys: [] });
    expect([...model.stateDict().keys()]).toEqual([...file.state_dict.keys()]);
    const output = torch.noGrad(() => model.eval().forward(file.input));
    expect(output.tolist()).toEqual(file.output.tolist());
  });
});

describe('what newer versions of torch write', () => {
  const storage = () => new Storage(torch.tensor([1, 2, 3, 4], { dtype: 'uint8' }), 'uint8', 4);
  const rebuilt = (...args: unknown[]): unknown =>
    unpickle(pickle(callOf('_rebuild_tensor_v3', 0, ...args)), { globals: loadGlobals }).value;

  it('has tensors whose dtype is apart from the storage', () => {
    const bytes = pickle({
      tensor: callOf(
        '_rebuild_tensor_v3',
        null,
        0,
        Tuple.of(2),
        Tuple.of(1),
        false,
        new OrderedDict(),
        new PyDType('int16'),
      ),
    });
    // The storage comes by its id in real files; here the reader puts one in the place of None.
    const withId = Buffer.from(bytes);
    const at = withId.indexOf('N', withId.indexOf('_rebuild_tensor_v3'));
    const spliced = Buffer.concat([withId.subarray(0, at), Buffer.from('K\0Q'), withId.subarray(at + 1)]);
    const { value } = unpickle(spliced, { globals: loadGlobals, persistentLoad: storage });
    expect((value as { tensor: torch.Tensor }).tensor.tolist()).toEqual([0x201, 0x403]);
    expect(() => rebuilt()).toThrow(/a tensor has no storage/);
  });

  it('has flags for conjugated and negated views', () => {
    const read = (metadata: Record<string, boolean>, dtype: torch.DType) => {
      const source = torch.tensor([{ re: 1, im: 2 }]).to(dtype);
      const owner = torch.asView(source, 'uint8', [source.nbytes], [1]);
      const bytes = pickle(
        callOf('_rebuild_tensor_v2', new Tuple(), 0, Tuple.of(1), Tuple.of(1), false, new OrderedDict(), metadata),
      );
      const at = Buffer.from(bytes).indexOf(')');
      const spliced = Buffer.concat([bytes.subarray(0, at), Buffer.from('K\0Q'), bytes.subarray(at + 1)]);
      return unpickle(spliced, { globals: loadGlobals, persistentLoad: () => new Storage(owner, dtype, 1) })
        .value as torch.Tensor;
    };
    expect(read({ conj: true }, 'complex64').tolist()).toEqual([{ re: 1, im: -2 }]);
    expect(read({ neg: true }, 'complex64').tolist()).toEqual([{ re: -1, im: -2 }]);
    expect(() => read({ conj: true }, 'float32')).toThrow(/float32 cannot be conjugated/);
  });

  it('has parameters with a state', () => {
    const parameter = new torch.Parameter(torch.tensor([1.5]));
    const bytes = bytesOf({ parameter });
    const { value } = { value: deserialize(bytes) as { parameter: torch.Parameter } };
    expect(value.parameter).toBeInstanceOf(torch.Parameter);
    const table = loadGlobals[0]?.get('torch._utils._rebuild_parameter_with_state');
    const context = {
      corrupt: (message: string) => new Error(message),
      charge: () => {},
      call: () => null,
      defer: () => {},
    };
    expect(table?.call?.([torch.ones([2]), true, new OrderedDict(), { tag: 1 }], context)).toBeInstanceOf(
      torch.Parameter,
    );
  });
});

describe('kinds of tensors that have no counterpart', () => {
  const codeOf = (action: () => unknown) => {
    try {
      action();
    } catch (error) {
      if (error instanceof SerializeError) return [error.code, error.message];
      throw error;
    }
    return ['no error', ''];
  };

  it.each([
    ['quantized.pt', /QInt8Storage|quantized tensor/],
    ['meta.pt', /device meta/],
  ])('in %s are refused with a word on what to do', (name, message) => {
    const [code, text] = codeOf(() => deserialize(fixture(name)));
    expect(code).toBe('FILE_UNSUPPORTED');
    expect(text).toMatch(message);
    expect(text).toMatch(/Convert|Save/);
  });

  it('are refused when written, by name', () => {
    const quantized = torch.quantizePerTensor(torch.tensor([1.5, 2.5]), 0.1, 10, 'qint8' as torch.DType);
    expect(codeOf(() => bytesOf({ a: [quantized] }))).toEqual([
      'VALUE_UNSUPPORTED',
      expect.stringMatching(/value\.a\[0\] is a quantized tensor \(qint8\).*dequantize/),
    ]);
  });

  it('are refused when a sparse tensor has indices outside its sizes, or is made of odd parts', () => {
    const sparse = (indices: torch.Tensor, values: torch.Tensor, size: unknown, layout = 'sparse_coo') =>
      callOf('_rebuild_sparse_tensor', new PyLayout(layout), Tuple.of<unknown>(indices, values, size));
    const values = torch.ones([2]);
    const inside = torch.tensor([[0, 1]]);
    expect((roundTrip(sparse(inside, values, Size.of(2))) as torch.Tensor).toDense().tolist()).toEqual([1, 1]);
    const cases: [unknown, string][] = [
      [sparse(torch.tensor([[0, 2]]), values, Size.of(2)), 'TENSOR_CORRUPT'],
      [sparse(torch.tensor([[0, -1]]), values, Size.of(2)), 'TENSOR_CORRUPT'],
      [sparse(torch.tensor([[0, 1, 1]]), values, Size.of(2)), 'TENSOR_CORRUPT'],
      [sparse(inside.to('float32'), values, Size.of(2)), 'TENSOR_CORRUPT'],
      [sparse(torch.tensor(0), values, Size.of(2)), 'TENSOR_CORRUPT'],
      [sparse(inside, values, 'two'), 'PICKLE_CORRUPT'],
      [sparse(inside, values, Size.of(2), 'sparse_bsr'), 'FILE_UNSUPPORTED'],
      [
        callOf(
          '_rebuild_sparse_csr_tensor',
          new PyLayout('sparse_csr'),
          Tuple.of<unknown>(torch.tensor([0, 1, 9]), torch.tensor([0, 1]), values, Size.of(2, 2)),
        ),
        'TENSOR_CORRUPT',
      ],
      [callOf('_rebuild_sparse_tensor', globalOf('torch', 'sparse_coo'), new Tuple()), 'PICKLE_CORRUPT'],
    ];
    for (const [value, code] of cases) expect(codeOf(() => roundTrip(value))[0]).toBe(code);
  });
});

const python = (() => {
  try {
    execFileSync('/usr/bin/python3', ['-c', 'import torch'], { stdio: 'ignore' });
    return '/usr/bin/python3';
  } catch {
    return null;
  }
})();

describe.skipIf(python === null)('Python reads', () => {
  it('the rarer kinds that we write', () => {
    const path = join(scratch, 'special.pt');
    saveSync(deserialize(fixture('special.pt')), path);
    const script = `
import sys, torch
x = torch.load(sys.argv[1])
dense = torch.tensor([[0, 1.5, 0], [2.5, 0, -1]])
assert x["coo"].layout is torch.sparse_coo and torch.equal(x["coo"].to_dense(), dense)
assert x["csr"].layout is torch.sparse_csr and torch.equal(x["csr"].to_dense(), dense)
assert x["layout"] is torch.sparse_csr and x["size"] == torch.Size([2, 3]) and x["dtype"] is torch.bfloat16
assert x["device"] == torch.device("cpu") and x["storage"].tolist() == [0, 1, 2, 3]
assert [p.tolist() for p in x["metric"]["preds"]] == [[0.25, 0.75], [0.5]]
print("ok")
`;
    expect(execFileSync(python as string, ['-W', 'ignore', '-c', script, path], { encoding: 'utf8' }).trim()).toBe(
      'ok',
    );
  });
});
