import { describe, expect, it } from 'vitest';
import { type EncodedTensor, expectSameBits, readFixture, torchErrorOf } from '../../test/encodedTensor.js';
import * as torch from '../index.js';
import { init, Linear, skipInit } from './index.js';

const { initialisers, gains } = readFixture<{
  initialisers: { name: string; shape: number[]; options: Record<string, unknown>; result: EncodedTensor }[];
  gains: Record<string, number>;
}>('nn/modules.json');

const camel = (name: string) => name.replace(/_([a-z])/g, (_, c: string) => c.toUpperCase());

describe('initialisers by seed equal Python bit for bit', () => {
  for (const { name, shape, options, result } of initialisers)
    it(`${name}([${shape.join(', ')}], ${JSON.stringify(options)})`, () => {
      torch.manualSeed(0);
      const weight = torch.empty(shape, { requiresGrad: true });
      const fill = init[camel(name) as 'kaimingUniform_'];
      expect(Object.keys(options).length > 0 ? fill(weight, options) : fill(weight)).toBe(weight);
      expectSameBits(weight.detach(), result);
      expect([weight.isLeaf, weight.requiresGrad]).toEqual([true, true]);
    });

  it('gains', () => {
    for (const [name, gain] of Object.entries(gains)) {
      const [nonlinearity, param] = name.split(' ');
      expect(init.calculateGain(nonlinearity as 'relu', param === undefined ? undefined : Number(param))).toBe(gain);
    }
  });
});

describe('initialisers', () => {
  it('fill with constants', () => {
    const weight = torch.empty([2], { requiresGrad: true });
    expect(init.constant_(weight, 3).tolist()).toEqual([3, 3]);
    expect(init.zeros_(weight).tolist()).toEqual([0, 0]);
    expect(init.ones_(weight).tolist()).toEqual([1, 1]);
  });

  it('draw from the generator they are given', () => {
    const draw = () => init.kaimingNormal_(torch.empty(3, 3), { generator: new torch.Generator().manualSeed(1) });
    expect(draw().equal(draw())).toBe(true);
    torch.manualSeed(3);
    const expected = torch.rand(1).item();
    torch.manualSeed(3);
    init.xavierUniform_(torch.empty(3, 3), { generator: new torch.Generator() });
    init.uniform_(torch.empty(3), 0, 1, { generator: new torch.Generator() });
    expect(torch.rand(1).item()).toBe(expected);
  });

  it('name what they cannot do', () => {
    expect(torchErrorOf(() => init.kaimingUniform_(torch.empty(3))).code).toBe('SHAPE_MISMATCH');
    expect(torchErrorOf(() => init.xavierNormal_(torch.empty([]))).code).toBe('SHAPE_MISMATCH');
    expect(torchErrorOf(() => init.calculateGain('swish' as 'relu')).message).toContain("'swish'");
  });
});

it('a module built inside skipInit draws no random numbers, and skipping ends with the block', () => {
  torch.manualSeed(3);
  const first = new Linear(4, 4);
  torch.manualSeed(3);
  skipInit(() => new Linear(64, 64));
  expect(() =>
    skipInit(() => {
      throw new Error('stop');
    }),
  ).toThrow('stop');
  expect(new Linear(4, 4).weight.equal(first.weight)).toBe(true);
});
