import { DDPStrategy, LightningModule, Trainer } from '@lightning-ts/lightning';
import { ones, setNumThreads, type Tensor, tensor, zeros } from '@lightning-ts/torch';
import { DistributedDataParallel, type ProcessGroup, type Work } from '@lightning-ts/torch/distributed';
import { Parameter } from '@lightning-ts/torch/nn';
import { SGD } from '@lightning-ts/torch/optim';
import { report, residentMb } from '../measure.js';

// What the Trainer adds to a step in two processes, with the smallest model there is. Three loops in turn, in the same two
// processes: by hand on c10d's reducer; the same, telling the other process after each step whether to go on, as a loop must
// that can be stopped; and the Trainer, which does that too. Time in which a process waits for the other one, inside backward and
// for what they tell each other, is left out of the differences: it is long, and changes with every step.
setNumThreads(1);
const steps = Number(process.env.BENCH_STEPS ?? 1000);
const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const warmUp = 200;
const total = warmUp + steps + 1;
const data: Tensor[] = Array.from({ length: 500 }, () => ones([4]));

interface Moment {
  readonly at: number;
  /** Milliseconds until then that this process waited for the other one. */
  readonly waited: number;
}

/** Microseconds of a step, and those of them in which this process did not wait for the other one. */
interface StepTime {
  readonly all: number;
  readonly own: number;
}

let waited = 0;
const now = (): Moment => ({ at: performance.now(), waited });

/** Counts the time inside a method of an object's class. */
function countWaiting<Name extends string>(object: Record<Name, (...args: never[]) => unknown>, name: Name): void {
  const prototype = Object.getPrototypeOf(object) as Record<Name, (...args: unknown[]) => unknown>;
  const original = prototype[name];
  prototype[name] = function (this: unknown, ...args: unknown[]) {
    const start = performance.now();
    try {
      return original.apply(this, args);
    } finally {
      waited += performance.now() - start;
    }
  };
}

class Slope extends LightningModule<Tensor> {
  weight = new Parameter(zeros([1]));
  calls = 0;
  private started: Moment = now();
  private stopped: Moment = now();

  clock(): void {
    if (this.calls === warmUp) this.started = now();
    if (this.calls === warmUp + steps) this.stopped = now();
    this.calls += 1;
  }

  /** Microseconds a step. */
  get time(): StepTime {
    const perStep = (end: number, start: number): number => ((end - start) * 1000) / steps;
    const all = perStep(this.stopped.at, this.started.at);
    return { all, own: all - perStep(this.stopped.waited, this.started.waited) };
  }

  override trainingStep(batch: Tensor): Tensor {
    this.clock();
    return this.weight.mul(batch).sum();
  }

  override configureOptimizers(): SGD {
    return new SGD(this.parameters(), { lr: 1e-3 });
  }
}

async function byTrainer(): Promise<{ time: StepTime; group: ProcessGroup; isFirst: boolean }> {
  const model = new Slope();
  const strategy = new DDPStrategy();
  const trainer = new Trainer({
    accelerator: 'cpu',
    devices: 2,
    strategy,
    maxSteps: total,
    maxEpochs: -1,
    barebones: true,
    useDistributedSampler: false,
  });
  await trainer.fit(model, data);
  return { time: model.time, group: strategy.processGroup, isFirst: trainer.isGlobalZero };
}

function byHand(group: ProcessGroup, tells: boolean): StepTime {
  const model = new Slope();
  const wrapper = new DistributedDataParallel(model, { processGroup: group });
  const optimizer = new SGD(model.parameters(), { lr: 1e-3 });
  let flags: Tensor | null = null;
  let telling: Work | null = null;
  while (model.calls < total) {
    for (const batch of data) {
      const loss = wrapper.runForward(() => model.trainingStep(batch));
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      if (tells) {
        telling?.wait();
        flags?.dispose();
        flags = tensor([0, 0], { dtype: 'int32' });
        telling = group.allReduce(flags, { op: 'max', asyncOp: true });
      }
      if (model.calls === total) break;
    }
  }
  telling?.wait();
  wrapper.dispose();
  return model.time;
}

const samples: Record<'raw' | 'telling' | 'trainer', StepTime[]> = { raw: [], telling: [], trainer: [] };
let isFirst = false;
// The first round is the compiler's.
for (let round = 0; round <= rounds; round += 1) {
  const trained = await byTrainer();
  isFirst = trained.isFirst;
  const { group } = trained;
  if (round === 0) {
    countWaiting(data[0]!, 'backward');
    countWaiting(group.barrier({ asyncOp: true }), 'wait');
  }
  group.barrier();
  const raw = byHand(group, false);
  group.barrier();
  const telling = byHand(group, true);
  group.barrier();
  if (round === 0) continue;
  samples.raw.push(raw);
  samples.telling.push(telling);
  samples.trainer.push(trained.time);
}

// The fastest round of each: what disturbs a round only ever makes it slower.
const least = (times: readonly StepTime[], kind: keyof StepTime): number =>
  Math.min(...times.map((time) => time[kind]));
const own = least(samples.trainer, 'own') - least(samples.telling, 'own');
if (isFirst)
  report({
    seconds: own / 1e6,
    peakRssMb: residentMb().peak,
    extra: {
      ownMicros: own,
      tellingMicros: least(samples.telling, 'own') - least(samples.raw, 'own'),
      rawStepMicros: least(samples.raw, 'all'),
      tellingStepMicros: least(samples.telling, 'all'),
      trainerStepMicros: least(samples.trainer, 'all'),
    },
  });
