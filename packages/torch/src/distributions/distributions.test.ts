import { afterEach, describe, expect, it } from 'vitest';
import { torchErrorOf } from '../../test/encodedTensor.js';
import * as torch from '../index.js';
import {
  Bernoulli,
  Beta,
  Binomial,
  Categorical,
  constraints,
  Dirichlet,
  Distribution,
  Exponential,
  Gamma,
  Geometric,
  Gumbel,
  Independent,
  klDivergence,
  LogNormal,
  MixtureSameFamily,
  Multinomial,
  MultivariateNormal,
  Normal,
  OneHotCategorical,
  Poisson,
  registerKl,
  StudentT,
  Uniform,
} from './index.js';

const { tensor } = torch;
afterEach(() => Distribution.setDefaultValidateArgs(true));

describe('what a distribution is given', () => {
  const cases: [string, () => unknown, RegExp][] = [
    [
      'a scale that is not positive',
      () => new Normal(tensor([0, 1]), tensor([1, -2])),
      /Normal: the parameter scale \(int64\[2\]\) must be in positive; 1 of 2 are not, the first at \[1\], which is -2/,
    ],
    ['a mean that is no number', () => new Normal(Number.NaN, 1), /parameter loc .* must be in real/],
    [
      'a parameter that is text',
      () => new Normal('0' as never, 1),
      /a parameter is a number or a tensor, and a string came/,
    ],
    [
      'both probabilities and logits',
      () => new Bernoulli({ probs: 0.5, logits: 0 }),
      /either probs or logits; both came/,
    ],
    ['neither of them', () => new Categorical({}), /either probs or logits; neither came/],
    ['a probability above 1', () => new Bernoulli({ probs: 1.5 }), /must be in unitInterval/],
    [
      'probabilities without a dimension',
      () => new Categorical({ probs: tensor(0.5) }),
      /needs at least one dimension/,
    ],
    [
      'negative probabilities',
      () => new Categorical({ probs: tensor([-0.5, 1]) }),
      /must be in simplex; 1 of 1 are not, the first at \[\], which begins with -1/,
    ],
    ['bounds in the wrong order', () => new Uniform(1, 0), /low must be less than high/],
    ['a concentration of 0', () => new Gamma(0, 1), /concentration .* positive/],
    ['a rate of 0', () => new Exponential(0), /rate .* positive/],
    ['a negative count of events', () => new Poisson(-1), /nonnegative/],
    ['no chance to succeed', () => new Geometric({ probs: 0 }), /no trial would ever succeed/],
    ['a broken count', () => new Multinomial(1.5, { probs: tensor([0.5, 0.5]) }), /whole number from 0 up, got 1.5/],
    ['a broken count of trials', () => new Binomial(1.5, { probs: 0.5 }), /totalCount .* nonnegativeInteger/],
    [
      'no covariance',
      () => new MultivariateNormal(tensor([0.5]), {}),
      /exactly one of covarianceMatrix, precisionMatrix, scaleTril; none came/,
    ],
    [
      'a covariance that is not symmetric',
      () =>
        new MultivariateNormal(torch.zeros([2]), {
          covarianceMatrix: tensor([
            [1, 0.5],
            [0, 1],
          ]),
        }),
      /covarianceMatrix .* positiveDefinite/,
    ],
    [
      'a covariance that is not positive',
      () =>
        new MultivariateNormal(torch.zeros([2]), {
          covarianceMatrix: tensor(
            [
              [1, 2],
              [2, 1],
            ],
            { dtype: 'float32' },
          ),
        }),
      /covarianceMatrix .* positiveDefinite/,
    ],
    [
      'a factor that is not triangular',
      () => new MultivariateNormal(torch.zeros([2]), { scaleTril: torch.ones([2, 2]) }),
      /scaleTril .* lowerCholesky/,
    ],
    [
      'shapes that do not fit',
      () => new MultivariateNormal(torch.zeros([3, 2]), { scaleTril: torch.eye(2).expand([4, 2, 2]) }),
      /do not broadcast/,
    ],
    ['more batch dimensions than there are', () => new Independent(new Normal(0, 1), 1), /from 0 to 0/],
    [
      'a mixture of other components',
      () => new MixtureSameFamily(new Categorical({ probs: tensor([0.5, 0.5]) }), new Normal(torch.zeros([3]), 1)),
      /chooses among 2, and there are 3/,
    ],
    ['a concentration without a dimension', () => new Dirichlet(tensor(1)), /needs at least one dimension/],
  ];
  it.each(cases)('must make sense: %s', (_, action, message) => {
    const error = torchErrorOf(action);
    expect(error.code).toBe('DISTRIBUTION_ARGUMENT');
    expect(error.message).toMatch(message);
  });

  it('is not looked at when told so, for one distribution or for all', () => {
    expect(new Normal(0, -1, { validateArgs: false }).scale.item()).toBe(-1);
    Distribution.setDefaultValidateArgs(false);
    expect(new Normal(0, -1).scale.item()).toBe(-1);
    expect(new Exponential(1).logProb(tensor(-2)).item()).toBe(2);
    expect(() => new Normal(0, -1, { validateArgs: true })).toThrow(/positive/);
  });

  it('may be a value only inside its support and of a fitting shape', () => {
    const cases: [() => unknown, RegExp][] = [
      [
        () => new Exponential(1).logProb(tensor([0.5, -2])),
        /the value \(float32\[2\]\) must be in nonnegative; 1 of 2 .* at \[1\], which is -2/,
      ],
      [() => new Beta(1, 1).logProb(tensor(1.5)), /unitInterval/],
      [() => new Categorical({ probs: tensor([0.5, 0.5]) }).logProb(tensor(2)), /integerInterval\(0, 1\)/],
      [() => new Bernoulli({ probs: 0.5 }).logProb(tensor(0.5)), /boolean/],
      [() => new OneHotCategorical({ probs: tensor([0.5, 0.5]) }).logProb(tensor([1, 1])), /oneHot/],
      [() => new Normal(0, 1).logProb(1 as never), /a value is a tensor/],
      [
        () => new Normal(torch.zeros([3]), 1).logProb(torch.zeros([2])),
        /a value of the shape \[2\] does not fit a batch of \[3\]/,
      ],
      [() => new Dirichlet(torch.ones([3])).logProb(torch.ones([2])), /events of \[3\]/],
      [() => new Uniform(tensor([0, 1]), tensor([1, 2])).logProb(tensor([0.5, 0.5])), /interval\(\[2\], \[2\]\)/],
    ];
    for (const [action, message] of cases) {
      const error = torchErrorOf(action);
      expect(error.code).toBe('DISTRIBUTION_ARGUMENT');
      expect(error.message).toMatch(message);
    }
  });
});

