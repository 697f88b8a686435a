import type { ProfilerRecords } from '../native.js';

/** What ran: an operator, a step of the backward pass, a TorchScript method, or a range that `recordFunction` named. */
export type ProfilerEventKind = 'operator' | 'backward' | 'script' | 'user';

/** One run of something. Times are microseconds. */
export interface ProfilerEvent {
  name: string;
  kind: ProfilerEventKind;
  /** Since recording began. */
  start: number;
  /** With everything inside. */
  cpuTimeTotal: number;
  /** Without what its children took. */
  selfCpuTimeTotal: number;
  /** Bytes of CPU memory taken less bytes given back, with everything inside. */
  cpuMemoryUsage: number;
  selfCpuMemoryUsage: number;
  /** Shapes of the arguments, with `recordShapes`: `[]` for what is no tensor, nested for lists of tensors. */
  inputShapes: NestedShape[] | null;
  /** The JavaScript that called it, innermost first, with `withStack`: of operators that no other operator called. */
  stack: string[] | null;
  threadId: number;
  /** Ties a backward step to the operator it belongs to; null for what has no backward. */
  sequenceNumber: number | null;
  /** The thread of that operator, for backward steps. */
  forwardThreadId: number | null;
  parent: ProfilerEvent | null;
  children: ProfilerEvent[];
}

export type NestedShape = number | NestedShape[];

const columns = 11;
const kinds: readonly ProfilerEventKind[] = ['operator', 'backward', 'script', 'user'];

/** The engine's own part of a backward step, around the step. */
const engineStep = 'autograd::engine::evaluate_function';

/** The events of a recording in order of their starts, as a forest for each thread. */
export function readEvents({ texts, records }: ProfilerRecords): ProfilerEvent[] {
  const events: ProfilerEvent[] = [];
  const shapes = new Map<number, NestedShape[]>();
  const shapesAt = (index: number): NestedShape[] => {
    let found = shapes.get(index);
    if (found === undefined) {
      found = JSON.parse(texts[index]!) as NestedShape[];
      shapes.set(index, found);
    }
    return found;
  };
  for (let at = 0; at < records.length; at += columns) {
    const [name, scope, start, end, threadId, forwardThreadId, sequence, bytes, shape, stack] = records.subarray(
      at,
      at + columns,
    ) as unknown as number[];
    events.push({
      name: texts[name!]!,
      kind: texts[name!]!.startsWith(engineStep) ? 'backward' : kinds[scope!]!,
      start: start!,
      cpuTimeTotal: end! - start!,
      selfCpuTimeTotal: end! - start!,
      cpuMemoryUsage: bytes!,
      selfCpuMemoryUsage: bytes!,
      inputShapes: shape! < 0 ? null : shapesAt(shape!),
      stack: stack! < 0 ? null : texts[stack!]!.split('\n').filter((line) => line !== ''),
      threadId: threadId!,
      sequenceNumber: sequence! < 0 ? null : sequence!,
      forwardThreadId: scope === 1 && forwardThreadId! > 0 ? forwardThreadId! : null,
      parent: null,
      children: [],
    });
  }
  // Of two that begin together the longer one is outside.
  events.sort((a, b) => a.start - b.start || b.cpuTimeTotal - a.cpuTimeTotal);
  nest(events);
  return events;
}

const endOf = (event: ProfilerEvent): number => event.start + event.cpuTimeTotal;

/** What lies within another event of its thread is its child. Ranges around asynchronous work may overlap; those are not. */
function nest(events: ProfilerEvent[]): void {
  const open = new Map<number, ProfilerEvent[]>();
  for (const event of events) {
    const stack = (open.get(event.threadId) ?? []).filter((outer) => endOf(outer) > event.start);
    open.set(event.threadId, stack);
    const parent = stack.findLast((outer) => endOf(outer) >= endOf(event));
    stack.push(event);
    if (parent === undefined) continue;
    event.parent = parent;
    parent.children.push(event);
    parent.selfCpuTimeTotal -= event.cpuTimeTotal;
    parent.selfCpuMemoryUsage -= event.cpuMemoryUsage;
  }
}
