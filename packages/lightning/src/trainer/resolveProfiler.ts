import { describe } from '../describe.js';
import { LightningError } from '../errors.js';
import { AdvancedProfiler } from '../profilers/advancedProfiler.js';
import { Profiler } from '../profilers/profiler.js';
import { PyTorchProfiler } from '../profilers/pyTorchProfiler.js';
import { SimpleProfiler } from '../profilers/simpleProfiler.js';

/** The profilers that have a name. */
const named = { simple: SimpleProfiler, advanced: AdvancedProfiler, pytorch: PyTorchProfiler } as const;

/** A profiler, or the name of one. */
export type ProfilerOption = keyof typeof named | Profiler;

/** @throws LightningError OPTION_INVALID, OPTION_UNAVAILABLE for a profiler of the reference that is not here */
export function resolveProfiler(option: ProfilerOption | null): Profiler | null {
  if (option === null || option instanceof Profiler) return option;
  const name = String(option);
  if (Object.hasOwn(named, name)) return new named[name as keyof typeof named]();
  if (name === 'xla') {
    throw new LightningError(
      'OPTION_UNAVAILABLE',
      "profiler 'xla' needs a TPU, which this engine does not drive. Use 'simple', 'advanced' or 'pytorch'.",
    );
  }
  throw new LightningError(
    'OPTION_INVALID',
    `profiler is ${describe(option)}. Use 'simple', 'advanced', 'pytorch' or an instance of a class that extends Profiler.`,
  );
}