describe('a distribution', () => {
  it('learns its parameters by gradients through its draws', () => {
    torch.manualSeed(0);
    const loc = tensor(0, { dtype: 'float32', requiresGrad: true });
    const logScale = tensor(0, { dtype: 'float32', requiresGrad: true });
    for (let step = 0; step < 300; step += 1) {
      const x = new Normal(loc, logScale.exp()).rsample([64]);
      const loss = x.sub(3).pow(2).mean().sub(new Normal(loc, logScale.exp()).entropy());
      const [first, second] = torch.grad(loss, [loc, logScale]) as [torch.Tensor, torch.Tensor];
      torch.noGrad(() => {
        loc.sub_(first.mul(0.1));
        logScale.sub_(second.mul(0.1));
      });
    }
    expect(loc.item()).toBeCloseTo(3, 1);
    expect(logScale.exp().item()).toBeCloseTo(Math.sqrt(0.5), 1);
  });

  it('estimates gradients of choices by their log probabilities', () => {
    const logits = torch.zeros([2, 3], { requiresGrad: true });
    const policy = new Categorical({ logits });
    const action = policy.sample();
    expect(action.requiresGrad).toBe(false);
    policy.logProb(action).sum().backward();
    expect(logits.grad?.sum(-1).abs().lt(1e-6).all().item()).toBeTruthy();
  });

  it('draws what its mean and spread say', () => {
    torch.manualSeed(1);
    for (const dist of [
      new Beta(2, 5),
      new Gamma(3, 2),
      new StudentT(6, 1, 2),
      new LogNormal(0, 0.5),
      new Gumbel(1, 2),
      new Binomial(12, { probs: 0.3 }),
      new Poisson(4),
    ]) {
      const x = dist.sample([20_000]);
      expect(Math.abs(x.mean().item() - dist.mean.item()) / dist.stddev.item()).toBeLessThan(0.05);
      expect(x.std().item() / dist.stddev.item()).toBeCloseTo(1, 0);
    }
  });

  it('keeps sample shape, batch shape and event shape apart', () => {
    const dist = new MultivariateNormal(torch.zeros([5, 3]), { scaleTril: torch.eye(3) });
    expect([dist.batchShape, dist.eventShape]).toEqual([[5], [3]]);
    expect(dist.sample([2, 4]).shape).toEqual([2, 4, 5, 3]);
    expect(dist.logProb(dist.sample([2, 4])).shape).toEqual([2, 4, 5]);
    expect(dist.expand([7, 5]).sample().shape).toEqual([7, 5, 3]);
    expect(new Independent(new Normal(torch.zeros([5, 3]), 1), 1).entropy().shape).toEqual([5]);
    expect(new Categorical({ logits: torch.zeros([5, 3]) }).enumerateSupport().shape).toEqual([3, 5]);
    expect(new Categorical({ logits: torch.zeros([5, 3]) }).enumerateSupport(false).tolist()).toEqual([[0], [1], [2]]);
  });

  it('inverts its cumulative probability', () => {
    const probability = tensor([0.1, 0.5, 0.9]);
    for (const dist of [
      new Normal(1, 2),
      new Uniform(-1, 3),
      new Exponential(2),
      new LogNormal(0, 1),
      new Gumbel(0, 1),
    ])
      expect(dist.cdf(dist.icdf(probability)).sub(probability).abs().max().item()).toBeLessThan(1e-5);
  });

  it('has a perplexity, and names what it has no closed form of', () => {
    expect(new Categorical({ probs: torch.ones([8]) }).perplexity().item()).toBeCloseTo(8, 4);
    const error = torchErrorOf(() => new Poisson(1).entropy());
    expect([error.code, error.message]).toEqual(['DISTRIBUTION_UNSUPPORTED', 'Poisson has no entropy']);
  });

  it('is shown with its parameters', () => {
    expect(String(new Normal(0.5, 2))).toBe('Normal(loc: 0.5, scale: 2)');
    expect(String(new Independent(new Normal(torch.zeros([3]), 1), 1))).toBe(
      'Independent(Normal(loc: [3], scale: [3]), 1)',
    );
  });

  it('holds no tensors once it is gone', () => {
    const use = () => {
      for (let i = 0; i < 20; i += 1) {
        const dist = new MultivariateNormal(torch.zeros([3], { requiresGrad: true }), { scaleTril: torch.eye(3) });
        dist
          .logProb(dist.rsample([10]))
          .sum()
          .backward();
        const beta = new Beta(tensor(2, { dtype: 'float32', requiresGrad: true }), 3);
        beta.rsample([5]).sum().backward();
        try {
          beta.logProb(tensor(7));
        } catch {
          // the value is outside
        }
      }
    };
    use();
    torch.memory.collect();
    const before = torch.memory.stats().liveTensors;
    use();
    torch.memory.collect();
    expect(torch.memory.stats().liveTensors).toBeLessThanOrEqual(before);
  });
});

