import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { Document, parse, type Scalar, type ScalarTag, visit } from 'yaml';
import { pythonFloat } from '../pythonText.js';

/**
 * Writes hyperparameters as YAML that Python's loader reads back with the same types: keys sorted, floats with a point.
 * Values that YAML has no form for are named by their class (`ReLU`), functions by their own name.
 */
export function writeHparams(path: string, hparams: Readonly<Record<string, unknown>>): void {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, hparamsText(hparams));
  renameSync(temporary, path);
}

/** Reads what {@link writeHparams} or Python wrote; an empty record when there is no such file. */
export function readHparams(path: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return {};
  }
  return (parse(text, { version: '1.1' }) ?? {}) as Record<string, unknown>;
}

// YAML 1.1 readers take `1e-5` for a string: a float needs a point before its exponent.
const float: ScalarTag = {
  identify: (value) => typeof value === 'number' && !Number.isInteger(value),
  default: true,
  tag: 'tag:yaml.org,2002:float',
  test: /^[-+]?(?:\d[\d_]*)?\.[\d_]*(?:[eE][-+]\d+)?$/,
  resolve: (text) => Number(text.replaceAll('_', '')),
  stringify: ({ value }: Scalar) => {
    const number = Number(value);
    if (Number.isNaN(number)) return '.nan';
    if (!Number.isFinite(number)) return number > 0 ? '.inf' : '-.inf';
    return pythonFloat(number).replace(/^(-?\d+)e/, '$1.0e');
  },
};

function hparamsText(hparams: Readonly<Record<string, unknown>>): string {
  const document = new Document(plainValue(hparams), {
    version: '1.1',
    sortMapEntries: true,
    customTags: (tags) => [float, ...tags],
  });
  if (document.directives) document.directives.yaml.explicit = false;
  visit(document, {
    Collection: (_, node) => {
      node.flow = node.items.length === 0;
    },
  });
  return document.toString({ indentSeq: false, lineWidth: 0 });
}

function plainValue(value: unknown): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number')
    return value;
  if (typeof value === 'bigint') return value;
  if (typeof value === 'function') return value.name || 'function';
  if (Array.isArray(value)) return value.map(plainValue);
  if (value instanceof Set) return [...value].map(plainValue);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Map) return plainEntries([...value].map(([key, entry]) => [String(key), entry]));
  if (typeof value === 'object') {
    const prototype = Object.getPrototypeOf(value) as object | null;
    if (prototype === Object.prototype || prototype === null) return plainEntries(Object.entries(value));
    return value.constructor.name;
  }
  return String(value);
}

function plainEntries(entries: [string, unknown][]): Record<string, unknown> {
  const kept = entries.filter(([, value]) => value !== undefined);
  return Object.fromEntries(kept.map(([key, value]) => [key, plainValue(value)]));
}
