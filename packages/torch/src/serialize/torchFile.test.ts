import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import { BufferSource } from './byteSource.js';
import {
  deserialize,
  load,
  loadSync,
  Namespace,
  OrderedDict,
  PickledObject,
  PyDType,
  SerializeError,
  Size,
  Storage,
  save,
  saveSync,
  serialize,
  Tuple,
  ZipReader,
  zipChunks,
} from './index.js';

const { Parameter, Tensor } = torch;
const fixtures = new URL('../../test/fixtures/serialize/', import.meta.url);
const fixturePath = (name: string) => fileURLToPath(new URL(name, fixtures));
const fixture = (name: string) => new Uint8Array(readFileSync(new URL(name, fixtures)));
const scratch = mkdtempSync(join(tmpdir(), 'torch-file-'));
const bytesOf = (value: unknown) => new Uint8Array(Buffer.concat([...serialize(value)].map((chunk) => chunk.slice())));
const roundTrip = (value: unknown) => deserialize(bytesOf(value));
type Tensors = Record<string, torch.Tensor>;

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof SerializeError) return error.code;
    throw error;
  }
  return 'no error';
}

/** dtype, shape, strides, offset and exact elements. */
function describeTensor(tensor: torch.Tensor): unknown {
  return [
    tensor.dtype,
    tensor.shape,
    tensor.stride(),
    tensor.storageOffset(),
    tensor.requiresGrad,
    tensor instanceof Parameter,
    Buffer.from(tensor.detach().contiguous().toTypedArray().buffer).toString('hex'),
  ];
}

function expectSame(actual: unknown, expected: unknown): void {
  if (expected instanceof Tensor) {
    expect(actual).toBeInstanceOf(Tensor);
    expect(describeTensor(actual as torch.Tensor)).toEqual(describeTensor(expected));
  } else if (expected instanceof Map) {
    expect([...(actual as Map<unknown, unknown>).keys()]).toEqual([...expected.keys()]);
    for (const [key, value] of expected) expectSame((actual as Map<unknown, unknown>).get(key), value);
  } else if (Array.isArray(expected)) {
    expect((actual as unknown[]).length).toBe(expected.length);
    for (let i = 0; i < expected.length; i++) expectSame((actual as unknown[])[i], expected[i]);
  } else if (
    typeof expected === 'object' &&
    expected !== null &&
    Object.getPrototypeOf(expected) === Object.prototype
  ) {
    expect(Object.keys(actual as object)).toEqual(Object.keys(expected));
    for (const [key, value] of Object.entries(expected)) expectSame((actual as Record<string, unknown>)[key], value);
  } else {
    expect(actual).toEqual(expected);
  }
}

