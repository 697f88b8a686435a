import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { Passage, tensorsUnderWay } from '../../handover.js';
import * as torch from '../../index.js';
import { arange, Generator, ones, Tensor, TorchError, tensor, zeros } from '../../index.js';
import { ConcatDataset, IterableDataset, perWorker, RandomSampler, Subset, TensorDataset } from '../index.js';
import { Packer } from './pack.js';
import { membersIn, namesIn } from './packed.js';
import { type Unpacked, unpack } from './unpack.js';

const passage = Passage.open();
afterAll(() => passage.close());

/** What a worker would get: through the bytes of a message, and made again from them. */
async function copy<T>(value: T): Promise<T> {
  const packed = Packer.pack({ value }, new Set()).for(passage);
  const byText = new Set<object>();
  let unpacked = await unpack(structuredClone(packed), passage);
  if (!('get' in unpacked)) {
    // Modules that only the test runner can load.
    const packing = Packer.pack({ value }, new Set());
    for (const node of unpacked.nodes) byText.add(packing.functions.get(node)!);
    unpacked = await unpack(structuredClone(Packer.pack({ value }, byText).for(passage)), passage);
  }
  return (unpacked as Unpacked).get('value') as T;
}

function refusal(value: unknown): string {
  try {
    Packer.pack({ dataset: value }).for(passage);
  } catch (error) {
    expect(error).toBeInstanceOf(TorchError);
    expect((error as TorchError).code).toBe('DATA_TRAVEL');
    return (error as TorchError).message;
  }
  throw new Error('nothing was refused');
}

const here = fileURLToPath(import.meta.url);
const scale = 3;
const helper = (x: number): number => x * scale;
const table = new Map([['a', { deep: [1, 2] }]]);
function even(n: number): boolean {
  return n === 0 || odd(n - 1);
}
function odd(n: number): boolean {
  return n !== 0 && even(n - 1);
}
class Shape {
  constructor(readonly sides: number) {}
  describe(): string {
    return `${this.sides} sides`;
  }
}
class Square extends Shape {
  static readonly count = scale + 1;
  readonly lookup = table;
  constructor() {
    super(Square.count);
  }
  override describe(): string {
    return `square of ${super.describe()}`;
  }
  get size(): number {
    return helper(this.sides);
  }
}

describe('values', () => {
  it('copies what a message can carry, and keeps what is shared shared', async () => {
    const shared = { n: 1 };
    const value = {
      a: [shared, shared],
      b: new Set([1]),
      c: new Date(5),
      d: /x/g,
      e: 12n,
      f: undefined,
      g: Number.NaN,
    };
    const got = await copy(value);
    expect(got).toEqual(value);
    expect(got.a[0]).toBe(got.a[1]);
    expect(got.a[0]).not.toBe(shared);
  });

  it('copies circles', async () => {
    const value: { self?: unknown; list: unknown[] } = { list: [] };
    value.self = value;
    value.list.push(value);
    const got = await copy(value);
    expect(got.self).toBe(got);
    expect(got.list[0]).toBe(got);
  });

  it('keeps buffers and parts of typed arrays, without the memory around them', async () => {
    const got = await copy({ bytes: Buffer.from('abc'), part: new Float32Array([1, 2, 3, 4]).subarray(1, 3) });
    expect(Buffer.isBuffer(got.bytes)).toBe(true);
    expect(got.bytes.toString()).toBe('abc');
    expect([...got.part]).toEqual([2, 3]);
    expect(got.part.buffer.byteLength).toBe(8);
  });

  it('keeps well-known and registered symbols, accessors, and objects of Node that can be made anew', async () => {
    const got = await copy({
      [Symbol.for('here')]: Symbol.iterator,
      get twice() {
        return scale * 2;
      },
      url: new URL('https://example.org/a'),
      decoder: new TextDecoder('utf-16le'),
    });
    expect(got[Symbol.for('here')]).toBe(Symbol.iterator);
    expect(got.twice).toBe(6);
    expect(got.url.pathname).toBe('/a');
    expect(got.decoder.encoding).toBe('utf-16le');
  });

  it('shares the memory of tensors, and nothing else of them', async () => {
    const x = zeros(3);
    const got = await copy({ x, again: x, weight: ones([2], { requiresGrad: true }) });
    expect(got.weight.requiresGrad).toBe(true);
    expect(got.x).toBeInstanceOf(Tensor);
    expect(got.again).toBe(got.x);
    expect(got.x.isSame(x)).toBe(false);
    got.x.fill_(7);
    expect(x.tolist()).toEqual([7, 7, 7]);
    expect(tensorsUnderWay()).toBe(0);
  });

  it('takes generators along where they stand', async () => {
    const generator = new Generator().manualSeed(3);
    torch.rand([2], { generator });
    const got = await copy({ generator, own: torch.defaultGenerator() });
    expect(torch.rand([2], { generator: got.generator }).tolist()).toEqual(torch.rand([2], { generator }).tolist());
    expect(got.own).toBe(torch.defaultGenerator());
  });
});

