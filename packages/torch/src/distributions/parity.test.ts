import { describe, expect, it } from 'vitest';
import {
  decodeTensor,
  decodeValue,
  type EncodedTensor,
  type EncodedValue,
  expectSameBits,
  readFixture,
} from '../../test/encodedTensor.js';
import * as torch from '../index.js';
import * as distributions from './index.js';

// Numbers that Python's torch 1.13 gave on the same engine. The same kernels run, so they are equal bit for bit; what is
// summed or derived by another route is compared to within `closeTo`.

interface Built {
  class: string;
  args: EncodedValue[];
  options: Record<string, EncodedValue>;
}
type Encoded = { $tensor: EncodedTensor };
interface Case extends Built {
  at: Encoded;
  batchShape: number[];
  eventShape: number[];
  mean: Encoded | null;
  mode: Encoded | null;
  variance: Encoded | null;
  stddev: Encoded | null;
  sample: Encoded;
  single: Encoded;
  expanded: Encoded;
  rsample?: Encoded;
  rsampleGradients?: (Encoded | null)[];
  logProb: Encoded;
  logProbGradients: (Encoded | null)[] | null;
  cdf: Encoded | null;
  icdf: Encoded | null;
  entropy: Encoded | null;
  entropyGradients?: (Encoded | null)[] | null;
  support: Encoded | null;
}
type Factory = (args: unknown[], options: object) => distributions.Distribution;
const make = (name: string): Factory => {
  const constructor = (
    distributions as unknown as Record<string, new (...args: unknown[]) => distributions.Distribution>
  )[name];
  if (constructor === undefined) throw new Error(`there is no ${name}`);
  return (args, options) => new constructor(...args, options);
};

/** The distribution over leaves of its own, as the fixture's script builds it. */
function build({ class: name, args, options }: Built): { dist: distributions.Distribution; leaves: torch.Tensor[] } {
  const leaves: torch.Tensor[] = [];
  const leaf = (encoded: EncodedValue): unknown => {
    const value = decodeValue(encoded);
    if (!(value instanceof torch.Tensor) || !value.isFloatingPoint()) return value;
    leaves.push(value.requiresGrad_());
    return value;
  };
  const decoded = args.map(leaf);
  const keywords = Object.fromEntries(Object.entries(options).map(([key, value]) => [key, leaf(value)]));
  return { dist: make(name)(decoded, keywords), leaves };
}

function gradients(result: torch.Tensor, leaves: torch.Tensor[]): (torch.Tensor | null)[] {
  const weights = torch.linspace(0.5, 1.5, result.numel()).reshape(result.shape).to(result.dtype);
  return torch.grad(result.mul(weights).sum(), leaves, { allowUnused: true });
}

function expectClose(actual: torch.Tensor | null, expected: Encoded | null, rtol = 2e-6, atol = 1e-7): void {
  if (expected === null) {
    expect(actual).toBeNull();
    return;
  }
  const wanted = decodeTensor(expected.$tensor);
  expect(actual?.shape).toEqual(wanted.shape);
  const isClose = (actual as torch.Tensor).isclose(wanted, { rtol, atol, equalNan: true });
  if (!isClose.all().item()) expect(actual?.tolist()).toEqual(wanted.tolist());
}
const expectBits = (actual: torch.Tensor, expected: Encoded | null) =>
  expectSameBits(actual, (expected as Encoded).$tensor);
function expectGradients(
  result: torch.Tensor,
  leaves: torch.Tensor[],
  expected: (Encoded | null)[] | null | undefined,
): void {
  if (!expected) return;
  // Sums of several paths, which may be added in another order.
  for (const [i, gradient] of gradients(result, leaves).entries())
    expectClose(gradient, expected[i] ?? null, 1e-5, 1e-6);
}
const expectLacking = (action: () => unknown) =>
  expect(action).toThrow(expect.objectContaining({ code: 'DISTRIBUTION_UNSUPPORTED' }));