describe.each(['tensors.pt', 'tensors-legacy.pt'])('%s, written by Python', (name) => {
  const map = { mapLocation: 'cpu' } as const;
  const file = loadSync(fixturePath(name), map) as Map<string, unknown>;
  const tensors = Object.fromEntries(file) as Tensors;

  it('gives every dtype with its exact elements', () => {
    expect(tensors.float64?.tolist()).toEqual([1, -0.5, Infinity]);
    expect(tensors.float32?.tolist()).toEqual([
      [1.5, 2.5],
      [-3, Math.fround(1e-40)],
    ]);
    expect(tensors.float16?.tolist()).toEqual([1, 65504, -0.25]);
    expect(tensors.bfloat16?.tolist()[0 as never]).toBe(1);
    expect(tensors.int8?.tolist()).toEqual([-128, 127]);
    expect(tensors.int16?.tolist()).toEqual([-32768, 32767]);
    expect(tensors.int32?.tolist()).toEqual([-(2 ** 31), 2 ** 31 - 1]);
    expect(tensors.int64?.tolist({ bigint: true })).toEqual([-(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n]);
    expect(tensors.uint8?.tolist()).toEqual([0, 255]);
    expect(tensors.bool?.tolist()).toEqual([true, false, true]);
    expect(tensors.complex64?.tolist()).toEqual([
      { re: 1, im: 2 },
      { re: -0, im: -0.5 },
    ]);
    expect(tensors.complex128?.tolist()).toEqual([{ re: 1e300, im: -1e-300 }]);
    expect(tensors.scalar?.item()).toBe(7);
    expect(tensors.empty?.shape).toEqual([0, 3]);
    for (const dtype of ['float64', 'float32', 'float16', 'bfloat16', 'int64', 'bool', 'complex64']) {
      expect(tensors[dtype]?.dtype).toBe(dtype);
    }
  });

  it('keeps views on one storage, with stride and offset', () => {
    const { base, row, column, transposed, expanded, again } = tensors as Required<Tensors>;
    expect(row?.tolist()).toEqual([4, 5, 6, 7]);
    expect(column?.tolist()).toEqual([2, 6, 10]);
    expect(transposed?.stride()).toEqual([1, 4]);
    expect(expanded?.tolist()).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ]);
    expect(expanded?.stride()).toEqual([0, 1]);
    expect(again).toBe(base);
    base?.setAt([1, 2], 99);
    expect(row?.tolist()).toEqual([4, 5, 99, 7]);
    expect(column?.tolist()).toEqual([2, 99, 10]);
    base?.setAt([1, 2], 6);
  });

  it('keeps parameters and who requires gradients', () => {
    expect(tensors.grad).not.toBeInstanceOf(Parameter);
    expect(tensors.grad?.requiresGrad).toBe(true);
    expect(tensors.grad?.isLeaf).toBe(true);
    expect(tensors.parameter).toBeInstanceOf(Parameter);
    expect(tensors.parameter?.requiresGrad).toBe(true);
    expect(tensors.parameter?.tolist()).toEqual([
      [1, -2],
      [3.5, 0.25],
    ]);
    expect(tensors.frozen).toBeInstanceOf(Parameter);
    expect(tensors.frozen?.requiresGrad).toBe(false);
  });

  it('gives sizes, dtypes and devices as values', () => {
    expect(file.get('size')).toEqual(Size.from([3, 4]));
    expect(file.get('dtype')).toEqual(new PyDType('float32'));
    expect(String(file.get('device'))).toBe('cuda:1');
  });

  it('comes through a round trip of ours unchanged', () => {
    expectSame(roundTrip(file), file);
  });
});

describe('a checkpoint written by Python', () => {
  const checkpoint = loadSync(fixturePath('training.ckpt')) as Record<string, unknown>;

  it('has the keys of the format, the weights and the optimizer state', () => {
    expect(Object.keys(checkpoint).slice(0, 4)).toEqual([
      'epoch',
      'global_step',
      'pytorch-lightning_version',
      'state_dict',
    ]);
    const state = checkpoint.state_dict as OrderedDict<string, torch.Tensor>;
    expect(state).toBeInstanceOf(OrderedDict);
    expect([...state.keys()].slice(0, 3)).toEqual(['0.weight', '0.bias', '1.weight']);
    expect(state.get('1.num_batches_tracked')?.item()).toBe(3);
    expect(state.attributes?._metadata).toBeInstanceOf(OrderedDict);
    const [optimizer] = checkpoint.optimizer_states as unknown as [
      { state: Map<number, Tensors>; param_groups: object[] },
    ];
    expect(optimizer.state.get(0)?.step?.item()).toBe(3);
    expect(optimizer.state.get(0)?.exp_avg?.shape).toEqual([8, 4]);
    expect(optimizer.param_groups[0]).toMatchObject({
      betas: Tuple.of(0.9, 0.999),
      params: [0, 1, 2, 3, 4, 5],
      lr: 0.005,
    });
  });

  it('has callbacks and hyperparameters, with unknown classes as records', () => {
    const stopping = (checkpoint.callbacks as Record<string, Record<string, unknown>>)[
      "EarlyStopping{'monitor': 'val_loss', 'mode': 'min'}"
    ];
    expect(stopping?.best_score).toBe(0.75);
    expect(stopping?.started).toBeInstanceOf(PickledObject);
    const hparams = checkpoint.hyper_parameters as Record<string, unknown>;
    expect(hparams.layers).toEqual(Tuple.of(8, 3));
    expect(hparams.options).toEqual(Object.assign(new Namespace(), { seed: 42 }));
  });

  it('comes through a round trip of ours unchanged', () => {
    expectSame(roundTrip(checkpoint), checkpoint);
  });
});