describe('functions and classes', () => {
  it('takes along the variables that a function uses, and those of the functions it calls', async () => {
    const got = await copy({ helper, even, map: (x: number) => [helper(x), table.get('a')!.deep] as const });
    expect(got.helper(2)).toBe(6);
    expect(got.map(1)).toEqual([3, [1, 2]]);
    expect([got.even(10), got.even(7)]).toEqual([true, false]);
  });

  it('gives each closure its own variables', async () => {
    const adder = (n: number) => (x: number) => x + n;
    const got = await copy([adder(1), adder(10)]);
    expect(got.map((add) => add(5))).toEqual([6, 15]);
  });

  it('makes classes again with their bases, statics, accessors and instances', async () => {
    const square = new Square();
    const got = await copy({ square, Square, Shape });
    expect(got.square.describe()).toBe('square of 4 sides');
    expect(got.square.size).toBe(12);
    expect(got.square).toBeInstanceOf(got.Square);
    expect(got.square).toBeInstanceOf(got.Shape);
    expect(got.square.lookup.get('a')).toEqual({ deep: [1, 2] });
    expect(new got.Square().sides).toBe(4);
  });

  it('makes classes made by functions, with what they extend', async () => {
    const mixin = (Base: typeof Shape) =>
      class extends Base {
        red = true;
      };
    class Red extends mixin(Shape) {}
    const got = await copy(new Red(5));
    expect([got.describe(), got.red]).toEqual(['5 sides', true]);
  });

  it('keeps methods of plain objects, generators and async functions', async () => {
    const n = 3;
    const got = await copy({
      length: n,
      getItem(i: number) {
        return i * n;
      },
      *[Symbol.iterator]() {
        yield* [1, n];
      },
      async later(x: number) {
        return (await Promise.resolve(x)) + n;
      },
    });
    expect(got.getItem(4)).toBe(12);
    expect([...got]).toEqual([1, 3]);
    expect(await got.later(1)).toBe(4);
  });

  it('keeps arrow functions that are fields of a class, bound to the copy', async () => {
    class Counter {
      count = 1;
      readonly add = (n: number) => {
        this.count += n;
        return this.count;
      };
    }
    const counter = new Counter();
    const got = await copy(counter);
    expect(got.add(2)).toBe(3);
    expect(counter.count).toBe(1);
  });

  it('uses what libraries export as it is there, Node itself included', async () => {
    const got = await copy({
      read: readFileSync,
      abs: Math.abs,
      rand: torch.rand,
      use: () => [torch.arange(2).tolist(), readFileSync(here).length > 0, JSON.stringify([1])],
    });
    expect(got.read).toBe(readFileSync);
    expect(got.abs).toBe(Math.abs);
    expect(got.rand).toBe(torch.rand);
    expect(got.use()).toEqual([[0, 1], true, '[1]']);
  });

  it('says why a variable is not there when it is used, and only then', async () => {
    const socket = new Socket();
    const ask = (really: boolean) => (really ? socket.remotePort : scale);
    const got = await copy(ask);
    expect(got(false)).toBe(3);
    expect(() => got(true)).toThrow(/the variable socket could not be copied to the worker.*a Socket of Node\.js/);
    socket.destroy();
  });

  it('reads the names in a text, not its properties', () => {
    expect([...namesIn('(a) => a.b + c?.d + [...e] + { f: g } + this.#h + i')]).toEqual(
      expect.arrayContaining(['a', 'c', 'e', 'g', 'i']),
    );
    expect([...namesIn('x.b?.c')]).toEqual(['x']);
    expect(membersIn("torch.rand(torch?.ones, torch['zeros'], mytorch.no)", 'torch')).toEqual([
      'rand',
      'ones',
      'zeros',
    ]);
  });
});

