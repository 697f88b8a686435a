import path from 'node:path';
import {
  dataFolder,
  median,
  nodeSide,
  pythonSide,
  readOptions,
  requireCompiled,
  runSide,
  type Side,
} from './harness.js';
import { compareLosses } from './report.js';
import { writeWorkload } from './workload.js';

// The convnet in one process and in two, each with batches of 128 and one thread: how much of the second one is gained.
// Perfect scaling does twice the work in the same time, an efficiency of 1. Then a trace of one step, and what the Trainer adds
// to a step in two processes.
requireCompiled();
const options = readOptions({ rounds: 5, steps: 30 });
const manifest = writeWorkload(dataFolder, { kind: 'cnn', batchSize: 128, batches: 32 });
const sides = [
  ['ours', nodeSide('ours', 'ddp')],
  ['python-torch', pythonSide('python-torch', 'ddp.py', [], ['torch'])],
] as const;
const threads = String(options.threads);
const environment = (processes: number, steps = options.steps): Record<string, string> => ({
  OMP_NUM_THREADS: threads,
  MKL_NUM_THREADS: threads,
  OPENBLAS_NUM_THREADS: threads,
  BENCH_THREADS: threads,
  BENCH_MANIFEST: manifest,
  BENCH_WARM_UP: '5',
  BENCH_STEPS: String(steps),
  BENCH_PROCESSES: String(processes),
});

interface Scaling {
  /** Seconds a step with one process, and with two. */
  readonly one: number[];
  readonly two: number[];
  /** Of the first process of two. */
  losses: number[];
}

const present = sides.filter((entry): entry is readonly ['ours' | 'python-torch', Side] => entry[1] !== undefined);
const results = new Map<string, Scaling>(present.map(([name]) => [name, { one: [], two: [], losses: [] }]));
for (let round = 0; round < options.rounds; round += 1) {
  // The order turns, so that a slow minute of the machine hits all alike.
  for (let turn = 0; turn < present.length; turn += 1) {
    const [name, side] = present[(round + turn) % present.length]!;
    process.stderr.write(`[bench] ddp: round ${round + 1} of ${options.rounds}, ${name}\n`);
    const found = results.get(name)!;
    found.one.push(runSide(side, environment(1)).seconds);
    const two = runSide(side, environment(2));
    found.two.push(two.seconds);
    found.losses = two.losses ?? [];
  }
}

const digits = (value: number, count: number): number => Number(value.toFixed(count));
const scaling = Object.fromEntries(
  [...results].map(([name, { one, two }]) => [
    name,
    {
      'one ms/step': digits(median(one) * 1000, 1),
      'two ms/step': digits(median(two) * 1000, 1),
      // Within a round, because the machine's speed drifts between them.
      efficiency: digits(median(one.map((seconds, round) => seconds / two[round]!)), 3),
    },
  ]),
);

process.stderr.write('[bench] ddp: a trace, and the cost of the Trainer\n');
const trace = path.join(dataFolder, 'ddp-trace.json');
const { extra: overlap = {} } = runSide(sides[0][1], { ...environment(2, 5), BENCH_TRACE: trace });
const { extra: cost = {} } = runSide(nodeSide('ours', 'ddpOverhead'), { ...environment(2), BENCH_STEPS: '1000' });
const micros = Object.fromEntries(Object.entries(cost).map(([name, value]) => [name, digits(value, 1)]));

const python = results.get('python-torch');
const losses = python === undefined ? null : compareLosses(results.get('ours')!.losses, python.losses);
if (options.json)
  process.stdout.write(`${JSON.stringify({ bench: 'ddp', options, scaling, losses, overlap, trainer: micros })}\n`);
else {
  console.table(scaling);
  if (losses !== null) console.log(`losses in two processes, ours and Python's: ${losses}`);
  console.log(
    `${overlap.begunInBackward} of ${overlap.exchanges} exchanges of gradients began before the last gradient; trace: ${trace}`,
  );
  console.log(
    `the Trainer's own ${micros.ownMicros} µs a step, beside ${micros.tellingMicros} µs to tell the other process to go on; whole steps: by hand ` +
      `${micros.rawStepMicros} µs, telling ${micros.tellingStepMicros} µs, Trainer ${micros.trainerStepMicros} µs`,
  );
}