describe('serialize', () => {
  it('writes the very bytes that torch writes', () => {
    const base = torch.arange(6).to('float32').reshape([2, 3]);
    const value = {
      epoch: 3,
      lr: 0.125,
      state_dict: new OrderedDict<string, torch.Tensor>([
        ['weight', base],
        ['view', base.select(0, 1)],
        ['bias', new Parameter(torch.zeros([3], { dtype: 'float64' }))],
        ['none', torch.empty([0])],
      ]),
      names: Tuple.of<unknown>('a', 'b', ['c', 'a']),
      many: Array.from({ length: 12 }, (_, i) => torch.tensor([i])),
    };
    expect(Buffer.from(bytesOf(value)).equals(Buffer.from(fixture('golden.pt')))).toBe(true);
  });

  it('writes a storage that tensors share once, and they share it again when read', () => {
    const base = torch.zeros([1000]);
    const bytes = bytesOf([base, base.slice(0, 0, 10), base.view([10, 100])]);
    expect(
      [...new ZipReader(new BufferSource(bytes)).entries.keys()].filter((name) => name.includes('data/')),
    ).toHaveLength(1);
    const [first, second, third] = deserialize(bytes) as [torch.Tensor, torch.Tensor, torch.Tensor];
    first.setAt([3], 5);
    expect(second.at(3).item()).toBe(5);
    expect(third.at(0, 3).item()).toBe(5);
  });

  it('round trips tensors of any dtype, shape and view', () => {
    const dtypes = [
      'float64',
      'float32',
      'float16',
      'bfloat16',
      'int64',
      'int32',
      'int16',
      'int8',
      'uint8',
      'bool',
      'complex64',
      'complex128',
    ] as const;
    const anyTensor = fc
      .record({
        dtype: fc.constantFrom(...dtypes),
        shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
        transposes: fc.boolean(),
        skips: fc.boolean(),
      })
      .map(({ dtype, shape, transposes, skips }) => {
        let tensor = torch
          .randn(shape.length === 0 ? [] : shape)
          .mul(10)
          .to(dtype);
        if (transposes && shape.length > 1) tensor = tensor.transpose(0, -1);
        if (skips && shape.length > 0 && tensor.size(0) > 1) tensor = tensor.narrow(0, 1, tensor.size(0) - 1);
        return tensor;
      });
    fc.assert(
      fc.property(fc.array(anyTensor, { maxLength: 4 }), (tensors) => {
        expectSame(roundTrip(tensors), tensors);
      }),
    );
  });

  it('saves a conjugated view as the numbers it shows', () => {
    const z = torch.tensor([{ re: 1, im: 2 }]).conj();
    expect((roundTrip(z) as torch.Tensor).tolist()).toEqual([{ re: 1, im: -2 }]);
  });

  it('round trips a bare storage', () => {
    const base = torch.arange(4);
    const [tensor, storage] = roundTrip([base, new Storage(torch.asView(base, 'uint8', [32], [1]), 'int64', 4)]) as [
      torch.Tensor,
      Storage,
    ];
    expect(storage.tensor().tolist()).toEqual([0, 1, 2, 3]);
    tensor.setAt([0], 9);
    expect(storage.tensor().tolist()).toEqual([9, 1, 2, 3]);
  });

  it('names the path of a tensor it cannot save', () => {
    const x = torch.zeros([2], { dtype: 'complex64' });
    expect(() => serialize({ a: [x, torch.viewAsReal(x)] })).toThrow(
      /value\.a\[1\] shares its memory with a tensor of complex64/,
    );
    expect(() => serialize({ model: { weight: torch.eye(2).toSparseCsc() } })).toThrow(
      /value\.model\.weight is a tensor of the layout .*Save its toDense/,
    );
  });
});

