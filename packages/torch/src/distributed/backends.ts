import { native } from '../native.js';
import { version } from '../runtime.js';
import { DistributedError } from './distributedError.js';

/** What carries collectives: gloo between CPUs, nccl between CUDA devices. */
export type BackendName = 'gloo' | 'nccl';

/** The backends of this build. Empty when there are none. */
export const availableBackends = (): BackendName[] => (native.distributedBackends() ?? []) as BackendName[];

/** Whether this build can make process groups. */
export const isAvailable = (): boolean => availableBackends().length > 0;

/** Throws when this libtorch has no stores. */
export function requireStores(): void {
  if (native.distributedBackends() !== null) return;
  throw new DistributedError(
    'DISTRIBUTED_BACKEND',
    `this libtorch (${version.libtorch}) was built without its communication library (c10d), so that one process is all it can run. Debian's libtorch-dev has it; run npm run build:addon after installing another one`,
  );
}

/** Throws when this build cannot make groups with that backend. */
export function requireBackend(name: string): void {
  requireStores();
  const available = availableBackends();
  if ((available as string[]).includes(name)) return;
  const known = name === 'gloo' || name === 'nccl';
  const cure =
    name === 'gloo'
      ? 'Install libtorch-dev and libgloo-dev of one Debian release and run npm run build:addon: the archives of pytorch.org come without the headers of gloo.'
      : 'It needs a libtorch with CUDA and the headers of NCCL when the addon is built.';
  throw new DistributedError(
    'DISTRIBUTED_BACKEND',
    `there is no backend '${name}' here; this build has ${available.length === 0 ? 'none' : available.map((each) => `'${each}'`).join(', ')}. ${known ? cure : "Use 'gloo' or 'nccl'."}`,
  );
}
