import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import * as jit from '../jit/index.js';
import * as nn from '../nn/index.js';
import { Adam } from '../optim/index.js';
import {
  Profile,
  type ProfilerAction,
  type ProfilerEvent,
  profile,
  recordFunction,
  schedule,
  tensorboardTraceHandler,
} from './index.js';

const scratch = mkdtempSync(join(tmpdir(), 'profiler-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const model = new nn.Sequential(new nn.Linear(8, 16), new nn.ReLU(), new nn.Linear(16, 2));
const x = torch.randn([4, 8]);
const names = (events: readonly ProfilerEvent[]) => events.map((event) => event.name);
const codeOf = (fn: () => unknown): string | undefined => {
  try {
    fn();
  } catch (error) {
    return (error as torch.TorchError).code;
  }
  return undefined;
};

describe('what is recorded', () => {
  it('operators inside operators, backward steps, TorchScript methods and named ranges', () => {
    const traced = jit.trace(model, x);
    const profiler = profile({}, () => {
      const loss = recordFunction('my forward', () => model.forward(x).sum());
      loss.backward();
      traced.forward(x);
    });
    const events = profiler.events();
    const roots = events.filter((event) => event.parent === null);
    expect(roots[0]).toMatchObject({ name: 'my forward', kind: 'user' });
    expect(names(roots[0]!.children)).toEqual(['aten::linear', 'aten::relu', 'aten::linear', 'aten::sum']);
    expect(names(roots[0]!.children[0]!.children)).toEqual(['aten::t', 'aten::addmm']);
    expect(roots.at(-1)).toMatchObject({ name: 'forward', kind: 'script' });

    const addmm = events.filter((event) => event.name === 'aten::addmm' && event.sequenceNumber !== null);
    const backward = events.filter((event) => event.name === 'AddmmBackward0');
    expect(backward).toHaveLength(2);
    expect(backward[0]!.parent).toMatchObject({
      name: 'autograd::engine::evaluate_function: AddmmBackward0',
      kind: 'backward',
    });
    expect(backward.map((event) => event.sequenceNumber)).toEqual([addmm[1]!.sequenceNumber, addmm[0]!.sequenceNumber]);
    expect(backward[0]!.forwardThreadId).toBe(addmm[0]!.threadId);
  });

  it('times and memory that add up: a parent’s own share and its children make its total', () => {
    const profiler = profile({ profileMemory: true }, () => model.forward(x));
    for (const event of profiler.events()) {
      const inside = event.children.reduce((sum, child) => sum + child.cpuTimeTotal, 0);
      expect(event.selfCpuTimeTotal + inside).toBeCloseTo(event.cpuTimeTotal, 6);
      expect(event.selfCpuTimeTotal).toBeGreaterThanOrEqual(0);
    }
    const big = profile({ profileMemory: true }, () => torch.zeros([1 << 18]).dispose());
    const zeros = big.events().find((event) => event.name === 'aten::zeros')!;
    expect(zeros.cpuMemoryUsage).toBeGreaterThanOrEqual(4 << 18);
    expect(zeros.selfCpuMemoryUsage).toBeLessThan(4096);
  });

  it('shapes and the calling JavaScript when asked for, and only then', () => {
    const work = () => torch.cat([x, x]).add(1);
    const plain = profile({}, work).events();
    expect(plain.every((event) => event.inputShapes === null && event.stack === null)).toBe(true);
    const shaped = profile({ recordShapes: true, withStack: true }, function outermost() {
      return work();
    }).events();
    expect(shaped.find((event) => event.name === 'aten::cat')!.inputShapes).toEqual([
      [
        [4, 8],
        [4, 8],
      ],
      [],
    ]);
    const add = shaped.find((event) => event.name === 'aten::add')!;
    expect(add.inputShapes).toEqual([[8, 8], [], []]);
    expect(add.stack![0]).toMatch(/^work .*profile\.test\.ts/);
    expect(add.stack![1]).toMatch(/^outermost /);
  });

  it('an optimizer’s native step, under its name', () => {
    const optimizer = new Adam(model.parameters(), { lr: 0.01 });
    const profiler = profile({}, () => {
      model.forward(x).sum().backward();
      optimizer.step();
    });
    expect(profiler.keyAverages().get('Optimizer.step#Adam.step')?.count).toBe(1);
  });

  it('ranges around asynchronous work, until it settles', async () => {
    const profiler = await profile({}, async () => {
      const first = recordFunction('first', async () => {
        await new Promise((resolve) => setImmediate(resolve));
        return x.add(1);
      });
      await recordFunction('second', async () => {
        x.mul(2);
        await first;
      });
    });
    const [first, second] = ['first', 'second'].map((name) => profiler.events().find((event) => event.name === name)!);
    const end = (event: ProfilerEvent) => event.start + event.cpuTimeTotal;
    const add = profiler.events().find((event) => event.name === 'aten::add')!;
    expect(end(first!)).toBeGreaterThan(end(add));
    expect(end(second!)).toBeGreaterThanOrEqual(end(first!));
  });

  it('nothing outside of it; a named range then is a plain call, also when it throws', () => {
    const profiler = profile({}, () => x.exp());
    recordFunction('after', () => x.mul(2));
    expect(names(profiler.events())).toEqual(['aten::exp']);
    const failure = new Error('mine');
    const fail = () => {
      throw failure;
    };
    expect(() => recordFunction('fails', fail)).toThrow(failure);
    expect(() => profile({}, () => recordFunction('fails', fail))).toThrow(failure);
    expect(names(profile({}, () => x.exp()).events())).toEqual(['aten::exp']);
  });
});

describe('tables', () => {
  const profiler = profile({ recordShapes: true, profileMemory: true }, () => {
    for (const rows of [2, 2, 3]) torch.ones([rows, 8]).matmul(x.t());
  });

  it('sum up by name, or by name and shapes', () => {
    const averages = profiler.keyAverages();
    const mm = averages.get('aten::mm')!;
    expect(mm.count).toBe(3);
    expect(mm.cpuTime).toBeCloseTo(mm.cpuTimeTotal / 3, 9);
    const total = profiler.events().reduce((sum, event) => sum + event.selfCpuTimeTotal, 0);
    expect([...averages].reduce((sum, row) => sum + row.selfCpuTimeTotal, 0)).toBeCloseTo(total, 6);
    const shaped = [...profiler.keyAverages({ groupByInputShape: true })].filter((row) => row.key === 'aten::mm');
    expect(shaped.map((row) => [row.count, row.inputShapes])).toEqual([
      [
        2,
        [
          [2, 8],
          [8, 4],
        ],
      ],
      [
        1,
        [
          [3, 8],
          [8, 4],
        ],
      ],
    ]);
  });

  it('read as PyTorch’s', () => {
    const lines = profiler.keyAverages().table({ sortBy: 'selfCpuTimeTotal', rowLimit: 3 }).split('\n');
    expect(lines[0]).toMatch(/^-+( {2}-+){8}$/);
    expect(lines[1]!.trim().split(/ {2,}/)).toEqual([
      'Name',
      'Self CPU %',
      'Self CPU',
      'CPU total %',
      'CPU total',
      'CPU time avg',
      'CPU Mem',
      'Self CPU Mem',
      '# of Calls',
    ]);
    const rows = lines.slice(3, 6).map((line) => line.trim().split(/ {2,}/));
    for (const row of rows) {
      expect(row).toHaveLength(9);
      expect(row[1]).toMatch(/^\d+\.\d\d%$/);
      expect(row[2]).toMatch(/^\d+\.\d{3}(us|ms|s)$/);
      expect(row[6]).toMatch(/^-?(\d+|\d+\.\d\d) (b|Kb|Mb|Gb)$/);
    }
    const shares = rows.map((row) => Number.parseFloat(row[1]!));
    expect(shares).toEqual(shares.toSorted((a, b) => b - a));
    expect(lines[6]).toBe(lines[0]);
    expect(lines[7]).toMatch(/^Self CPU time total: \d+\.\d{3}(us|ms|s)$/);
    const shaped = profiler.keyAverages({ groupByInputShape: true }).table({ header: 'Mine', maxNameColumnWidth: 8 });
    expect(shaped).toMatch(/^Mine\n/);
    expect(shaped).toContain('[[3, 8], [8, 4]]');
    expect(shaped).toContain('aten:...');
  });

  it('refuse what the recording lacks', () => {
    const bare = profile({}, () => x.add(1));
    expect(codeOf(() => bare.keyAverages({ groupByInputShape: true }))).toBe('PROFILER');
    expect(codeOf(() => bare.keyAverages({ groupByStackN: 2 }))).toBe('PROFILER');
    expect(codeOf(() => bare.keyAverages().table({ sortBy: 'name' as 'count' }))).toBe('PROFILER');
  });
});

describe('schedules', () => {
  it('say what to do in each step', () => {
    const actions = (of: (step: number) => ProfilerAction, count: number) =>
      Array.from(
        { length: count },
        (_, step) => ({ none: '-', warmup: 'w', record: 'r', recordAndSave: 'S' })[of(step)],
      ).join('');
    expect(actions(schedule({ wait: 1, warmup: 1, active: 2 }), 9)).toBe('-wrS-wrS-');
    expect(actions(schedule({ wait: 1, active: 1, repeat: 2, skipFirst: 3 }), 9)).toBe('----S-S--');
    expect(codeOf(() => schedule({ active: 0 }))).toBe('PROFILER');
    expect(codeOf(() => schedule({ active: 1, wait: -1 }))).toBe('PROFILER');
  });

  it('hand over one recording for each cycle, with the active steps only', () => {
    const folder = join(scratch, 'traces');
    const recorded: string[][] = [];
    const save = tensorboardTraceHandler(folder, { workerName: 'worker', useGzip: true });
    const profiler = new Profile({
      schedule: schedule({ wait: 1, warmup: 1, active: 2, repeat: 2 }),
      onTraceReady: (ready) => {
        recorded.push(names(ready.events()).filter((name) => name.startsWith('Profiler') || name === 'aten::exp'));
        save(ready);
      },
    }).start();
    for (let i = 0; i < 10; i++) {
      x.exp();
      profiler.step();
    }
    profiler.stop();
    const step = (n: number) => [`ProfilerStep#${n}`, 'aten::exp'];
    expect(recorded).toEqual([
      [...step(2), ...step(3)],
      [...step(6), ...step(7)],
    ]);
    const files = readdirSync(folder).sort();
    expect(files).toHaveLength(2);
    for (const file of files) {
      expect(file).toMatch(/^worker\.\d+\.pt\.trace\.json\.gz$/);
      expect(JSON.parse(gunzipSync(readFileSync(join(folder, file))).toString()).traceEvents.length).toBeGreaterThan(4);
    }
  });

  it('a recording that stop() cuts short is handed over as well, a warm-up is not', () => {
    let count = 0;
    const options = { schedule: schedule({ warmup: 1, active: 3 }), onTraceReady: () => count++ };
    const cut = new Profile(options).start();
    cut.step();
    cut.stop();
    expect(count).toBe(1);
    const warm = new Profile(options).start();
    warm.stop();
    expect(count).toBe(1);
    expect(codeOf(() => warm.events())).toBe('PROFILER');
  });

  it('one profiler at a time, started before it is stepped or stopped', () => {
    const profiler = new Profile();
    expect(codeOf(() => profiler.stop())).toBe('PROFILER');
    expect(codeOf(() => profiler.step())).toBe('PROFILER');
    profiler.start();
    expect(codeOf(() => profiler.start())).toBe('PROFILER');
    expect(codeOf(() => profile({}, () => x.add(1)))).toBe('PROFILER');
    profiler.stop();
    expect(codeOf(() => new Profile({ activities: ['cuda' as 'cpu'] }))).toBe('PROFILER');
  });
});

describe('traces', () => {
  it('hold every event with its thread, its time and an arrow to its backward step', () => {
    const path = join(scratch, 'trace.json');
    const profiler = profile({ recordShapes: true }, () => model.forward(x).sum().backward());
    profiler.exportChromeTrace(path);
    const { traceEvents } = JSON.parse(readFileSync(path, 'utf8')) as {
      traceEvents: {
        ph: string;
        name: string;
        cat?: string;
        ts: number;
        id?: number;
        args?: Record<string, unknown>;
      }[];
    };
    const complete = traceEvents.filter(({ ph }) => ph === 'X');
    expect(complete).toHaveLength(profiler.events().length);
    expect(complete.every(({ cat }) => cat === 'cpu_op')).toBe(true);
    expect(Math.abs(complete[0]!.ts / 1000 - Date.now())).toBeLessThan(60_000);
    const addmm = complete.find(({ name }) => name === 'aten::addmm')!;
    expect(addmm.args!['Input Dims']).toEqual([[16], [4, 8], [8, 16], [], []]);
    const arrows = traceEvents.filter(({ cat }) => cat === 'fwdbwd');
    expect(arrows.filter(({ ph }) => ph === 's')).toHaveLength(arrows.length / 2);
    const back = complete.filter(({ name }) => name === 'AddmmBackward0').at(-1)!;
    const end = arrows.find(({ ph, ts }) => ph === 'f' && ts === back.ts)!;
    expect(arrows.find(({ ph, id }) => ph === 's' && id === end.id)!.ts).toBe(addmm.ts);
  });

  it('recording leaves no memory behind, with stacks and after errors', () => {
    const round = () => {
      profile({ recordShapes: true, withStack: true }, () => model.forward(x).sum().backward());
      expect(() =>
        profile({}, () => {
          recordFunction('fails', () => x.matmul(torch.ones([3, 3])));
        }),
      ).toThrow();
      model.zeroGrad();
    };
    const left = [10, 10].map((rounds) => {
      for (let i = 0; i < rounds; i++) round();
      torch.memory.collect();
      const { liveTensors, liveBytes } = torch.memory.stats();
      return [liveTensors, liveBytes];
    });
    expect(left[1]).toEqual(left[0]);
  });
});