describe('save and load', () => {
  const value = { step: 3, weight: torch.randn([300, 700]), parameter: new Parameter(torch.randn([2])) };

  it('give the same through a file, waiting or not', async () => {
    const path = join(scratch, 'a.pt');
    await save(value, path);
    expectSame(await load(path), value);
    expectSame(loadSync(path), value);
    saveSync(value, path);
    expectSame(await load(path), value);
  });

  it('load only what they are asked to be: other files get a code each', async () => {
    const write = (name: string, bytes: Uint8Array | string) => {
      writeFileSync(join(scratch, name), bytes);
      return join(scratch, name);
    };
    await expect(load(join(scratch, 'absent.pt'))).rejects.toMatchObject({ code: 'READ_FAILED' });
    await expect(load(scratch)).rejects.toMatchObject({ code: 'READ_FAILED' });
    await expect(load(write('empty', ''))).rejects.toMatchObject({ code: 'FILE_UNRECOGNIZED' });
    await expect(load(write('text', 'hello, world'))).rejects.toMatchObject({ code: 'FILE_UNRECOGNIZED' });
    await expect(
      load(write('tar', Buffer.concat([Buffer.alloc(257), Buffer.from('ustar'), Buffer.alloc(300)]))),
    ).rejects.toMatchObject({ code: 'FILE_UNSUPPORTED' });
    const records = ['m/data.pkl', 'm/constants.pkl'].map((name) => ({
      name,
      size: 1,
      chunks: () => [Uint8Array.of(1)],
    }));
    await expect(load(write('script', Buffer.concat([...zipChunks(records)])))).rejects.toMatchObject({
      code: 'FILE_UNSUPPORTED',
    });
    await expect(load(write('zip', Buffer.concat([...zipChunks([])])))).rejects.toMatchObject({
      code: 'FILE_UNRECOGNIZED',
    });
  });

  it('move tensors where mapLocation says, and explain a device that is not there', () => {
    const bytes = bytesOf({ x: torch.ones([2]) });
    const at = Buffer.from(bytes).indexOf('X\x03\x00\x00\x00cpu', 0, 'latin1');
    bytes.set(Buffer.from('xla'), at + 5);
    const options = { verifyChecksums: false };
    expect(codeOf(() => deserialize(bytes, options))).toBe('DEVICE_UNAVAILABLE');
    expect(() => deserialize(bytes, options)).toThrow(/device xla.*cpu.*mapLocation: 'cpu'/);
    const mapped = [
      deserialize(bytes, { ...options, mapLocation: 'cpu' }),
      deserialize(bytes, { ...options, mapLocation: { xla: 'cpu' } }),
      deserialize(bytes, { ...options, mapLocation: (name) => (name === 'xla' ? 'cpu' : name) }),
    ];
    for (const value of mapped) expect((value as Tensors).x?.tolist()).toEqual([1, 1]);
    expect(codeOf(() => deserialize(bytes, { ...options, mapLocation: { cpu: 'cpu' } }))).toBe('DEVICE_UNAVAILABLE');
  });

  it('read numbers written with the most significant byte first', () => {
    const source = new ZipReader(
      new BufferSource(bytesOf([torch.tensor([1.5, -2]), torch.tensor([7], { dtype: 'int16' })])),
    );
    const records = [...source.entries.keys()].map((name) => {
      const bytes = Buffer.from(source.read(name));
      if (name.endsWith('data/0')) bytes.swap32();
      if (name.endsWith('data/1')) bytes.swap16();
      return { name, size: bytes.length, chunks: () => [bytes] };
    });
    records.push({ name: 'archive/byteorder', size: 3, chunks: () => [Buffer.from('big')] });
    const [floats, ints] = deserialize(Buffer.concat([...zipChunks(records)])) as torch.Tensor[];
    expect([floats?.tolist(), ints?.tolist()]).toEqual([[1.5, -2], [7]]);
  });

  it('read packed files as well', () => {
    expectSame(deserialize(fixture('deflated.pt')), deserialize(fixture('golden.pt')));
  });

  it('notice a flipped bit in a tensor, unless told not to look', () => {
    const bytes = bytesOf([torch.ones([100])]);
    const reader = new ZipReader(new BufferSource(bytes));
    (bytes[reader.locate(reader.entry('archive/data/0')) + 200] as number) ^= 1;
    expect(codeOf(() => deserialize(bytes))).toBe('ZIP_CORRUPT');
    expect(codeOf(() => deserialize(bytes, { verifyChecksums: false }))).toBe('no error');
  });

  it.each(['tensors.pt', 'tensors-legacy.pt', 'training.ckpt', 'golden.pt', 'deflated.pt'])(
    'give nothing but a value or a SerializeError when bytes of %s are lost or flipped',
    (name) => {
      const whole = fixture(name);
      const change = fc.record({ at: fc.nat(whole.length - 1), to: fc.nat(255) });
      fc.assert(
        fc.property(
          fc.array(change, { maxLength: 4 }),
          fc.nat(whole.length),
          fc.boolean(),
          fc.boolean(),
          (changes, cut, cuts, verifyChecksums) => {
            const damaged = whole.slice(0, cuts ? cut : whole.length);
            for (const { at, to } of changes) if (at < damaged.length) damaged[at] = to;
            expect(codeOf(() => deserialize(damaged, { mapLocation: 'cpu', verifyChecksums }))).toMatch(
              /^(PICKLE_CORRUPT|ZIP_CORRUPT|TENSOR_CORRUPT|RECORD_MISSING|FILE_UNRECOGNIZED|FILE_UNSUPPORTED|no error)$/,
            );
          },
        ),
        { numRuns: 400 },
      );
    },
  );
});