const { cases, transforms } = readFixture<{
  cases: Case[];
  transforms: Record<
    string,
    Pick<Case, 'sample' | 'at' | 'logProb' | 'cdf' | 'mean' | 'variance' | 'batchShape' | 'eventShape'>
  >;
}>('distributions/distributions.json');

describe.each(cases.map((each, i) => [`${each.class} (${i})`, each] as const))('%s', (_, fixture) => {
  it('has the shapes, mean, mode and spread that Python says', () => {
    const { dist } = build(fixture);
    expect([dist.batchShape, dist.eventShape]).toEqual([fixture.batchShape, fixture.eventShape]);
    for (const name of ['mean', 'mode', 'variance', 'stddev'] as const) {
      if (fixture[name] === null) expectLacking(() => dist[name]);
      else expectClose(dist[name].detach(), fixture[name]);
    }
  });

  it('draws the same numbers from a seed, also over a larger batch and with gradients', () => {
    const { dist, leaves } = build(fixture);
    torch.manualSeed(42);
    expectBits(dist.sample([3]), fixture.sample);
    expectBits(dist.sample(), fixture.single);
    const expanded = dist.expand([2, ...dist.batchShape]);
    expect(expanded.batchShape).toEqual([2, ...fixture.batchShape]);
    expectBits(expanded.sample(), fixture.expanded);
    expect(dist.hasRsample).toBe(fixture.rsample !== undefined);
    if (fixture.rsample === undefined) {
      expectLacking(() => dist.rsample());
      return;
    }
    torch.manualSeed(43);
    const drawn = dist.rsample([2]);
    expectBits(drawn, fixture.rsample);
    expectGradients(drawn, leaves, fixture.rsampleGradients);
  });

  it('gives the same densities and entropy, and their gradients', () => {
    const { dist, leaves } = build(fixture);
    const at = decodeTensor(fixture.at.$tensor);
    const point = at.isFloatingPoint() ? at.clone().requiresGrad_() : at;
    const density = dist.logProb(point);
    expectBits(density, fixture.logProb);
    expectGradients(density, point.requiresGrad ? [...leaves, point] : leaves, fixture.logProbGradients);
    const probability = torch.full([...dist.batchShape], 0.3, { dtype: at.isFloatingPoint() ? at.dtype : 'float32' });
    if (fixture.cdf === null) expectLacking(() => dist.cdf(at));
    else expectBits(dist.cdf(at), fixture.cdf);
    if (fixture.icdf === null) expectLacking(() => dist.icdf(probability));
    else expectBits(dist.icdf(probability), fixture.icdf);
    // Probabilities and logits are computed once, so their graph has been used up by now.
    const fresh = build(fixture);
    if (fixture.entropy === null) {
      expectLacking(() => fresh.dist.entropy());
      return;
    }
    const entropy = fresh.dist.entropy();
    expectClose(entropy.detach(), fixture.entropy);
    expectGradients(entropy, fresh.leaves, fixture.entropyGradients);
  });

  it('lists its support where that is finite', () => {
    const { dist } = build(fixture);
    if (fixture.support === null) expectLacking(() => dist.enumerateSupport());
    else expectBits(dist.enumerateSupport(), fixture.support);
    if (fixture.support !== null) expect(dist.hasEnumerateSupport).toBe(true);
  });
});

