import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { inferenceMode, manualSeed, noGrad, randn, type Tensor } from '@lightning-ts/torch';
import { type Module, skipInit } from '@lightning-ts/torch/nn';
import { expect, test } from 'vitest';
import { getModel, listModels, type ModelName } from './index.js';

interface Values {
  shape: number[];
  first: number[];
  mean: number;
  std: number;
}
interface Recorded {
  parameters: number;
  keys: string;
  count: number;
  eval?: Values[];
  train?: Values[];
}

const fixture = new URL('../../test/fixtures/models/models.json', import.meta.url);
const recorded = JSON.parse(readFileSync(fixture, 'utf8')) as Record<ModelName, Recorded>;

/** Gives every constant tensor some variety, as make.py does: zeros hide what is done with them. */
function shake(model: Module): void {
  noGrad(() => {
    for (const tensor of [...model.parameters(), ...model.buffers()]) {
      if (!tensor.isFloatingPoint() || tensor.min().item() !== tensor.max().item()) continue;
      tensor.add_(randn(tensor.shape), { alpha: 0.02 });
    }
  });
}

type Classifier = Module & { forward(images: Tensor): Tensor | { out: Tensor; aux?: Tensor } };

function compare(output: ReturnType<Classifier['forward']>, expected: Values[]): void {
  const outputs = 'out' in output ? [output.out, output.aux!] : [output as Tensor];
  expect(outputs.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
  outputs.forEach((tensor, i) => {
    const { first, mean, std } = expected[i]!;
    // The same kernels in the same order; the sums of a convolution may be split among threads in another way.
    const tolerance = 2e-4 * std + 1e-6;
    const found = tensor.flatten().narrow(0, 0, first.length).tolist() as number[];
    for (const [j, value] of found.entries()) expect(Math.abs(value - first[j]!)).toBeLessThan(tolerance);
    expect(Math.abs(tensor.to('float64').mean().item() - mean)).toBeLessThan(tolerance);
    expect(Math.abs(tensor.to('float64').std().item() - std)).toBeLessThan(tolerance);
  });
}

test('every model has a recording, and every recording a model', () => {
  expect(listModels()).toEqual(Object.keys(recorded).sort());
});

for (const [name, expected] of Object.entries(recorded) as [ModelName, Recorded][]) {
  test(`${name} has torchvision's state keys, and its outputs for the same seed`, () => {
    manualSeed(0);
    const options = /^(fcn|deeplab)/.test(name) ? { auxLoss: true } : {};
    // The largest are not run, so they need no weights.
    const build = () => getModel(name, options) as Classifier;
    const model = expected.eval === undefined ? skipInit(build) : build();
    const lines = [...model.stateDict()].map(([key, { shape }]) => `${key} [${shape.join(', ')}]`);
    expect(lines.length).toBe(expected.count);
    expect(createHash('sha256').update(lines.join('\n')).digest('hex')).toBe(expected.keys);
    expect(model.parameters().reduce((sum, parameter) => sum + parameter.numel(), 0)).toBe(expected.parameters);
    if (expected.eval === undefined) return;

    shake(model);
    manualSeed(1);
    const side = name.startsWith('vit') ? 224 : 64;
    const images = randn([2, 3, side, side]);
    inferenceMode(() => {
      compare(model.eval().forward(images), expected.eval!);
      manualSeed(2);
      compare(model.train().forward(images), expected.train!);
    });
    for (const tensor of [...model.parameters(), ...model.buffers()]) tensor.dispose();
  });
}