const python = (() => {
  try {
    execFileSync('/usr/bin/python3', ['-c', 'import torch'], { stdio: 'ignore' });
    return '/usr/bin/python3';
  } catch {
    return null;
  }
})();

// Without a Python that has torch this cannot run; the comparison with golden.pt above stands in for it.
describe.skipIf(python === null)('Python reads what we write', () => {
  it('with the same types, elements, views and parameters', () => {
    const base = torch.arange(12).to('float32').reshape([3, 4]);
    const path = join(scratch, 'ours.pt');
    saveSync(
      {
        epoch: 3,
        large: 2n ** 70n,
        state_dict: new OrderedDict<string, torch.Tensor>([
          ['base', base],
          ['row', base.select(0, 1)],
        ]),
        parameter: new Parameter(torch.tensor([1.5])),
        half: torch.tensor([1, 2], { dtype: 'bfloat16' }),
        flags: torch.tensor([true, false]),
        state: new Map([[0, Tuple.of<unknown>(1, 'x')]]),
        bytes: Uint8Array.of(0, 200),
        set: new Set([1, 2]),
        namespace: Object.assign(new Namespace(), { lr: 0.5 }),
      },
      path,
    );
    const script = `
import sys, torch, collections
x = torch.load(sys.argv[1])
assert x["epoch"] == 3 and type(x["epoch"]) is int and x["large"] == 2**70
assert type(x["state_dict"]) is collections.OrderedDict
base, row = x["state_dict"].values()
assert torch.equal(base, torch.arange(12.).reshape(3, 4)) and torch.equal(row, base[1])
base[1, 0] = 50
assert row[0] == 50
assert type(x["parameter"]) is torch.nn.Parameter and x["parameter"].requires_grad and x["parameter"].item() == 1.5
assert x["half"].dtype is torch.bfloat16 and x["half"].tolist() == [1, 2]
assert x["flags"].tolist() == [True, False]
assert x["state"] == {0: (1, "x")} and x["bytes"] == bytes([0, 200]) and x["set"] == {1, 2}
assert x["namespace"].lr == 0.5
again = torch.load(sys.argv[2], map_location="cpu")
assert list(again)[:2] == ["epoch", "global_step"] and again["optimizer_states"][0]["state"][0]["step"].item() == 3
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
model.load_state_dict(again["state_dict"])
optimizer = torch.optim.Adam(model.parameters())
optimizer.load_state_dict(again["optimizer_states"][0])
assert again["callbacks"]["EarlyStopping{'monitor': 'val_loss', 'mode': 'min'}"]["started"].total_seconds() == 5
print("ok")
`;
    const rewritten = join(scratch, 'rewritten.ckpt');
    saveSync(loadSync(fixturePath('training.ckpt')), rewritten);
    expect(execFileSync(python as string, ['-c', script, path, rewritten], { encoding: 'utf8' }).trim()).toBe('ok');
  });
});
