import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import * as torch from '../src/index.js';
import { sumOfSteps } from './fixtures/threads/steps.js';

const start = (seed: number, steps: number) =>
  new Worker(new URL('./fixtures/threads/worker.mjs', import.meta.url), {
    workerData: { seed, steps },
    execArgv: [],
  });

describe('worker threads', () => {
  it('run operators and backward at the same time as the main thread, with the same results', async () => {
    torch.setNumThreads(1);
    const workers = [start(1, 300), start(2, 300)];
    const messages = Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]));
    const exits = Promise.all(workers.map(async (worker) => (await once(worker, 'exit'))[0]));
    // Keep this thread in the engine while the workers load and run.
    let isDone = false;
    const stop = () => {
      isDone = true;
    };
    messages.then(stop, stop);
    const own: number[] = [];
    while (!isDone) {
      own.push(sumOfSteps(3, 50));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const results = await messages;
    expect(own.length).toBeGreaterThan(3);
    expect(new Set(own).size).toBe(1);
    expect(results).toEqual(
      [1, 2].map((seed) =>
        expect.objectContaining({ sum: sumOfSteps(seed, 300), code: 'SHAPE_MISMATCH', gradEnabled: true }),
      ),
    );
    expect(await exits).toEqual([0, 0]);
  });

  it('that end give back their tensors', async () => {
    torch.memory.collect();
    const before = torch.memory.stats().liveTensors;
    await once(start(5, 20), 'exit');
    torch.memory.collect();
    expect(torch.memory.stats().liveTensors).toBe(before);
  });

  it('may be ended in the middle of their work', async () => {
    const worker = start(6, 1_000_000);
    await once(worker, 'online');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(await worker.terminate()).toBe(1);
    expect(torch.ones(2).sum().item()).toBe(2);
  });
});
