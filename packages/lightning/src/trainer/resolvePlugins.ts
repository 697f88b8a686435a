import { type CheckpointIO, TorchCheckpointIO } from '../checkpoint/checkpointIo.js';
import { describe } from '../describe.js';
import { LightningError } from '../errors.js';
import { Precision } from '../precision/precision.js';
import { ClusterEnvironment } from '../strategies/clusterEnvironment.js';
import { detectEnvironment } from '../strategies/environments/detectEnvironment.js';
import { LayerSync } from '../strategies/layerSync.js';

/** A part of the Trainer that can be replaced. */
export type Plugin = CheckpointIO | Precision | ClusterEnvironment | LayerSync;

/** The parts that `plugins` replaces, with the usual ones where it does not. */
export interface ResolvedPlugins {
  readonly checkpointIo: CheckpointIO;
  /** Null: the one that `precision` names. */
  readonly precision: Precision | null;
  /** What started this process, and what it says of the job. */
  readonly environment: ClusterEnvironment;
  /** Null: what `syncBatchnorm` says. */
  readonly layerSync: LayerSync | null;
}

/** @throws LightningError OPTION_INVALID, OPTION_CONFLICT for two of one kind */
export function resolvePlugins(given: Plugin | readonly Plugin[]): ResolvedPlugins {
  const list = (Array.isArray(given) ? given : [given]) as readonly unknown[];
  const wrong = list.findIndex((plugin) => !kinds.some((kind) => kind.is(plugin)));
  if (wrong >= 0) {
    throw new LightningError(
      'OPTION_INVALID',
      `plugins[${wrong}] is ${describe(list[wrong])}. Use a Precision, a ClusterEnvironment, a LayerSync, or a CheckpointIO: an object with ` +
        'saveCheckpoint, loadCheckpoint and removeCheckpoint.',
    );
  }
  const [precision, environment, layerSync, checkpointIo] = kinds.map(({ is, name }) => {
    const found = list.filter(is);
    if (found.length <= 1) return found[0] ?? null;
    throw new LightningError(
      'OPTION_CONFLICT',
      `plugins has ${found.length} ${name}s, but a Trainer has one. Leave one.`,
    );
  });
  return {
    precision: precision as Precision | null,
    environment: (environment as ClusterEnvironment | null) ?? detectEnvironment(),
    layerSync: layerSync as LayerSync | null,
    checkpointIo: (checkpointIo as CheckpointIO | null) ?? new TorchCheckpointIO(),
  };
}

const kinds: readonly { readonly name: string; readonly is: (value: unknown) => boolean }[] = [
  { name: 'Precision', is: (value) => value instanceof Precision },
  { name: 'ClusterEnvironment', is: (value) => value instanceof ClusterEnvironment },
  { name: 'LayerSync', is: (value) => value instanceof LayerSync },
  { name: 'CheckpointIO', is: isCheckpointIO },
];

function isCheckpointIO(value: unknown): value is CheckpointIO {
  if (typeof value !== 'object' || value === null) return false;
  const io = value as Partial<Record<keyof CheckpointIO, unknown>>;
  return [io.saveCheckpoint, io.loadCheckpoint, io.removeCheckpoint].every((method) => typeof method === 'function');
}
