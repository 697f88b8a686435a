import { describe, expect, it } from 'vitest';
import { manualSeed, rand } from '../index.js';
import { DataLoader, IterableDataset } from './index.js';
import { drawSeed } from './samplers/randomSampler.js';

describe('samples that cannot be loaded', () => {
  const bad = (i: number): number => {
    if (i % 3 === 1) throw new Error(`no ${i}`);
    return i;
  };

  it('are left out of batches that the dataset makes itself', () => {
    const dataset = { length: 6, getItem: bad, getBatch: (indices: number[]) => indices.map(bad) };
    const loader = new DataLoader(dataset, { batchSize: 3, onBadSample: 'skip' });
    expect([...loader]).toEqual([
      [0, 2],
      [3, 5],
    ]);
    expect(loader.badSamples).toBe(2);
    const many = { length: 6, getItem: bad, getItems: (indices: number[]) => indices.map(bad) };
    const collated = new DataLoader(many, { batchSize: 3, onBadSample: 'skip', collateFn: (all) => all.join() });
    expect([...collated]).toEqual(['0,2', '3,5']);
  });

  it('are left out when they are promises, and when they come alone', async () => {
    const later = { length: 6, getItem: async (i: number) => bad(i) };
    const batches: unknown[] = [];
    for await (const x of new DataLoader(later, { batchSize: 2, onBadSample: 'skip' })) batches.push(x.tolist());
    expect(batches).toEqual([[0], [2, 3], [5]]);
    const single = new DataLoader({ length: 6, getItem: bad }, { batchSize: null, onBadSample: 'skip' });
    expect([...single]).toEqual([0, 2, 3, 5]);
  });

  it('are left out of streams whose iterators go on after an error', () => {
    class Reader extends IterableDataset<number> {
      [Symbol.iterator](): Iterator<number> {
        let i = 0;
        return { next: () => (i < 6 ? { done: false, value: bad(i++) } : { done: true, value: undefined }) };
      }
    }
    const loader = new DataLoader(new Reader(), { batchSize: 2, onBadSample: 'skip' });
    expect(Array.from(loader, (x) => x.tolist())).toEqual([
      [0, 2],
      [3, 5],
    ]);
    expect(loader.badSamples).toBe(2);
  });

  it('end a generator function, whatever is wished', () => {
    class Lines extends IterableDataset<number> {
      *[Symbol.iterator](): IterableIterator<number> {
        for (let i = 0; i < 6; i++) yield bad(i);
      }
    }
    expect(() => [...new DataLoader(new Lines(), { onBadSample: 'skip' })]).toThrow('no 1');
  });

  it('leave the random draws of the others in the order of the samples', async () => {
    // Decoding ends in another order than it began; the draws must not follow it.
    const decode = async (i: number): Promise<number> => {
      await new Promise((done) => setTimeout(done, 12 - 3 * i));
      return bad(i);
    };
    const draw = async (i: number): Promise<[number, number]> => [await decode(i), rand(1).item()];
    const dataset = {
      length: 4,
      getItem: draw,
      getItems: async (indices: number[]) => {
        const decoded = await Promise.all(indices.map(decode));
        return decoded.map((i): [number, number] => [i, rand(1).item()]);
      },
    };
    manualSeed(5);
    drawSeed(); // the epoch's own
    const drawn = [rand(1).item(), rand(1).item(), rand(1).item()];
    manualSeed(5);
    const loader = new DataLoader(dataset, { batchSize: 4, onBadSample: 'skip', collateFn: (all) => all });
    for await (const batch of loader) expect(batch).toEqual([0, 2, 3].map((i, k) => [i, drawn[k]]));
    expect(loader.badSamples).toBe(1);
  });
});
