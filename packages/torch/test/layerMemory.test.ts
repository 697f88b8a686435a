import { beforeAll, describe, expect, it } from 'vitest';
import * as torch from '../src/index.js';
import { layerCases, runCase } from './layerCases.js';

const families = [
  'activation',
  'attention',
  'convTranspose',
  'features',
  'lazy',
  'losses',
  'normalization',
  'pooling',
  'recurrent',
  'resizing',
];
const rounds = 3;

function level(): torch.MemoryStats {
  torch.memory.collect(); // frees the graphs, then what only their hooks referred to
  torch.memory.collect();
  return torch.memory.stats();
}

/**
 * Runs `run` over and over; afterwards as much must live as before. What is held once, as V8 does in the frames of a function
 * that it is compiling, settles in a second go; a leak grows in each.
 */
function expectFlat(run: () => void): void {
  run();
  let before = level();
  let after = before;
  for (let attempt = 0; attempt < 3; attempt++) {
    for (let i = 0; i < rounds; i++) run();
    [before, after] = [after, level()];
    if (after.liveTensors === before.liveTensors) break;
  }
  expect(after.liveTensors).toBe(before.liveTensors);
  // The system's allocator rounds one and the same request up by a few bytes more or less.
  expect(Math.abs(after.liveBytes - before.liveBytes)).toBeLessThan(2000);
}

const stop = new RangeError('stop');
const fail = (): never => {
  throw stop;
};
function mayStop(run: () => void): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (error !== stop) throw error;
    return true;
  }
}

describe.each(families)('the memory of every layer in a loop: %s', (family) => {
  const cases = layerCases(family);
  beforeAll(() => torch.setNumThreads(1));

  it('is flat over forward and backward', () => {
    expectFlat(() => {
      for (const one of cases) runCase(one);
    });
  });

  it('is flat when a hook throws in the middle of the backward', () => {
    let stopped = 0;
    expectFlat(() => {
      for (const one of cases)
        if (mayStop(() => runCase(one, (outputs) => outputs.find((output) => output.requiresGrad)?.registerHook(fail))))
          stopped += 1;
    });
    expect(stopped).toBeGreaterThan(0);
  });

  it('is flat when an operator in the middle of the forward throws', () => {
    // How many operators each case calls, and an error after half of them.
    const counts = cases.map((one) => {
      let calls = 0;
      torch.observeOperators(
        () => {
          calls += 1;
        },
        () => runCase(one),
      );
      return calls;
    });
    let stopped = 0;
    expectFlat(() => {
      for (const [i, one] of cases.entries()) {
        let left = Math.ceil(counts[i]! / 2);
        const observed = () =>
          torch.observeOperators(
            () => --left === 0 && fail(),
            () => runCase(one),
          );
        if (mayStop(observed)) stopped += 1;
      }
    });
    expect(stopped % cases.length).toBe(0);
    expect(stopped).toBeGreaterThan(cases.length * rounds);
  });
});
