import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { decodeTensor, type EncodedTensor, readFixture } from '../test/encodedTensor.js';
import * as torch from './index.js';
import { linear } from './nn/functional/index.js';

const { cases, options, graph } = readFixture<{
  cases: { tensor: EncodedTensor; text: string }[];
  options: { options: Record<string, number>; tensor: EncodedTensor; text: string }[];
  graph: Record<string, string>;
}>('formatting/formatting.json');

describe('toString equals Python', () => {
  const seen = new Set<string>();
  cases.forEach(({ tensor, text }, i) => {
    const title = text.replace(/\s+/g, ' ').slice(0, 70);
    it(seen.has(title) ? `${title} #${i}` : title, () => {
      expect(String(decodeTensor(tensor))).toBe(text);
    });
    seen.add(title);
  });

  describe('with print options', () => {
    afterEach(() => torch.setPrintOptions({ precision: 4, threshold: 1000, edgeItems: 3, lineWidth: 80 }));
    for (const { options: given, tensor, text } of options)
      it(`${JSON.stringify(given)}: ${text.replace(/\s+/g, ' ').slice(0, 40)}`, () => {
        const { edgeitems, linewidth, ...rest } = given;
        torch.setPrintOptions({
          ...rest,
          ...(edgeitems === undefined ? {} : { edgeItems: edgeitems }),
          ...(linewidth === undefined ? {} : { lineWidth: linewidth }),
        });
        expect(String(decodeTensor(tensor))).toBe(text);
      });
  });

  it('with what autograd knows', () => {
    const x = torch.tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { dtype: 'float32', requiresGrad: true },
    );
    const text: Record<string, torch.Tensor> = {
      leaf: x,
      add: x.add(x),
      mm: x.matmul(x),
      sum: x.sum(),
      copySlices: x.mul(x).setAt([0], 5),
      detach: x.mul(x).detach(),
      linear: linear(x, x, x.at(0)),
      long: torch.arange(12, { dtype: 'float32' }).view([2, 6]).requiresGrad_().softmax(1),
      double: torch.ones([2], { dtype: 'float64', requiresGrad: true }).exp(),
      empty: torch.zeros([0, 2], { requiresGrad: true }),
      wide: torch.arange(0.5, 8).requiresGrad_().exp(),
    };
    for (const [name, tensor] of Object.entries(text)) expect(String(tensor)).toBe(graph[name]);
  });
});

describe('printing', () => {
  it('is what console.log shows', () => {
    expect(inspect(torch.tensor([1, 2]))).toBe('tensor([1, 2])');
    expect(`${torch.tensor(0.5)}`).toBe('tensor(0.5000)');
  });

  it('leaves no tensors behind and records nothing', () => {
    const x = torch.randn([2000], { requiresGrad: true });
    torch.memory.collect();
    const before = torch.memory.stats().liveTensors;
    String(x);
    torch.memory.collect();
    expect(torch.memory.stats().liveTensors).toBe(before);
  });
});
