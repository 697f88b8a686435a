import { readFileSync } from 'node:fs';
import { Tensor, tensor } from '@lightning-ts/torch';
import { expect, test } from 'vitest';
import * as metrics from '../index.js';
import type { Metric } from '../metric.js';

type Plain = number | 'NaN' | Plain[];
interface Case {
  metric: string;
  input: string;
  options: Record<string, unknown>;
  value: Plain;
  batches: Plain[];
}
interface Fixture {
  inputs: Record<string, [number[], number[]][]>;
  cases: Case[];
}
const fixture = JSON.parse(
  readFileSync(new URL('../../test/fixtures/classification/cases.json', import.meta.url), 'utf8'),
) as Fixture;

const camel = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
const ours = (options: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(options).map(([name, value]) => [camel(name), value]));

type AnyMetric = Metric & { update(...inputs: Tensor[]): void };
const make = ({ metric, options }: Case): AnyMetric =>
  new (metrics as unknown as Record<string, new (options: object) => AnyMetric>)[metric]!(ours(options));

/** Lists of curves are told by part in the recording ([x of each class, y of each class, ...]), by class in ours. */
function asRecorded(value: unknown): unknown {
  if (value instanceof Tensor) return value.tolist();
  const list = value as unknown[];
  if (!Array.isArray(list[0])) return list.map(asRecorded);
  return [0, 1, 2].map((part) => (list as Tensor[][]).map((curve) => curve[part]!.tolist()));
}

function expectClose(found: unknown, expected: Plain, path = ''): void {
  if (Array.isArray(expected)) {
    expect(Array.isArray(found), path).toBe(true);
    expect((found as unknown[]).length, path).toBe(expected.length);
    for (const [i, part] of expected.entries()) expectClose((found as unknown[])[i], part, `${path}[${i}]`);
  } else if (expected === 'NaN') expect(found, path).toBeNaN();
  else expect(Math.abs((found as number) - expected), `${path}: ${String(found)} for ${expected}`).toBeLessThan(2e-6);
}

/** With thresholds the recording has them once; ours gives them with every curve. */
function shaped(found: unknown, expected: Plain): unknown {
  const parts = found as unknown[];
  const isCurves = Array.isArray(parts) && Array.isArray(parts[2]) && Array.isArray((parts[2] as unknown[])[0]);
  if (!isCurves || Array.isArray((expected as Plain[][])[2]![0])) return found;
  return [parts[0], parts[1], (parts[2] as unknown[])[0]];
}

const groups = new Map<string, Case[]>();
for (const one of fixture.cases) groups.set(one.metric, [...(groups.get(one.metric) ?? []), one]);

for (const [name, cases] of groups) {
  test(`${name} equals torchmetrics over everything and batch by batch (${cases.length} cases)`, () => {
    for (const one of cases) {
      const metric = make(one);
      const label = `${one.input} ${JSON.stringify(one.options)}`;
      for (const [i, [preds, target]] of fixture.inputs[one.input]!.entries()) {
        const scores = tensor(preds, { dtype: 'float32' });
        const value = asRecorded((metric.forward as (...inputs: Tensor[]) => unknown)(scores, tensor(target)));
        expectClose(shaped(value, one.batches[i]!), one.batches[i]!, `${label} batch ${i}`);
      }
      expectClose(shaped(asRecorded(metric.compute()), one.value), one.value, label);
    }
  });
}
