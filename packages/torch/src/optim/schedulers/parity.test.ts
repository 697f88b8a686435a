import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { tensor, zeros } from '../../index.js';
import { Parameter } from '../../parameter.js';
import { PickledObject } from '../../serialize/pythonValues.js';
import { Adam } from '../adam.js';
import type { Optimizer } from '../optimizer.js';
import { SGD } from '../sgd.js';
import type { LRLambda, LRScheduler, SchedulerState } from './index.js';
import * as schedulers from './index.js';

// Made by test/fixtures/schedulers/make.py with torch 1.13.1.
type Arguments = Record<string, unknown>;
interface Schedule {
  name: string;
  arguments: Arguments;
  optimizer: 'SGD' | 'Adam';
  lrs: number[][];
  momentums: number[][];
  states: Record<string, SchedulerState>;
}
interface Fixture {
  schedules: Schedule[];
  plateaus: { arguments: Arguments; metrics: unknown[]; lrs: number[][]; state: SchedulerState }[];
  warmRestartJumps: { tMult: number; epoch: number; lr: number[]; lastEpoch: number }[];
}

const path = new URL('../../../test/fixtures/schedulers/schedules.json', import.meta.url);
const fixture = JSON.parse(readFileSync(path, 'utf8')) as Fixture;

const functions: Record<string, LRLambda> = {
  inverse: (epoch) => 1 / (epoch + 1),
  linear: (epoch) => 1 - epoch / 100,
  shrink: () => 0.95,
  wave: (epoch) => (epoch % 2 ? 1.25 : 0.75),
};

const camel = (name: string): string =>
  name.replace(/^T_/, 't_').replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

const optimizerOf = (kind: 'SGD' | 'Adam'): Optimizer => {
  const groups = [{ params: [new Parameter(zeros(1))] }, { params: [new Parameter(zeros(1))], lr: 0.05 }];
  return kind === 'SGD' ? new SGD(groups, { lr: 0.1, momentum: 0.9 }) : new Adam(groups, { lr: 0.1 });
};

function build(name: string, python: Arguments, optimizer: Optimizer): LRScheduler {
  const options = Object.fromEntries(Object.entries(python).map(([key, value]) => [camel(key), value]));
  if (options.schedulers)
    options.schedulers = (options.schedulers as [string, Arguments][]).map(([inner, given]) =>
      build(inner, given, optimizer),
    );
  if (name === 'ChainedScheduler') return new schedulers.ChainedScheduler(options.schedulers as LRScheduler[]);
  const make = (schedulers as unknown as Record<string, new (optimizer: Optimizer, options: unknown) => LRScheduler>)[
    name
  ]!;
  if (options.lrLambda === undefined) return new make(optimizer, options);
  const chosen = [options.lrLambda].flat().map((key) => functions[key as string]!);
  return new make(optimizer, Array.isArray(options.lrLambda) ? chosen : chosen[0]);
}

type Group = { lr: number; momentum?: number; betas?: number[] };
const groupsOf = (optimizer: Optimizer) => optimizer.paramGroups as unknown as Group[];
const lrsOf = (optimizer: Optimizer) => groupsOf(optimizer).map((group) => group.lr);
const momentumsOf = (optimizer: Optimizer) => groupsOf(optimizer).map((group) => group.betas?.[0] ?? group.momentum!);

/** Our state as the fixture writes Python's. */
function plain(value: unknown): unknown {
  if (value instanceof PickledObject)
    return { [value.name]: [...(value.args[0] as Map<number, number>)].sort(([a], [b]) => a - b) };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'number' && !Number.isFinite(value)) return { float: value > 0 ? 'inf' : '-inf' };
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plain(entry)]));
  return value;
}

/** A state of the fixture as a file of Python's would give it. */
function restored(value: unknown): SchedulerState {
  const read = (entry: unknown): unknown => {
    if (Array.isArray(entry)) return entry.map(read);
    if (typeof entry !== 'object' || entry === null) return entry;
    if ('float' in entry)
      return { inf: Number.POSITIVE_INFINITY, '-inf': Number.NEGATIVE_INFINITY, nan: Number.NaN }[
        entry.float as string
      ];
    if ('Counter' in entry)
      return new PickledObject('collections', 'Counter', 'call', [new Map(entry.Counter as [number, number][])]);
    return Object.fromEntries(Object.entries(entry).map(([key, inner]) => [key, read(inner)]));
  };
  return read(value) as SchedulerState;
}

const isMethod = (value: unknown): boolean => typeof value === 'object' && value !== null && 'method' in value;