describe('klDivergence', () => {
  const { p, q, pairs } = readFixture<{
    p: Record<string, Omit<Built, 'class'>>;
    q: Record<string, Omit<Built, 'class'>>;
    pairs: { p: string; q: string; result: Encoded | null; gradients?: (Encoded | null)[] | null }[];
  }>('distributions/divergences.json');
  const named = (name: string, table: Record<string, Omit<Built, 'class'>>) =>
    build({ class: name, ...(table[name] as Omit<Built, 'class'>) });

  it.each(Object.keys(p))('from %s to every kind is what Python gives, or is refused as there', (from) => {
    for (const pair of pairs.filter((each) => each.p === from)) {
      const first = named(pair.p, p);
      const second = named(pair.q, pair.p === pair.q ? q : p);
      const action = () => distributions.klDivergence(first.dist, second.dist);
      if (pair.result === null) {
        expectLacking(action);
        continue;
      }
      const result = action();
      expectClose(result.detach(), pair.result);
      expectGradients(result, [...first.leaves, ...second.leaves], pair.gradients);
    }
  });

  it('covers at least the pairs of the kinds that everybody uses', () => {
    const known = new Set(pairs.filter(({ result }) => result !== null).map((pair) => `${pair.p} ${pair.q}`));
    for (const name of [
      'Normal',
      'Categorical',
      'Bernoulli',
      'Uniform',
      'Beta',
      'Gamma',
      'Exponential',
      'MultivariateNormal',
    ])
      expect(known).toContain(`${name} ${name}`);
    expect(known.size).toBeGreaterThan(60);
  });
});

describe('transformed distributions, independent batches and mixtures', () => {
  const { tensor, ones, zeros } = torch;
  const base = () => new distributions.Normal(zeros([2, 3]), ones([2, 3]).mul(0.5));
  const built: Record<string, () => distributions.Distribution> = {
    tanh: () =>
      new distributions.TransformedDistribution(base(), [
        new distributions.TanhTransform(),
        new distributions.AffineTransform(tensor([0.5, 1, -1]), tensor([2, -1, 0.5])),
      ]),
    sigmoid: () => new distributions.TransformedDistribution(base(), new distributions.SigmoidTransform()),
    softplus: () => new distributions.TransformedDistribution(base(), new distributions.SoftplusTransform()),
    power: () =>
      new distributions.TransformedDistribution(
        new distributions.Exponential(tensor([1, 2], { dtype: 'float32' })),
        new distributions.PowerTransform(tensor(0.5)),
      ),
    event: () =>
      new distributions.TransformedDistribution(
        base(),
        new distributions.IndependentTransform(new distributions.ExpTransform(), 1),
      ),
    affineEvent: () => new distributions.TransformedDistribution(base(), new distributions.AffineTransform(1, -2, 1)),
    independent: () => new distributions.Independent(base(), 1),
    mixture: () =>
      new distributions.MixtureSameFamily(
        new distributions.Categorical({ probs: tensor([0.2, 0.5, 0.3]).expand([2, 3]) }),
        new distributions.Normal(
          tensor(
            [
              [0, 2, 5],
              [1, 3, 6],
            ],
            { dtype: 'float32' },
          ),
          0.5,
        ),
      ),
    mixtureRows: () =>
      new distributions.MixtureSameFamily(
        new distributions.Categorical({ probs: tensor([0.4, 0.6]) }),
        new distributions.Independent(
          new distributions.Normal(
            tensor(
              [
                [0, 2],
                [5, 6],
              ],
              { dtype: 'float32' },
            ),
            1,
          ),
          1,
        ),
      ),
  };

  it.each(Object.keys(transforms))('(%s) draw and weigh as in Python', (name) => {
    const fixture = transforms[name]!;
    const dist = (built[name] as () => distributions.Distribution)();
    expect([dist.batchShape, dist.eventShape]).toEqual([fixture.batchShape, fixture.eventShape]);
    torch.manualSeed(7);
    expectBits(dist.sample([2]), fixture.sample);
    const at = decodeTensor(fixture.at.$tensor);
    expectClose(dist.logProb(at), fixture.logProb);
    if (fixture.cdf !== null) expectClose(dist.cdf(at), fixture.cdf);
    if (fixture.mean !== null) expectClose(dist.mean, fixture.mean);
    if (fixture.variance !== null) expectClose(dist.variance, fixture.variance);
  });
});
