import { linspace, setNumThreads, type Tensor } from '@lightning-ts/torch';
import { load } from '@lightning-ts/torch/serialize';
import { report, residentMb, StepClock } from '../measure.js';

/** Saves and loads 100 MB, over and over, and reports the time of one of each. */
export async function serializeLoop(save: (state: Map<string, Tensor>, path: string) => Promise<void>): Promise<void> {
  const { BENCH_FILE = '', BENCH_WARM_UP, BENCH_STEPS, BENCH_THREADS } = process.env;
  setNumThreads(Number(BENCH_THREADS));
  const state = new Map(
    Array.from({ length: 25 }, (_, i) => [`layer${i}.weight`, linspace(-1, 1, 1 << 20).reshape([1024, 1024])] as const),
  );
  const warmUp = Number(BENCH_WARM_UP);
  const steps = Number(BENCH_STEPS);
  const clock = new StepClock(warmUp, steps);
  const spent = { save: 0, load: 0 };
  let loaded: Record<string, Tensor> = {};
  for (let step = 0; step < clock.total; step += 1) {
    clock.begin();
    const started = performance.now();
    await save(state, BENCH_FILE);
    const saved = performance.now();
    loaded = (await load(BENCH_FILE)) as Record<string, Tensor>;
    const ended = performance.now();
    if (step >= warmUp && step < warmUp + steps) {
      spent.save += saved - started;
      spent.load += ended - saved;
    }
  }
  report({
    seconds: clock.secondsPerStep,
    losses: [loaded['layer24.weight']!.double().sum().item()],
    peakRssMb: residentMb().peak,
    extra: { saveMs: spent.save / steps, loadMs: spent.load / steps },
  });
}
