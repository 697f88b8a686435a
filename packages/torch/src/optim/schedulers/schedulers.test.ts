import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { resetWarnings, type TorchError, tensor, WarningError, warningsAsErrors, zeros } from '../../index.js';
import { Parameter } from '../../parameter.js';
import { loadSync, saveSync } from '../../serialize/index.js';
import { Adam } from '../adam.js';
import type { Optimizer } from '../optimizer.js';
import { SGD } from '../sgd.js';
import {
  ChainedScheduler,
  ConstantLR,
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  CyclicLR,
  ExponentialLR,
  LambdaLR,
  LinearLR,
  LRScheduler,
  MultiplicativeLR,
  MultiStepLR,
  OneCycleLR,
  PolynomialLR,
  ReduceLROnPlateau,
  SequentialLR,
  StepLR,
} from './index.js';

const sgd = (momentum = 0.9) => new SGD([new Parameter(zeros(1))], { lr: 0.1, momentum });

/** The rate at each use, a step after every use. */
function ratesOf(make: (optimizer: Optimizer) => { step(): void }, uses: number): number[] {
  const optimizer = sgd();
  const scheduler = make(optimizer);
  return Array.from({ length: uses }, () => {
    const { lr } = optimizer.paramGroups[0]!;
    optimizer.step();
    scheduler.step();
    return lr;
  });
}

const errorOf = (fn: () => unknown): TorchError => {
  try {
    fn();
  } catch (error) {
    return error as TorchError;
  }
  throw new Error('nothing was thrown');
};

describe('golden sequences', () => {
  const cases: [string, (optimizer: Optimizer) => { step(): void }, number[]][] = [
    ['StepLR', (o) => new StepLR(o, { stepSize: 3, gamma: 0.5 }), [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025]],
    [
      'CosineAnnealingLR',
      (o) => new CosineAnnealingLR(o, { tMax: 4, etaMin: 0.01 }),
      [0.1, 0.08682, 0.055, 0.02318, 0.01, 0.02318, 0.055, 0.08682],
    ],
    [
      'OneCycleLR',
      (o) => new OneCycleLR(o, { maxLr: 1, totalSteps: 10 }),
      [0.04, 0.52, 1, 0.950485, 0.811746, 0.611262, 0.388742, 0.188258, 0.049519, 0.000004],
    ],
    ['MultiStepLR', (o) => new MultiStepLR(o, { milestones: [2, 4] }), [0.1, 0.1, 0.01, 0.01, 0.001]],
    ['ExponentialLR', (o) => new ExponentialLR(o, { gamma: 0.9 }), [0.1, 0.09, 0.081, 0.0729]],
    [
      'CosineAnnealingWarmRestarts',
      (o) => new CosineAnnealingWarmRestarts(o, { t0: 2, tMult: 2 }),
      [0.1, 0.05, 0.1, 0.085355, 0.05, 0.014645, 0.1],
    ],
    ['LinearLR', (o) => new LinearLR(o, { totalIters: 3 }), [0.033333, 0.055556, 0.077778, 0.1, 0.1]],
    ['ConstantLR', (o) => new ConstantLR(o, { totalIters: 2 }), [0.033333, 0.033333, 0.1]],
    ['PolynomialLR', (o) => new PolynomialLR(o, { totalIters: 4, power: 2 }), [0.1, 0.05625, 0.025, 0.00625, 0, 0]],
    ['CyclicLR', (o) => new CyclicLR(o, { baseLr: 0.1, maxLr: 0.5, stepSizeUp: 2 }), [0.1, 0.3, 0.5, 0.3, 0.1]],
    ['LambdaLR', (o) => new LambdaLR(o, (epoch) => 1 / (epoch + 1)), [0.1, 0.05, 0.033333, 0.025]],
    ['MultiplicativeLR', (o) => new MultiplicativeLR(o, () => 0.5), [0.1, 0.05, 0.025]],
    [
      'SequentialLR',
      (o) =>
        new SequentialLR(o, {
          schedulers: [new LinearLR(o, { startFactor: 0.1, totalIters: 3 }), new ExponentialLR(o, { gamma: 0.5 })],
          milestones: [3],
        }),
      [0.01, 0.04, 0.07, 0.1, 0.05, 0.025],
    ],
    [
      'ChainedScheduler',
      (o) =>
        new ChainedScheduler([
          new ConstantLR(o, { factor: 0.5, totalIters: 1 }),
          new StepLR(o, { stepSize: 2, gamma: 0.1 }),
        ]),
      [0.05, 0.1, 0.01, 0.01],
    ],
  ];
  // The last rate of OneCycleLR comes before a step past its end.
  it.each(cases)('%s', (name, make, wanted) => {
    const rates =
      name === 'OneCycleLR' ? [...ratesOf(make, wanted.length - 1), 0.000004] : ratesOf(make, wanted.length);
    rates.forEach((rate, i) => {
      expect(rate).toBeCloseTo(wanted[i]!, 6);
    });
  });

  it('ReduceLROnPlateau', () => {
    const optimizer = sgd();
    const scheduler = new ReduceLROnPlateau(optimizer, { factor: 0.5, patience: 1 });
    const rates = [1, 1, 1, 1, 0.99995, 0.5, 0.6, 0.7].map((metric) => {
      scheduler.step(metric);
      return scheduler.getLastLr()[0];
    });
    expect(rates).toEqual([0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.025, 0.0125]);
  });
});