describe('klDivergence', () => {
  it('is about the mean difference of log probabilities', () => {
    torch.manualSeed(2);
    const [p, q] = [new Normal(0, 1), new Gumbel(0.5, 2)];
    const x = p.sample([50_000]);
    const estimate = p.logProb(x).sub(q.logProb(x)).mean().item();
    expect(klDivergence(p, q).item()).toBeCloseTo(estimate, 1);
  });

  it('sums over the dimensions that Independent made events of', () => {
    const [p, q] = [new Normal(torch.zeros([2, 3]), 1), new Normal(torch.ones([2, 3]), 2)];
    const joint = klDivergence(new Independent(p, 1), new Independent(q, 1));
    expect(joint.tolist()).toEqual(klDivergence(p, q).sum(-1).tolist());
    expect(torchErrorOf(() => klDivergence(new Independent(p, 1), new Independent(q, 2))).code).toBe(
      'DISTRIBUTION_UNSUPPORTED',
    );
  });

  it('takes pairs of a user, before those of the classes they extend', () => {
    class Sharp extends Normal {}
    expect(klDivergence(new Sharp(0, 1), new Normal(0, 1)).item()).toBe(0);
    registerKl(Sharp, Normal, () => tensor(42));
    expect(klDivergence(new Sharp(0, 1), new Normal(0, 1)).item()).toBe(42);
    expect(klDivergence(new Normal(0, 1), new Sharp(0, 1)).item()).toBe(0);
    expect(torchErrorOf(() => klDivergence(new Normal(0, 1), new Poisson(1))).message).toMatch(
      /KL\(Normal ‖ Poisson\).*registerKl/,
    );
  });
});

describe('constraints', () => {
  it('say for each event whether it is inside', () => {
    const list = (constraint: constraints.Constraint, value: torch.Tensor) => constraint.check(value).tolist();
    const row = tensor([-1, 0, 0.5, 1, 2, Number.NaN]);
    expect(list(constraints.real, row)).toEqual([true, true, true, true, true, false]);
    expect(list(constraints.positive, row)).toEqual([false, false, true, true, true, false]);
    expect(list(constraints.halfOpenInterval(0, 1), row)).toEqual([false, true, true, false, false, false]);
    expect(list(constraints.lessThan(1), row)).toEqual([true, true, true, false, false, false]);
    expect(list(constraints.positiveInteger, row)).toEqual([false, false, false, true, true, false]);
    expect(
      list(
        constraints.independent(constraints.positive, 1),
        tensor([
          [1, 2],
          [1, 0],
        ]),
      ),
    ).toEqual([true, false]);
    expect(
      list(
        constraints.multinomial(3),
        tensor([
          [1, 2],
          [2, 2],
        ]),
      ),
    ).toEqual([true, false]);
    expect(
      list(
        constraints.lowerTriangular,
        tensor([
          [
            [1, 0],
            [2, 3],
          ],
          [
            [1, 1],
            [2, 3],
          ],
        ]),
      ),
    ).toEqual([true, false]);
    expect(list(constraints.square, torch.zeros([2, 3, 4]))).toEqual([false, false]);
    expect(
      list(
        constraints.symmetric,
        tensor(
          [
            [
              [1, 2],
              [2, 1],
            ],
            [
              [1, 2],
              [3, 1],
            ],
          ],
          { dtype: 'float32' },
        ),
      ),
    ).toEqual([true, false]);
    expect(list(constraints.positiveSemidefinite, torch.ones([1, 2, 2]))).toEqual([true]);
  });
});
