import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process of the job, as the others know it. */
export interface Peer {
  host: string;
  pid: number;
  /** Two processes with the same text here see each other's process ids. */
  scope: string;
}

const read = (fn: () => string): string => {
  try {
    return fn().trim();
  } catch {
    return '';
  }
};

export function ownPeer(): Peer {
  const boot = read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'));
  const namespace = read(() => readlinkSync('/proc/self/ns/pid'));
  return { host: hostname(), pid: process.pid, scope: `${hostname()} ${boot} ${namespace}` };
}

/** Whether a process of this machine has ended. One that nobody has waited for yet counts as ended. */
function hasEnded(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  const stat = read(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  const state = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
  return state === 'Z' || state === 'X';
}

export interface GonePeer {
  rank: number;
  description: string;
}

/**
 * Those of `ranks` whose process is seen to have ended; processes of other machines cannot be seen. A system closes the
 * connections of a process a moment before it calls it ended, so this looks for up to `patience` milliseconds.
 */
export function gonePeers(ranks: readonly number[], peers: readonly Peer[], own: Peer, patience: number): GonePeer[] {
  const near = ranks.filter((rank) => peers[rank]?.scope === own.scope && peers[rank]?.pid !== own.pid);
  const until = Date.now() + patience;
  for (;;) {
    const gone = near.filter((rank) => hasEnded(peers[rank]!.pid));
    if (gone.length > 0 || near.length === 0 || Date.now() >= until)
      return gone.map((rank) => {
        const { pid, host } = peers[rank]!;
        return { rank, description: `the process of rank ${rank} (pid ${pid} on ${host}) has ended` };
      });
    Atomics.wait(nothing, 0, 0, 5);
  }
}

const nothing = new Int32Array(new SharedArrayBuffer(4));
