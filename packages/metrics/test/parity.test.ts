import { readFileSync } from 'node:fs';
import { manualSeed, Tensor, tensor } from '@lightning-ts/torch';
import { describe, expect, test } from 'vitest';
import * as functional from '../src/functional/index.js';
import * as metrics from '../src/index.js';
import { type AnyMetric, MeanSquaredError, R2Score } from '../src/index.js';

type Plain = number | string | Plain[] | { [name: string]: Plain };
interface Case {
  metric: string;
  input: string;
  options: Record<string, unknown>;
  value: Plain;
  batches: Plain[];
}
interface Fixture {
  inputs: Record<string, [Plain, Plain][]>;
  cases: Case[];
}
const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`./fixtures/metrics/${name}.json`, import.meta.url), 'utf8'));

const camel = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
const choices: Record<string, string> = { elementwise_mean: 'mean' };
const choice = (value: unknown): unknown =>
  typeof value === 'string' && value.includes('_') ? (choices[value] ?? camel(value)) : value;
const ours = (options: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(options).map(([name, value]) => [camel(name), choice(value)]));
const optionsOf = ({ metric, input, options }: Case): Record<string, unknown> =>
  metric === 'ExplainedVariance' && input === 'table' ? { ...ours(options), numOutputs: 3 } : ours(options);
const make = (one: Case): AnyMetric =>
  new (metrics as unknown as Record<string, new (options: object) => AnyMetric>)[one.metric]!(optionsOf(one));

const numbersOf = (value: Plain): unknown =>
  Array.isArray(value) ? value.map(numbersOf) : typeof value === 'string' ? Number(value) : value;
const floats = (value: Plain): Tensor => tensor(numbersOf(value) as number[], { dtype: 'float32' });
const asPlain = (value: unknown): unknown => {
  if (value instanceof Tensor) return value.tolist();
  return Object.fromEntries(Object.entries(value as object).map(([name, one]) => [name, asPlain(one)]));
};

function expectClose(found: unknown, expected: Plain, tolerance: number, path: string): void {
  if (Array.isArray(expected)) {
    expect((found as unknown[])?.length, path).toBe(expected.length);
    for (const [i, part] of expected.entries()) expectClose((found as unknown[])[i], part, tolerance, `${path}[${i}]`);
  } else if (typeof expected === 'object') {
    expect(Object.keys(found as object).sort(), path).toEqual(Object.keys(expected).sort());
    for (const [name, part] of Object.entries(expected))
      expectClose((found as Record<string, unknown>)[name], part, tolerance, `${path}.${name}`);
  } else if (typeof expected === 'string') expect(found, path).toBe(Number(expected));
  else {
    const room = tolerance * Math.max(1, Math.abs(expected));
    expect(Math.abs((found as number) - expected), `${path}: ${String(found)} for ${expected}`).toBeLessThanOrEqual(
      room,
    );
  }
}

const boxes = (one: Record<string, Plain>): Record<string, Tensor> =>
  Object.fromEntries(
    Object.entries(one).map(([name, values]) => [
      name,
      tensor(values as number[], { dtype: ['labels', 'iscrowd'].includes(name) ? 'int64' : 'float32' }),
    ]),
  );

interface Kind {
  file: string;
  tolerance: number;
  inputs: (preds: Plain, target: Plain) => unknown[];
}
const kinds: Kind[] = [
  { file: 'regression', tolerance: 3e-6, inputs: (preds, target) => [floats(preds), floats(target)] },
  { file: 'image', tolerance: 1e-5, inputs: (preds, target) => [floats(preds), floats(target)] },
  { file: 'audio', tolerance: 2e-5, inputs: (preds, target) => [floats(preds), floats(target)] },
  { file: 'text', tolerance: 1e-6, inputs: (preds, target) => [preds, target] },
  { file: 'perplexity', tolerance: 1e-6, inputs: (preds, target) => [floats(preds), tensor(target as number[])] },
  {
    file: 'detection',
    tolerance: 1e-6,
    inputs: (preds, target) => [preds, target].map((list) => (list as Record<string, Plain>[]).map(boxes)),
  },
];

for (const { file, tolerance, inputs } of kinds) {
  describe(`recorded ${file}`, () => {
    const fixture = read(file) as Fixture;
    const groups = new Map<string, Case[]>();
    for (const one of fixture.cases) groups.set(one.metric, [...(groups.get(one.metric) ?? []), one]);
    for (const [name, cases] of groups) {
      test(`${name} equals torchmetrics by batch and over everything (${cases.length} cases)`, () => {
        for (const one of cases) {
          const metric = make(one);
          const label = `${one.input} ${JSON.stringify(one.options)}`;
          for (const [i, [preds, target]] of fixture.inputs[one.input]!.entries()) {
            const given = name === 'TotalVariation' ? [floats(preds)] : inputs(preds, target);
            const value = (metric.forward as (...all: unknown[]) => unknown)(...given);
            expectClose(asPlain(value), one.batches[i]!, tolerance, `${label} batch ${i}`);
          }
          expectClose(asPlain(metric.compute()), one.value, tolerance, label);
        }
      });
    }
  });
}