describe('datasets', () => {
  it('makes copies of the datasets of this package', async () => {
    const data = new TensorDataset(arange(6), arange(12).view([6, 2]));
    const both = new ConcatDataset([new Subset(data, [5, 1]), data]);
    both.getBatch!([0, 3]); // leaves a scratch behind, which must not go along
    const got = await copy(both);
    expect(got).toBeInstanceOf(ConcatDataset);
    const [x, y] = got.getBatch!([0, 2, 1]) as [Tensor, Tensor];
    expect([x.tolist(), y.tolist()]).toEqual([
      [5, 0, 1],
      [
        [10, 11],
        [0, 1],
        [2, 3],
      ],
    ]);
  });

  it('makes copies of iterable datasets of the user', async () => {
    class Lines extends IterableDataset<string> {
      constructor(private readonly text: string) {
        super();
      }
      *[Symbol.iterator]() {
        yield* this.text.split('\n');
      }
    }
    const got = await copy(new Lines('a\nb'));
    expect(got).toBeInstanceOf(IterableDataset);
    expect([...got]).toEqual(['a', 'b']);
  });

  it('lets a dataset choose what its copy gets', async () => {
    class Cached {
      cache: Map<number, string> | null = new Map([[1, 'x']]);
      handle: Socket | null = new Socket();
      workerFields() {
        return { ...this, cache: null, handle: null };
      }
      getItem() {
        return [this.cache, this.handle];
      }
    }
    const got = await copy(new Cached());
    expect(got.getItem()).toEqual([null, null]);
  });

  it('has perWorker build them there', async () => {
    class Private {
      #secret: number;
      readonly length = 1;
      constructor(secret: number) {
        this.#secret = secret;
      }
      getItem(i: number) {
        return this.#secret + i;
      }
    }
    expect(refusal(new Private(4))).toMatch(
      /its class Private keeps state in #private fields.*perWorker\(\(\) => new Private/,
    );
    const secret = 4;
    const dataset = perWorker(() => new Private(secret));
    const later = await perWorker(async () => new Subset(dataset, [0]));
    const got = await copy({ dataset, later });
    expect(got.dataset.getItem(1)).toBe(5);
    expect(got.later.getItem(0)).toBe(4);
    expect(got.dataset).not.toBe(dataset);
  });
});

describe('what cannot be copied', () => {
  it.each<[string, () => unknown, RegExp]>([
    [
      'a socket deep inside',
      () => ({ db: { pool: [new Socket()] } }),
      /^dataset\.db\.pool\[0\] cannot be copied to a worker: a Socket of Node\.js belongs to the thread that made it\. Leave the field out with a method workerFields\(\).*perWorker/,
    ],
    ['an event emitter', () => ({ events: new EventEmitter() }), /^dataset\.events .*EventEmitter/],
    ['a promise', () => ({ rows: Promise.resolve(1) }), /^dataset\.rows .*await it first/],
    ['a WeakMap', () => ({ cache: new WeakMap() }), /^dataset\.cache .*WeakMap/],
    ['a bound function', () => ({ transform: helper.bind(null) }), /^dataset\.transform .*bound or native/],
    ['a symbol', () => ({ kind: Symbol('mine') }), /^dataset\.kind .*Symbol\.for\(name\)/],
    ['a running generator', () => ({ rows: (function* rows() {})() }), /^dataset\.rows .*running generator/],
    ['a tensor with a graph', () => ({ x: ones(2).requiresGrad_().mul(2) }), /^dataset\.x .*detach\(\)/],
    [
      'a disposed tensor',
      () => {
        const x = tensor([1]);
        x.dispose();
        return { x };
      },
      /^dataset\.x .*disposed/,
    ],
    ['a sampler with a Map of sockets', () => ({ open: new Map([['a', new Socket()]]) }), /^dataset\.open\.get\('a'\)/],
    [
      'an arrow function with the this of a stranger',
      function strange(this: unknown) {
        return { f: () => this };
      }.bind({}),
      /^dataset\.f .*uses `this` of the code around it/,
    ],
    [
      'a class written as a function',
      () => Object.create(function Old() {}.prototype),
      /Old is written as a function|is that of no class/,
    ],
  ])('names the field of %s', (_, make, expected) => {
    expect(refusal(make())).toMatch(expected);
  });

  it('leaves no tensor under way', () => {
    refusal({ x: ones(3), socket: new Socket() });
    expect(tensorsUnderWay()).toBe(0);
  });

  it('reports a function whose text cannot stand alone', async () => {
    const key = 'size';
    class Odd {
      [key]() {
        return 1;
      }
    }
    await expect(copy(new Odd())).rejects.toThrow(
      /could not be made again in the worker: key is not defined.*perWorker/s,
    );
  });

  it('copies samplers too: they are ordinary objects', async () => {
    const got = await copy(new RandomSampler({ length: 4 }, { generator: new Generator().manualSeed(1) }));
    expect([...got].sort()).toEqual([0, 1, 2, 3]);
  });
});
