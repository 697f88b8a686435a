import { readFileSync } from 'node:fs';
import { Tensor, tensor } from '@lightning-ts/torch';
import { expect, test } from 'vitest';
import * as metrics from '../index.js';
import type { Metric } from '../metric.js';

type Plain = number | 'NaN' | Plain[] | { error: string };
/** A tensor in either file: nested lists, or its shape and values. */
type Packed = Plain[] | { shape: number[]; values: (number | 'NaN')[] };
interface Case {
  metric: string;
  input: string;
  options: Record<string, unknown>;
  value: Plain;
  batches: Plain[];
}
interface Fixture {
  inputs: Record<string, [Packed, Packed][]>;
  cases: Case[];
}
const read = (file: string) =>
  JSON.parse(
    readFileSync(new URL(`../../test/fixtures/classification/${file}.json`, import.meta.url), 'utf8'),
  ) as Fixture;

function unpack(packed: Packed, dtype: 'float32' | 'int64'): Tensor {
  if (Array.isArray(packed)) return tensor(packed as number[], { dtype });
  return tensor(packed.values.map(Number), { dtype }).view(packed.shape);
}

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
  } else if (typeof expected === 'object') expect(found, path).toEqual({ error: expect.any(String) });
  else if (expected === 'NaN') expect(found, path).toBeNaN();
  else expect(Math.abs((found as number) - expected), `${path}: ${String(found)} for ${expected}`).toBeLessThan(2e-6);
}

/** With thresholds the recording has them once; ours gives them with every curve. */
function shaped(found: unknown, expected: Plain): unknown {
  const parts = found as unknown[];
  const isCurves = Array.isArray(parts) && Array.isArray(parts[2]) && Array.isArray((parts[2] as unknown[])[0]);
  if (!isCurves || Array.isArray((expected as Plain[][])[2]![0])) return found;
  return [parts[0], parts[1], (parts[2] as unknown[])[0]];
}

/** What it gives, or the recording's word for an error. */
function attempt(compute: () => unknown): unknown {
  try {
    return asRecorded(compute());
  } catch (error) {
    if (error instanceof metrics.MetricError) return { error: error.code };
    throw error;
  }
}

for (const file of ['cases', 'scores']) {
  const fixture = read(file);
  const groups = new Map<string, Case[]>();
  for (const one of fixture.cases) groups.set(one.metric, [...(groups.get(one.metric) ?? []), one]);
  for (const [name, cases] of groups) {
    test(`${name} equals torchmetrics over everything and batch by batch (${cases.length} ${file})`, () => {
      for (const one of cases) {
        const metric = make(one);
        const label = `${one.input} ${JSON.stringify(one.options)}`;
        const compare = (found: unknown, expected: Plain, where: string) =>
          expectClose(shaped(found, expected), expected, `${label} ${where}`);
        for (const [i, [preds, target]] of fixture.inputs[one.input]!.entries()) {
          const batch = [unpack(preds, 'float32'), unpack(target, 'int64')];
          const value = attempt(() => (metric.forward as (...inputs: Tensor[]) => unknown)(...batch));
          compare(value, one.batches[i]!, `batch ${i}`);
        }
        compare(
          attempt(() => metric.compute()),
          one.value,
          'whole',
        );
      }
    });
  }
}
