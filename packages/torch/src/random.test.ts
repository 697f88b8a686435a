import { describe, expect, it } from 'vitest';
import { decodeTensor, type EncodedTensor, expectSameBits, readFixture, torchErrorOf } from '../test/encodedTensor.js';
import type { Tensor } from './index.js';
import * as torch from './index.js';

const { seeds, generator, state, after } = readFixture<{
  seeds: Record<string, Record<string, EncodedTensor>>;
  generator: Record<string, EncodedTensor>;
  state: EncodedTensor;
  after: EncodedTensor;
}>('creation/random.json');

const draws: Record<string, () => Tensor> = {
  randn: () => torch.randn(5),
  randn16: () => torch.randn(4, 9),
  'randn float64': () => torch.randn([3], { dtype: 'float64' }),
  rand: () => torch.rand(2, 3),
  'rand float64': () => torch.rand([3], { dtype: 'float64' }),
  randint: () => torch.randint(10, [6]),
  'randint low': () => torch.randint(-5, 5, [2, 3]),
  'randint wide': () => torch.randint(0, 2 ** 40, [3]),
  'randint int32': () => torch.randint(3, 9, [4], { dtype: 'int32' }),
  randperm: () => torch.randperm(10),
  dropout: () => torch.dropout(torch.ones(20), 0.25, true),
  bernoulli: () => torch.bernoulli(torch.full([10], 0.3)),
  bernoulli_: () => torch.empty(10).bernoulli_(0.7),
  normal_: () => torch.empty(20).normal_(2, 0.5),
  uniform_: () => torch.empty(5).uniform_(-2, 3),
  exponential_: () => torch.empty(5).exponential_(1.5),
  cauchy_: () => torch.empty(5).cauchy_(),
  log_normal_: () => torch.empty(5).logNormal_(),
  geometric_: () => torch.empty(5).geometric_(0.3),
  random_: () => torch.empty([5], { dtype: 'int64' }).random_(100),
  multinomial: () => torch.multinomial(torch.tensor([0.1, 0.2, 0.7]), 8, true),
  poisson: () => torch.poisson(torch.full([6], 3, { dtype: 'float32' })),
  normal: () => torch.normal(torch.zeros(3), torch.ones(3)),
};

describe('random numbers by seed equal Python', () => {
  for (const [seed, expected] of Object.entries(seeds))
    for (const [name, encoded] of Object.entries(expected))
      it(`${name} with seed ${seed}`, () => {
        torch.manualSeed(BigInt(seed));
        const drawn =
          name === 'all in turn'
            ? torch.cat(Object.values(draws).map((draw) => draw().double().flatten()))
            : draws[name]!();
        expectSameBits(drawn, encoded);
      });

  it('also from a generator of their own, which leaves the default one alone', () => {
    torch.manualSeed(1);
    const expected = torch.randn(3);
    torch.manualSeed(1);
    const own = new torch.Generator().manualSeed(9);
    expectSameBits(torch.randn([3], { generator: own }), generator.randn!);
    expectSameBits(torch.randperm(6, { generator: own }), generator.randperm!);
    expectSameBits(torch.empty(3).normal_(0, 2, { generator: own }), generator.normal_!);
    expectSameBits(torch.bernoulli(torch.full([5], 0.5), { generator: own }), generator.bernoulli!);
    expect(torch.randn(3).equal(expected)).toBe(true);
  });

  it('continue from a state that Python saved', () => {
    torch.setRngState(decodeTensor(state));
    expectSameBits(torch.randn(4), after);
    torch.manualSeed(42);
    torch.randn(3);
    expectSameBits(torch.getRngState(), state);
  });
});

describe('generators', () => {
  it('go back to a saved state, in the middle of a pair of normal numbers too', () => {
    const own = new torch.Generator().manualSeed(3);
    torch.randn([5], { generator: own });
    const saved = own.getState();
    const first = torch.randn([7], { generator: own });
    torch.rand([3], { generator: own });
    own.setState(saved);
    expect(torch.randn([7], { generator: own }).equal(first)).toBe(true);
  });

  it('remember their seed', () => {
    expect(new torch.Generator().manualSeed(77).initialSeed()).toBe(77n);
    expect(torch.manualSeed(5).initialSeed()).toBe(5n);
    expect(torch.initialSeed()).toBe(5n);
    expect(torch.seed()).toBe(torch.initialSeed());
  });

  it('refuse what is no seed, no state or no device', () => {
    expect(torchErrorOf(() => torch.manualSeed(1.5)).code).toBe('ARGUMENT_TYPE');
    expect(torchErrorOf(() => torch.setRngState(torch.zeros(3))).message).toContain('ByteTensor');
    expect(torchErrorOf(() => torch.setRngState(torch.zeros([3], { dtype: 'uint8' }))).message).toMatch(/size/i);
    expect(torchErrorOf(() => new torch.Generator('cuda:99')).code).toBe('DEVICE_UNAVAILABLE');
    expect(torchErrorOf(() => torch.randn([2], { generator: {} as torch.Generator })).code).toBe('ARGUMENT_TYPE');
  });
});

describe('forkRng', () => {
  const next = () => torch.rand([1]).item();
  it('puts the generator back after the block, after a throw and after a promise', async () => {
    torch.manualSeed(8);
    const expected = next();
    torch.manualSeed(8);
    const inside = torch.forkRng(() => {
      torch.manualSeed(99);
      return next();
    });
    expect(inside).not.toBe(expected);
    expect(next()).toBe(expected);

    torch.manualSeed(8);
    expect(() =>
      torch.forkRng(() => {
        next();
        throw new Error('stop');
      }),
    ).toThrow('stop');
    expect(next()).toBe(expected);

    torch.manualSeed(8);
    await torch.forkRng(async () => {
      next();
      await Promise.resolve();
      next();
    });
    expect(next()).toBe(expected);
    torch.manualSeed(8);
    await expect(torch.forkRng(() => Promise.reject(new Error('later')))).rejects.toThrow('later');
    expect(next()).toBe(expected);
  });

  it.each(torch.devices())(
    'puts back the generator of %s when it is told to, and states are kept by device',
    (device) => {
      const draw = () => torch.rand([1], { device }).item();
      torch.manualSeed(8);
      const state = torch.getRngState(device);
      const expected = draw();
      torch.setRngState(state, device);
      torch.forkRng(draw, { devices: [device] });
      expect(draw()).toBe(expected);
    },
  );

  it('names a device that is not there', () => {
    expect(torchErrorOf(() => torch.getRngState('cuda:99')).code).toBe('DEVICE_UNAVAILABLE');
    expect(torchErrorOf(() => torch.forkRng(() => 1, { devices: ['cuda:99'] })).code).toBe('DEVICE_UNAVAILABLE');
  });
});
