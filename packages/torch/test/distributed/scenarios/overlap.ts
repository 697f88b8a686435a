import * as dist from '../../../src/distributed/index.js';
import * as torch from '../../../src/index.js';
import * as nn from '../../../src/nn/index.js';
import { profile } from '../../../src/profiler/index.js';

/** What a trace of one step shows of its exchanges: how many there were, and how many of them before the last gradient. */
export interface Overlap {
  begun: number;
  begunBefore: number;
  /** Under way, on the threads of the backend. */
  runningBefore: number;
}

/** Steps of a model whose gradients travel in several buckets. */
export function traces(steps: number): Overlap[] {
  torch.manualSeed(1);
  const layers = Array.from({ length: 6 }, () => new nn.Linear(256, 256));
  const wrapper = new dist.DistributedDataParallel(new nn.Sequential(...layers), { bucketCapMb: 0.25 });
  const step = () =>
    wrapper
      .forward(torch.randn([64, 256]))
      .pow(2)
      .mean()
      .backward();
  // The first one learns the order of the gradients.
  for (let i = 0; i < 2; i += 1) step();
  const found = Array.from({ length: steps }, () => overlapOf(profile({}, step)));
  wrapper.dispose();
  return found;
}

function overlapOf(profiler: ReturnType<typeof profile>): Overlap {
  const events = profiler.events();
  const lastGradient = events.findLast(({ name }) => name === 'torch::autograd::AccumulateGrad')!;
  const startsOf = (name: string) => events.filter((event) => event.name === name).map(({ start }) => start);
  const isBefore = (start: number) => start < lastGradient.start;
  const begun = startsOf('c10d::allreduce_');
  return {
    begun: begun.length,
    begunBefore: begun.filter(isBefore).length,
    runningBefore: startsOf('gloo:all_reduce').filter(isBefore).length,
  };
}
