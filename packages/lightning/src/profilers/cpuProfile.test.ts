import { describe, expect, it } from 'vitest';
import { CallTree, cpuProfileOf, functionTimes, type Spent } from './cpuProfile.js';

const frame = (functionName: string, url = 'file:///app/a.js') => ({
  functionName,
  scriptId: url === '' ? '0' : '7',
  url,
  lineNumber: 1,
  columnNumber: functionName.length,
});

/** root -> main -> work -> (work again, and the addon called from the torch package). */
const profile = (startTime: number) => ({
  nodes: [
    { id: 1, callFrame: frame('(root)', ''), children: [2] },
    { id: 2, callFrame: frame('main'), children: [3] },
    { id: 3, callFrame: frame('work'), children: [4, 5] },
    { id: 4, callFrame: frame('work') },
    { id: 5, callFrame: frame('invoke', 'file:///x/torch/src/dispatch.ts'), children: [6, 7] },
    { id: 6, callFrame: frame('firstOfTheAddon', '') },
    { id: 7, callFrame: frame('map', '') },
  ],
  startTime,
  endTime: startTime + 100,
  samples: [3, 4, 6, 7],
  timeDeltas: [10, 20, 30, 10],
});

function spentOf(tree: CallTree, startTime: number): Spent {
  const spent: Spent = new Map();
  const calledFrom = [...tree.root.children.values()][0] ?? null;
  for (const { duration, node } of tree.add(profile(startTime))) {
    spent.set(node, { time: duration, samples: 1, calledFrom: calledFrom ?? node.parent });
  }
  return spent;
}

describe('CallTree', () => {
  it('merges the profiles of one run, and gives each sample the time until the next', () => {
    const tree = new CallTree();
    const first = tree.add(profile(1000));
    const second = tree.add(profile(5000));
    expect(first.map(({ duration, time }) => [time, duration])).toEqual([
      [1010, 20],
      [1030, 30],
      [1060, 10],
      [1070, 30],
    ]);
    expect(second.map(({ node }) => node)).toEqual(first.map(({ node }) => node));
    expect([...tree.root.children.values()].map(({ frame: { name } }) => name)).toEqual(['main']);
  });

  it('calls the functions of the addon by one name, and those of the language by theirs', () => {
    const samples = new CallTree().add(profile(0));
    expect(samples.map(({ node }) => node.frame.name)).toEqual(['work', 'work', '(engine)', 'map']);
  });
});

describe('the functions of an action', () => {
  it('count for themselves and for their callers, a function that calls itself once', () => {
    const tree = new CallTree();
    tree.add(profile(0));
    const times = functionTimes(spentOf(tree, 0)).map(({ frame: { name }, self, total }) => [name, self, total]);
    expect(times).toEqual([
      ['work', 50, 90],
      ['invoke', 0, 40],
      ['map', 30, 30],
      ['(engine)', 10, 10],
    ]);
  });

  it('become a profile whose places hang together and whose times add up', () => {
    const tree = new CallTree();
    tree.add(profile(0));
    const { endTime, nodes, samples, startTime, timeDeltas } = cpuProfileOf(spentOf(tree, 0));
    expect(nodes.map(({ callFrame }) => callFrame.functionName).sort()).toEqual([
      '(engine)',
      '(root)',
      'invoke',
      'map',
      'work',
      'work',
    ]);
    expect(samples).toHaveLength(4);
    expect(timeDeltas!.reduce((sum, delta) => sum + delta, 0)).toBeLessThanOrEqual(endTime - startTime);
    expect(endTime - startTime).toBe(90);
    const children = nodes.flatMap((node) => node.children ?? []);
    expect(children.sort()).toEqual(
      nodes
        .map(({ id }) => id)
        .filter((id) => id !== 1)
        .sort(),
    );
  });
});