/** Functional forms that give one number for each signal, or take boxes of one image. */
const apart = new Set([
  'SignalNoiseRatio',
  'ScaleInvariantSignalNoiseRatio',
  'ScaleInvariantSignalDistortionRatio',
  'SignalDistortionRatio',
]);

test('functional forms give what the classes give for one batch', () => {
  const forms = new Map(Object.entries(functional).map(([name, form]) => [name.toLowerCase(), form]));
  let compared = 0;
  for (const { file, tolerance, inputs } of kinds.filter((kind) => kind.file !== 'detection')) {
    const fixture = read(file) as Fixture;
    for (const one of fixture.cases.filter(({ metric }) => !apart.has(metric))) {
      const form = forms.get(one.metric.toLowerCase()) as ((...given: unknown[]) => unknown) | undefined;
      expect(form, one.metric).toBeDefined();
      const [preds, target] = fixture.inputs[one.input]![0]!;
      const { numOutputs, ...options } = optionsOf(one);
      const given = one.metric === 'TotalVariation' ? [floats(preds)] : inputs(preds, target);
      const own = one.metric === 'MeanSquaredError' ? { ...options, numOutputs } : options;
      expectClose(asPlain(form!(...given, own)), one.batches[0]!, tolerance, `${one.metric} ${one.input}`);
      compared += 1;
    }
  }
  expect(compared).toBeGreaterThan(100);
});

describe('recorded wrappers', () => {
  const recorded = read('wrappers') as Record<string, Plain> & { line: [Plain, Plain][]; table: [Plain, Plain][] };
  const line = recorded.line.map(([preds, target]) => [floats(preds), floats(target)] as const);

  for (const samplingStrategy of ['poisson', 'multinomial'] as const) {
    test(`BootStrapper draws the samples that torchmetrics draws, by ${samplingStrategy}`, () => {
      manualSeed(7);
      const boot = new metrics.BootStrapper(new MeanSquaredError() as AnyMetric, {
        numBootstraps: 4,
        quantile: 0.25,
        raw: true,
        samplingStrategy,
      });
      for (const batch of line) boot.update(...batch);
      expectClose(asPlain(boot.compute()), recorded[`boot_${samplingStrategy}`]!, 1e-6, samplingStrategy);
    });
  }

  test('MinMaxMetric keeps the extremes over resets', () => {
    const metric = new metrics.MinMaxMetric(new MeanSquaredError() as AnyMetric);
    for (const [i, batch] of line.entries()) {
      metric.update(...batch);
      expectClose(asPlain(metric.compute()), (recorded.min_max as Plain[])[i]!, 1e-6, `step ${i}`);
      metric.reset();
    }
  });

  test('Running is over the last updates', () => {
    const metric = new metrics.Running(new MeanSquaredError() as AnyMetric, 2);
    for (const [i, batch] of [...line, ...line].entries()) {
      const [alone, running] = (recorded.running as Plain[][])[i]!;
      expectClose(asPlain(metric.forward(...batch)), alone!, 1e-6, `alone ${i}`);
      expectClose(asPlain(metric.compute()), running!, 1e-6, `running ${i}`);
    }
  });

  test('MultioutputWrapper leaves NaN out by output', () => {
    const metric = new metrics.MultioutputWrapper(new R2Score() as AnyMetric, 3);
    for (const [i, [preds, target]] of recorded.table.entries()) {
      const rows = preds as number[][];
      rows[1]![1] = Number.NaN;
      metric.update(floats(rows), floats(target));
      expectClose(asPlain(metric.compute()), (recorded.multioutput as Plain[])[i]!, 1e-5, `step ${i}`);
    }
  });

  test('MetricTracker knows the best step', () => {
    const tracker = new metrics.MetricTracker(new MeanSquaredError());
    for (const batch of line) {
      tracker.increment();
      tracker.update(...batch);
    }
    const { all, best, step } = recorded.tracker as { all: Plain; best: number; step: number };
    expectClose(asPlain(tracker.computeAll()), all, 1e-6, 'all');
    const found = tracker.bestMetric();
    expect(found.step).toBe(step);
    expectClose(found.value, best, 1e-6, 'best');
  });
});
