import { execFileSync } from 'node:child_process';

/**
 * Two hosts on one machine: network namespaces with a cable between them. What runs in one reaches the other by its address, and
 * by nothing else.
 */
export class NetworkHosts {
  private constructor(private readonly names: readonly [string, string]) {}

  /** Null where this process may not make namespaces, or has no `ip`. */
  static make(): NetworkHosts | null {
    const hosts = new NetworkHosts([`lt${process.pid}a`, `lt${process.pid}b`]);
    try {
      hosts.connect();
      return hosts;
    } catch {
      hosts.remove();
      return null;
    }
  }

  address(host: 0 | 1): string {
    return `10.77.0.${host + 1}`;
  }

  /** What to put before a command that runs on a host. */
  command(host: 0 | 1): readonly string[] {
    return ['ip', 'netns', 'exec', this.names[host]];
  }

  /** From now on nothing arrives any more, and nobody is told: both send to a card that does not exist. */
  cut(): void {
    for (const host of [0, 1] as const) {
      const other = this.address(host === 0 ? 1 : 0);
      this.on(host, 'neigh', 'replace', other, 'lladdr', '02:00:00:00:00:99', 'nud', 'permanent', 'dev', 'cable');
    }
  }

  remove(): void {
    for (const name of this.names) {
      try {
        ip('netns', 'del', name);
      } catch {
        // It was never made.
      }
    }
  }

  private connect(): void {
    const [first, second] = this.names;
    for (const name of this.names) ip('netns', 'add', name);
    ip('-n', first, 'link', 'add', 'cable', 'type', 'veth', 'peer', 'name', 'cable', 'netns', second);
    for (const host of [0, 1] as const) {
      this.on(host, 'addr', 'add', `${this.address(host)}/24`, 'dev', 'cable');
      for (const card of ['lo', 'cable']) this.on(host, 'link', 'set', card, 'up');
    }
  }

  private on(host: 0 | 1, ...args: readonly string[]): void {
    ip('-n', this.names[host], ...args);
  }
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'ignore'] });
}