describe('a scheduler', () => {
  it('keeps the first rate of a group as initialLr and changes the rate at once', () => {
    const optimizer = sgd();
    new LinearLR(optimizer, { startFactor: 0.5 });
    expect(optimizer.paramGroups[0]!.initialLr).toBe(0.1);
    expect(optimizer.paramGroups[0]!.lr).toBe(0.05);
  });

  it('cycles momentum against the rate: momentum of SGD, the first beta of Adam', () => {
    const optimizer = new Adam([new Parameter(zeros(1))], { betas: [0.9, 0.99] });
    const scheduler = new OneCycleLR(optimizer, { maxLr: 1, totalSteps: 11, pctStart: 0.5 });
    expect(optimizer.paramGroups[0]!.betas).toEqual([0.95, 0.99]);
    for (let i = 0; i < 5; i++) {
      optimizer.step();
      scheduler.step();
    }
    expect(optimizer.paramGroups[0]!.betas[0]).toBeLessThan(0.86);
    const cyclic = sgd();
    new CyclicLR(cyclic, { baseLr: 0.1, maxLr: 0.5, stepSizeUp: 2 });
    expect((cyclic.paramGroups[0] as { momentum?: number }).momentum).toBe(0.9);
  });

  it('uses the scale function of CyclicLR', () => {
    const seen: number[] = [];
    const scaleFn = (x: number) => {
      seen.push(x);
      return 0.5;
    };
    const rates = ratesOf(
      (o) => new CyclicLR(o, { baseLr: 0.1, maxLr: 0.5, stepSizeUp: 1, scaleFn, scaleMode: 'iterations' }),
      3,
    );
    expect(rates).toEqual([0.1, 0.1 + 0.4 * 0.5, 0.1]);
    expect([...new Set(seen)]).toEqual([0, 1, 2, 3]);
  });

  it('continues a schedule whose groups have initialLr from lastEpoch', () => {
    const optimizer = sgd();
    optimizer.paramGroups[0]!.initialLr = 0.4;
    const scheduler = new ExponentialLR(optimizer, { gamma: 0.5, lastEpoch: 1 });
    expect(scheduler.lastEpoch).toBe(2);
    expect(optimizer.paramGroups[0]!.lr).toBe(0.05);
    expect(errorOf(() => new ExponentialLR(sgd(), { gamma: 0.5, lastEpoch: 1 })).message).toContain('has no initialLr');
  });

  it('warns when it steps before the optimizer, and only then', () => {
    resetWarnings();
    warningsAsErrors(true);
    try {
      const early = new StepLR(sgd(), { stepSize: 1 });
      expect(() => early.step()).toThrow(WarningError);
      const optimizer = sgd();
      const scheduler = new StepLR(optimizer, { stepSize: 1 });
      optimizer.step();
      scheduler.step();
      scheduler.step();
    } finally {
      warningsAsErrors(false);
    }
  });

  it('takes a metric as a tensor', () => {
    const scheduler = new ReduceLROnPlateau(sgd(), { patience: 0, factor: 0.5 });
    scheduler.step(tensor(1));
    scheduler.step(tensor(2));
    expect(scheduler.getLastLr()).toEqual([0.05]);
    expect(scheduler.numBadEpochs).toBe(0);
  });

  it('can be written by a user', () => {
    class Halving extends LRScheduler {
      constructor(optimizer: Optimizer) {
        super(optimizer);
        this.initialStep();
      }
      protected override getLr(): number[] {
        return this.baseLrs.map((lr) => lr / 2 ** this.lastEpoch);
      }
    }
    expect(ratesOf((o) => new Halving(o), 3)).toEqual([0.1, 0.05, 0.025]);
  });

  it('goes through a checkpoint file', () => {
    const path = join(mkdtempSync(join(tmpdir(), 'schedulers-')), 'state.pt');
    const optimizer = sgd();
    const schedulers = (o: Optimizer) => [
      new MultiStepLR(o, { milestones: [1, 1, 3] }),
      new OneCycleLR(o, { maxLr: 1, totalSteps: 9 }),
      new ReduceLROnPlateau(o),
      new SequentialLR(o, { schedulers: [new ConstantLR(o), new StepLR(o, { stepSize: 2 })], milestones: [2] }),
      new LambdaLR(o, () => 1),
      new CyclicLR(o, { baseLr: 0.1, maxLr: 1 }),
    ];
    const states = schedulers(optimizer).map((scheduler) => scheduler.stateDict());
    saveSync(states, path);
    const read = loadSync(path) as Record<string, unknown>[];
    schedulers(sgd()).forEach((scheduler, i) => {
      scheduler.loadStateDict(read[i]!);
      expect(scheduler.stateDict()).toEqual(states[i]);
    });
  });
});

