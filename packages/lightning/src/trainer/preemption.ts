import { nextHpcCheckpoint } from './checkpointPath.js';
import type { ResolvedOptions } from './resolveOptions.js';
import type { Trainer } from './trainer.js';

/** The signals that save a checkpoint before the run ends. */
export function preemptionSignals({ plugins, preemptionSignal }: ResolvedOptions): NodeJS.Signals[] {
  return [preemptionSignal, plugins.environment.requeueSignal].filter((signal) => signal !== null);
}

/**
 * Saves what a later start goes on from, and has the job queued again where the cluster offers that.
 *
 * @returns the checkpoint's path
 */
export async function saveForLater(trainer: Trainer): Promise<string> {
  const { checkpointIo, control, defaultRootDir, options } = trainer;
  const path = nextHpcCheckpoint(defaultRootDir);
  await trainer.saveCheckpoint(path);
  // The process may have seconds left: nothing may still be on its way to the disk.
  await checkpointIo.flush?.();
  const { environment } = options.plugins;
  if (trainer.isGlobalZero && environment.requeueSignal === control.signal) await environment.requeue();
  return path;
}
