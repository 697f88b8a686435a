import { readFileSync } from 'node:fs';
import { cpus, freemem, totalmem } from 'node:os';

/** What the processor and the memory of this machine are doing, in percent, under the names of psutil's callers. */
export class CpuStats {
  private before = cpuTimes();

  /**
   * @returns `cpu_percent`: how busy all cores were since the last call; `cpu_vm_percent`: memory that is not available;
   *   `cpu_swap_percent`: swap in use, on Linux
   */
  read(): Record<string, number> {
    const now = cpuTimes();
    const total = now.total - this.before.total;
    const busy = total - (now.idle - this.before.idle);
    this.before = now;
    const memory = memoryInfo();
    const whole = memory.MemTotal ?? totalmem();
    const available = memory.MemAvailable ?? freemem();
    const stats: Record<string, number> = {
      cpu_vm_percent: percent(whole - available, whole),
      cpu_percent: percent(busy, total),
    };
    const { SwapFree, SwapTotal } = memory;
    if (SwapFree !== undefined && SwapTotal !== undefined)
      stats.cpu_swap_percent = percent(SwapTotal - SwapFree, SwapTotal);
    return stats;
  }
}

/** One decimal, as psutil. */
function percent(part: number, whole: number): number {
  return whole <= 0 ? 0 : Math.round((1000 * part) / whole) / 10;
}

function cpuTimes(): { readonly total: number; readonly idle: number } {
  let total = 0;
  let idle = 0;
  for (const { times } of cpus()) {
    total += times.user + times.nice + times.sys + times.irq + times.idle;
    idle += times.idle;
  }
  return { total, idle };
}

/** Bytes by name; empty where the system has no such file. */
function memoryInfo(): Partial<Record<string, number>> {
  let text: string;
  try {
    text = readFileSync('/proc/meminfo', 'utf8');
  } catch {
    return {};
  }
  return Object.fromEntries(
    [...text.matchAll(/^(\w+): +(\d+) kB$/gm)].map(([, name, kb]) => [name!, Number(kb) * 1024]),
  );
}
