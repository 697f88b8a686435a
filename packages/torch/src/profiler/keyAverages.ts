import type { ProfilerEvent } from './event.js';
import { formatTable, type TableOptions } from './table.js';

/** All events of one name. Times are microseconds, memory bytes. */
export interface EventAverage {
  key: string;
  count: number;
  cpuTimeTotal: number;
  selfCpuTimeTotal: number;
  /** The average of one call, with everything inside. */
  cpuTime: number;
  cpuMemoryUsage: number;
  selfCpuMemoryUsage: number;
  /** Of all calls the same, when grouped by it. */
  inputShapes: ProfilerEvent['inputShapes'];
  stack: string[] | null;
}

export interface KeyAveragesOptions {
  /** Calls with different shapes are different rows; needs `recordShapes`. Default false. */
  groupByInputShape?: boolean;
  /** Calls from different places are different rows, by this many lines of the stack; needs `withStack`. Default 0. */
  groupByStackN?: number;
}

/** An event whose only child has the same name counts once: the same operator called itself for another back end. */
const repeatsParent = ({ parent, name }: ProfilerEvent): boolean =>
  parent !== null && parent.name === name && parent.children.length === 1;

/** What a recording spent on each name. */
export class KeyAverages implements Iterable<EventAverage> {
  private readonly rows: EventAverage[];

  constructor(
    events: ProfilerEvent[],
    options: KeyAveragesOptions,
    private readonly showsMemory: boolean,
  ) {
    const { groupByInputShape = false, groupByStackN = 0 } = options;
    const rows = new Map<string, EventAverage>();
    for (const event of events) {
      const shapes = groupByInputShape ? event.inputShapes : null;
      const stack = groupByStackN > 0 ? (event.stack?.slice(0, groupByStackN) ?? null) : null;
      const key = JSON.stringify([event.name, shapes, stack]);
      let row = rows.get(key);
      if (row === undefined) {
        row = {
          key: event.name,
          count: 0,
          cpuTimeTotal: 0,
          selfCpuTimeTotal: 0,
          cpuTime: 0,
          cpuMemoryUsage: 0,
          selfCpuMemoryUsage: 0,
          inputShapes: shapes,
          stack,
        };
        rows.set(key, row);
      }
      row.selfCpuTimeTotal += event.selfCpuTimeTotal;
      row.selfCpuMemoryUsage += event.selfCpuMemoryUsage;
      if (repeatsParent(event)) continue;
      row.count += 1;
      row.cpuTimeTotal += event.cpuTimeTotal;
      row.cpuMemoryUsage += event.cpuMemoryUsage;
    }
    this.rows = [...rows.values()].filter((row) => row.count > 0);
    for (const row of this.rows) row.cpuTime = row.cpuTimeTotal / row.count;
  }

  get length(): number {
    return this.rows.length;
  }
  /** The row of a name, the first when there are several. */
  get(key: string): EventAverage | undefined {
    return this.rows.find((row) => row.key === key);
  }
  [Symbol.iterator](): Iterator<EventAverage> {
    return this.rows[Symbol.iterator]();
  }

  /** The rows as text, as PyTorch's profiler prints them. */
  table(options: TableOptions = {}): string {
    return formatTable(this.rows, options, this.showsMemory);
  }
}
