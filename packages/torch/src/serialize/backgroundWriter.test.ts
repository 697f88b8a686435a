import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { arange, randn } from '../creation.js';
import { memory } from '../memory.js';
import type { Tensor } from '../tensor.js';
import { BackgroundWriter } from './backgroundWriter.js';
import { loadSync, saveSync } from './torchFile.js';

const folder = mkdtempSync(join(tmpdir(), 'torch-'));
const writer = new BackgroundWriter();
afterAll(() => writer.close());

describe('a file written in the background', () => {
  test('is byte for byte the one that save writes', async () => {
    const shared = randn([4, 5]);
    const value = { a: shared, b: shared.t(), c: arange(7), empty: randn([0]), list: [1, 'two', null] };
    saveSync(value, join(folder, 'a.pt'));
    await writer.save(value, join(folder, 'b.pt'));
    expect(readFileSync(join(folder, 'b.pt')).equals(readFileSync(join(folder, 'a.pt')))).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(['a.pt', 'b.pt']);
  });

  test('holds what was there when save was called', async () => {
    const weights = randn([1000]);
    const before = weights.clone();
    const value = { weights, step: 1 };
    const path = join(folder, 'moving.pt');
    const done = writer.save(value, path);
    weights.zero_();
    value.step = 2;
    await done;
    const saved = loadSync(path) as { weights: Tensor; step: number };
    expect(saved.step).toBe(1);
    expect(saved.weights.equal(before)).toBe(true);
  });

  test('that cannot be written is an error with its code, and the next one is written', async () => {
    const missing = join(folder, 'missing', 'a.pt');
    await expect(writer.save({ a: 1 }, missing)).rejects.toMatchObject({ code: 'WRITE_FAILED', path: missing });
    expect(() => writer.save({ a: () => {} }, join(folder, 'c.pt'))).toThrow(/VALUE_UNSUPPORTED/);
    await writer.save({ a: 1 }, join(folder, 'd.pt'));
    expect(loadSync(join(folder, 'd.pt'))).toEqual({ a: 1 });
  });

  test('is complete when close returns, and leaves no native memory', async () => {
    const other = new BackgroundWriter();
    const weights = randn([100, 100]);
    const { liveTensors } = memory.stats();
    const paths = [0, 1, 2].map((index) => join(folder, `close${index}.pt`));
    const saves = paths.map((path) => other.save({ weights }, path));
    await other.close();
    for (const path of paths) expect((loadSync(path) as { weights: Tensor }).weights.equal(weights)).toBe(true);
    await Promise.all(saves);
    memory.collect();
    expect(memory.stats().liveTensors).toBeLessThanOrEqual(liveTensors + paths.length);
    await other.save({ weights }, paths[0]!);
    await other.close();
  });
});
