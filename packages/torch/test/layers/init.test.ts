import { beforeAll, describe, expect, it } from 'vitest';
import * as torch from '../../src/index.js';
import { init } from '../../src/nn/index.js';
import { type EncodedTensor, expectSameBits, readFixture, torchErrorOf } from '../encodedTensor.js';

interface InitCase {
  name: string;
  shape: number[];
  args: unknown[];
  options: Record<string, unknown>;
  result: EncodedTensor;
}
const { cases } = readFixture<{ cases: InitCase[] }>('layers/init.json');
const camel = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
type Init = (tensor: torch.Tensor, ...args: unknown[]) => torch.Tensor;

describe('init', () => {
  beforeAll(() => torch.setNumThreads(1));

  it.each(cases)(
    '$name of $shape with $args $options draws the same numbers as Python',
    ({ name, shape, args, options, result }) => {
      torch.manualSeed(5);
      const fill = (init as unknown as Record<string, Init>)[camel(name)]!;
      const parameter = new torch.Parameter(torch.empty(shape));
      const filled = fill(parameter, ...args, ...(Object.keys(options).length > 0 ? [options] : []));
      expect(filled.isSame(parameter)).toBe(true);
      expect(parameter.gradFn).toBeNull();
      expectSameBits(parameter, result);
    },
  );

  it('draws from a generator of its own when given one', () => {
    const draw = (fill: Init) => fill(torch.empty([4, 4]), { generator: new torch.Generator().manualSeed(3) }).tolist();
    for (const fill of [init.truncNormal_, init.orthogonal_] as Init[]) expect(draw(fill)).toEqual(draw(fill));
  });

  it('refuses shapes that have no such filling', () => {
    for (const fill of [init.eye_, init.orthogonal_, init.dirac_])
      expect(torchErrorOf(() => fill(torch.empty([3]))).code).toBe('SHAPE_MISMATCH');
    expect(torchErrorOf(() => init.sparse_(torch.empty([3]), 0.5)).code).toBe('SHAPE_MISMATCH');
    expect(torchErrorOf(() => init.dirac_(torch.empty([3, 2, 2]), 2)).code).toBe('ARGUMENT_RANGE');
  });
});
