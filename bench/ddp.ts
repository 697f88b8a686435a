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
import { writeWorkload } from './workload.js';

// The convnet in one process and in two, each with batches of 128 and one thread: how much of the second one is gained.
// Perfect scaling does twice the work in the same time, an efficiency of 1.
requireCompiled();
const options = readOptions({ rounds: 5, steps: 30 });
const manifest = writeWorkload(dataFolder, { kind: 'cnn', batchSize: 128, batches: 32 });
const sides = [
  ['ours', nodeSide('ours', 'ddp')],
  ['python-torch', pythonSide('python-torch', 'ddp.py', [], ['torch'])],
] as const;
const threads = String(options.threads);
const environment = (processes: number): Record<string, string> => ({
  OMP_NUM_THREADS: threads,
  MKL_NUM_THREADS: threads,
  OPENBLAS_NUM_THREADS: threads,
  BENCH_THREADS: threads,
  BENCH_MANIFEST: manifest,
  BENCH_WARM_UP: '5',
  BENCH_STEPS: String(options.steps),
  BENCH_PROCESSES: String(processes),
});

interface Scaling {
  /** Seconds a step with one process, and with two. */
  readonly one: number[];
  readonly two: number[];
}

const present = sides.filter((entry): entry is readonly ['ours' | 'python-torch', Side] => entry[1] !== undefined);
const results = new Map<string, Scaling>(present.map(([name]) => [name, { one: [], two: [] }]));
for (let round = 0; round < options.rounds; round += 1) {
  // The order turns, so that a slow minute of the machine hits all alike.
  for (let turn = 0; turn < present.length; turn += 1) {
    const [name, side] = present[(round + turn) % present.length]!;
    process.stderr.write(`[bench] ddp: round ${round + 1} of ${options.rounds}, ${name}\n`);
    results.get(name)!.one.push(runSide(side, environment(1)).seconds);
    results.get(name)!.two.push(runSide(side, environment(2)).seconds);
  }
}

const table = Object.fromEntries(
  [...results].map(([name, { one, two }]) => [
    name,
    {
      'one ms/step': Number((median(one) * 1000).toFixed(1)),
      'two ms/step': Number((median(two) * 1000).toFixed(1)),
      // Within a round, because the machine's speed drifts between them.
      efficiency: Number(median(one.map((seconds, round) => seconds / two[round]!)).toFixed(3)),
    },
  ]),
);
if (options.json) process.stdout.write(`${JSON.stringify({ bench: 'ddp', options, scaling: table })}\n`);
else console.table(table);
