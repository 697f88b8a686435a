import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readFixture } from './encodedTensor.js';
import { camelCase, type Explanations, exists, type PythonNames, parityTable, renderParity } from './parityTable.js';

const names = readFixture<PythonNames>('parity/names.json');
const explanations = readFixture<Explanations>('parity/explanations.json');

describe('the table of parity with Python', () => {
  const tables = parityTable(names, explanations);

  it('has every public name of torch, either here or with a reason why not', () => {
    const unexplained = tables.flatMap(({ module, rows }) =>
      rows.filter(({ ours, reason }) => ours === null && reason === null).map(({ python }) => `${module}.${python}`),
    );
    expect(unexplained).toEqual([]);
    expect(tables.flatMap(({ rows }) => rows).length).toBeGreaterThan(2000);
  });

  it('names as covered only what is there', () => {
    const missing = Object.entries(explanations.covered).filter(([, ours]) => !exists(ours));
    expect(missing).toEqual([]);
    for (const { rows } of tables) for (const { ours } of rows) if (ours !== null) expect(exists(ours)).toBe(true);
  });

  it('explains only names that are missing: what is here by now has no reason to be left out', () => {
    const bare = new Map(
      parityTable(names, { covered: {}, leftOut: [] }).map(({ module, rows }) => [
        module,
        new Map(rows.map(({ python, ours }) => [python, ours])),
      ]),
    );
    const outdated = tables.flatMap(({ module, rows }) =>
      rows
        .filter(({ python, reason }) => reason !== null && bare.get(module)?.get(python) != null)
        .map(({ python }) => `${module}.${python} is ${bare.get(module)?.get(python)}`),
    );
    expect(outdated).toEqual([]);
    const known = new Set(
      Object.entries(names.modules).flatMap(([module, list]) => list.map((name) => `${module}.${name}`)),
    );
    expect(Object.keys(explanations.covered).filter((name) => !known.has(name))).toEqual([]);
  });

  it('stands in the documentation as it is (node scripts/parityTable.mjs writes it)', () => {
    const page = readFileSync(new URL('../../../docs/reference/parity.md', import.meta.url), 'utf8');
    expect(page === renderParity(names, tables)).toBe(true);
  });

  it('would fail for a name that nobody has explained', () => {
    const [table] = parityTable({ torch: '0', modules: { 'torch.nn': ['Linear', 'NoSuchLayer'] } }, explanations);
    expect(table?.rows).toEqual([
      { python: 'Linear', ours: 'nn.Linear', reason: null },
      { python: 'NoSuchLayer', ours: null, reason: null },
    ]);
    expect([camelCase('log_softmax'), camelCase('add_'), camelCase('atleast_1d')]).toEqual([
      'logSoftmax',
      'add_',
      'atleast_1d',
    ]);
  });
});