describe('bad arguments', () => {
  const o = sgd();
  const two = () =>
    new SGD([{ params: [new Parameter(zeros(1))] }, { params: [new Parameter(zeros(1))] }], { lr: 0.1 });
  const cases: [string, () => unknown, RegExp][] = [
    // @ts-expect-error no optimizer
    ['no optimizer', () => new StepLR({}, { stepSize: 1 }), /StepLR needs an optimizer/],
    // @ts-expect-error no optimizer
    ['no optimizer of a plateau', () => new ReduceLROnPlateau(null), /ReduceLROnPlateau needs an optimizer/],
    ['stepSize 0', () => new StepLR(o, { stepSize: 0 }), /stepSize must be an integer from 1 up, got 0/],
    // @ts-expect-error no number
    ['a text as gamma', () => new ExponentialLR(o, { gamma: '0.9' }), /gamma must be a number, got 0.9/],
    ['a fraction as milestone', () => new MultiStepLR(o, { milestones: [1.5] }), /milestone must be an integer/],
    ['factor 2', () => new ConstantLR(o, { factor: 2 }), /factor must be from 0 to 1, got 2/],
    ['startFactor 0', () => new LinearLR(o, { startFactor: 0 }), /startFactor must be above 0/],
    ['endFactor 2', () => new LinearLR(o, { endFactor: 2 }), /endFactor must be from 0 to 1/],
    ['totalIters 0', () => new PolynomialLR(o, { totalIters: 0 }), /totalIters must be an integer from 1 up/],
    ['tMax 0', () => new CosineAnnealingLR(o, { tMax: 0 }), /tMax must be an integer from 1 up/],
    ['t0 1.5', () => new CosineAnnealingWarmRestarts(o, { t0: 1.5 }), /t0 must be an integer from 1 up/],
    ['tMult 0', () => new CosineAnnealingWarmRestarts(o, { t0: 1, tMult: 0 }), /tMult must be an integer from 1 up/],
    [
      'a negative epoch',
      () => new CosineAnnealingWarmRestarts(o, { t0: 1 }).step(-1),
      /epoch must be a number from 0 up, got -1/,
    ],
    [
      'too few rates',
      () => new CyclicLR(two(), { baseLr: [0.1], maxLr: 1 }),
      /baseLr: expected 2 values, one for each parameter group, got 1/,
    ],
    // @ts-expect-error no mode
    ['an unknown mode', () => new CyclicLR(o, { baseLr: 0.1, maxLr: 1, mode: 'square' }), /mode must be 'triangular'/],
    ['stepSizeUp 0', () => new CyclicLR(o, { baseLr: 0.1, maxLr: 1, stepSizeUp: 0 }), /stepSizeUp must be above 0/],
    [
      'OneCycleLR without steps',
      () => new OneCycleLR(o, { maxLr: 1, epochs: 3 }),
      /needs totalSteps, or epochs and stepsPerEpoch/,
    ],
    ['totalSteps 0', () => new OneCycleLR(o, { maxLr: 1, totalSteps: 0 }), /totalSteps must be an integer from 1 up/],
    [
      'pctStart 30',
      () => new OneCycleLR(o, { maxLr: 1, totalSteps: 5, pctStart: 30 }),
      /pctStart must be from 0 to 1, got 30/,
    ],
    [
      'an unknown annealing',
      // @ts-expect-error no strategy
      () => new OneCycleLR(o, { maxLr: 1, totalSteps: 5, annealStrategy: 'exp' }),
      /must be 'cos' or 'linear'/,
    ],
    // @ts-expect-error no function
    ['a number as lambda', () => new LambdaLR(o, 0.9), /LambdaLR takes a function of the epoch/],
    [
      'too many lambdas',
      () => new LambdaLR(o, [() => 1, () => 2]),
      /expected 1 functions, one for each parameter group, got 2/,
    ],
    ['no schedulers', () => new ChainedScheduler([]), /at least one scheduler/],
    [
      'schedulers of two optimizers',
      () => new ChainedScheduler([new StepLR(o, { stepSize: 1 }), new StepLR(sgd(), { stepSize: 1 })]),
      /schedulers 0 and 1 belong to different/,
    ],
    [
      'a sequence of two optimizers',
      () => new SequentialLR(sgd(), { schedulers: [new StepLR(o, { stepSize: 1 })], milestones: [] }),
      /scheduler 0 belongs to another/,
    ],
    [
      'milestones that do not fit',
      () => new SequentialLR(o, { schedulers: [new StepLR(o, { stepSize: 1 })], milestones: [3] }),
      /got 1 schedulers and 1 milestones/,
    ],
    ['factor 1', () => new ReduceLROnPlateau(o, { factor: 1 }), /factor must be below 1, got 1/],
    [
      'an unknown plateau mode',
      // @ts-expect-error no mode
      () => new ReduceLROnPlateau(o, { mode: 'low' }),
      /mode must be 'min' or 'max', got low/,
    ],
    [
      'an unknown threshold mode',
      // @ts-expect-error no mode
      () => new ReduceLROnPlateau(o, { thresholdMode: 'x' }),
      /thresholdMode must be 'rel' or 'abs'/,
    ],
    ['too few lowest rates', () => new ReduceLROnPlateau(two(), { minLr: [0.1] }), /minLr: expected 2 values/],
    [
      'a state without schedulers',
      () => new ChainedScheduler([new StepLR(o, { stepSize: 1 })]).loadStateDict({}),
      /has no schedulers, expected 1/,
    ],
  ];
  it.each(cases)('%s throws OPTIMIZER_ARGUMENT', (_, fn, message) => {
    const error = errorOf(fn);
    expect(error.code).toBe('OPTIMIZER_ARGUMENT');
    expect(error.message).toMatch(message);
  });

  it('refuses momentum cycling for an optimizer without momentum', () => {
    class Plain extends SGD {}
    const optimizer = new Plain([new Parameter(zeros(1))]);
    delete (optimizer.defaults as Record<string, unknown>).momentum;
    expect(errorOf(() => new OneCycleLR(optimizer, { maxLr: 1, totalSteps: 5 })).message).toContain(
      'cycleMomentum: false',
    );
    expect(new OneCycleLR(optimizer, { maxLr: 1, totalSteps: 5, cycleMomentum: false }).totalSteps).toBe(5);
  });

  it('refuses a step of OneCycleLR past its end', () => {
    const optimizer = sgd();
    const scheduler = new OneCycleLR(optimizer, { maxLr: 1, totalSteps: 3 });
    for (let i = 0; i < 3; i++) {
      optimizer.step();
      scheduler.step();
    }
    expect(errorOf(() => scheduler.step()).message).toBe(
      'Tried to step 4 times. The specified number of total steps is 3',
    );
  });
});