/** Bound methods of Python's that the reference itself no longer saves, and what newer versions have instead. */
function comparable(state: unknown): unknown {
  if (Array.isArray(state)) return state.map(comparable);
  if (typeof state !== 'object' || state === null) return state;
  const left = Object.entries(state).filter(
    ([key, value]) => !isMethod(value) && !['_anneal_func_type', '_scale_fn_custom', 'default_min_lr'].includes(key),
  );
  return Object.fromEntries(left.map(([key, value]) => [key, comparable(value)]));
}

describe.each(fixture.schedules)('$name $arguments with $optimizer', (wanted) => {
  const last = wanted.lrs.length - 1;

  it('gives the rates, momenta and states of Python, bit for bit', () => {
    const optimizer = optimizerOf(wanted.optimizer);
    const scheduler = build(wanted.name, wanted.arguments, optimizer);
    for (let step = 0; step <= last; step++) {
      if (step > 0) {
        optimizer.step();
        scheduler.step();
      }
      expect(lrsOf(optimizer), `rates after step ${step}`).toEqual(wanted.lrs[step]);
      expect(momentumsOf(optimizer), `momenta after step ${step}`).toEqual(wanted.momentums[step]);
      expect(scheduler.getLastLr()).toEqual(wanted.lrs[step]);
      const state = wanted.states[step];
      if (state !== undefined) expect(comparable(plain(scheduler.stateDict()))).toEqual(comparable(state));
    }
  });

  it("continues from its own state and from Python's", () => {
    for (const step of [0, 5, last]) {
      const first = optimizerOf(wanted.optimizer);
      const interrupted = build(wanted.name, wanted.arguments, first);
      for (let i = 0; i < step; i++) {
        first.step();
        interrupted.step();
      }
      for (const saved of [interrupted.stateDict(), restored(wanted.states[step]!)]) {
        const optimizer = optimizerOf(wanted.optimizer);
        const scheduler = build(wanted.name, wanted.arguments, optimizer);
        optimizer.loadStateDict(first.stateDict());
        scheduler.loadStateDict(saved);
        expect(scheduler.getLastLr()).toEqual(wanted.lrs[step]);
        for (let i = step + 1; i <= last; i++) {
          optimizer.step();
          scheduler.step();
          expect(lrsOf(optimizer), `rates after step ${i}, resumed after ${step}`).toEqual(wanted.lrs[i]);
          expect(momentumsOf(optimizer)).toEqual(wanted.momentums[i]);
        }
      }
    }
  });
});

describe.each(fixture.plateaus)('ReduceLROnPlateau $arguments', (wanted) => {
  const numbers = wanted.metrics.map((metric) => restored(metric) as unknown as number);
  const make = (optimizer: Optimizer) => {
    const options = Object.fromEntries(Object.entries(wanted.arguments).map(([key, value]) => [camel(key), value]));
    return new schedulers.ReduceLROnPlateau(optimizer, options);
  };

  it('gives the rates and the state of Python', () => {
    const optimizer = optimizerOf('SGD');
    const scheduler = make(optimizer);
    const lrs = numbers.map((metric) => {
      const before = lrsOf(optimizer);
      scheduler.step(metric);
      return before;
    });
    expect(lrs).toEqual(wanted.lrs);
    expect(comparable(plain(scheduler.stateDict()))).toEqual(comparable(wanted.state));
  });

  it('continues from its state', () => {
    for (const cut of [0, 3, 6]) {
      const first = optimizerOf('SGD');
      const interrupted = make(first);
      for (const metric of numbers.slice(0, cut)) interrupted.step(tensor(metric, { dtype: 'float64' }));
      const optimizer = optimizerOf('SGD');
      const scheduler = make(optimizer);
      optimizer.loadStateDict(first.stateDict());
      scheduler.loadStateDict(interrupted.stateDict());
      for (const [i, metric] of numbers.slice(cut).entries()) {
        expect(lrsOf(optimizer)).toEqual(wanted.lrs[cut + i]);
        scheduler.step(metric);
      }
    }
  });
});

it("CosineAnnealingWarmRestarts jumps to fractions of epochs as Python's does", () => {
  for (const tMult of [1, 2]) {
    const scheduler = new schedulers.CosineAnnealingWarmRestarts(optimizerOf('SGD'), { t0: 4, tMult });
    for (const wanted of fixture.warmRestartJumps.filter((jump) => jump.tMult === tMult)) {
      scheduler.step(wanted.epoch);
      expect(scheduler.getLastLr()).toEqual(wanted.lr);
      expect(scheduler.lastEpoch).toBe(wanted.lastEpoch);
    }
  }
});
