import type { ProfilerEvent } from './event.js';

const categories = { operator: 'cpu_op', backward: 'cpu_op', script: 'cpu_op', user: 'user_annotation' } as const;

interface TraceContext {
  /** Microseconds since 1970 at the recording's start. */
  startMicroseconds: number;
  showsMemory: boolean;
}

/** The events in the Trace Event Format that chrome://tracing, Perfetto and TensorBoard read. */
export function chromeTrace(events: ProfilerEvent[], { startMicroseconds, showsMemory }: TraceContext): string {
  const at = (time: number) => Math.round((startMicroseconds + time) * 1000) / 1000;
  const traceEvents: object[] = [
    { ph: 'M', name: 'process_name', pid: process.pid, tid: 0, args: { name: 'node' } },
    { ph: 'M', name: 'process_labels', pid: process.pid, tid: 0, args: { labels: 'CPU' } },
  ];
  for (const threadId of new Set(events.map((event) => event.threadId)))
    traceEvents.push({
      ph: 'M',
      name: 'thread_name',
      pid: process.pid,
      tid: threadId,
      args: { name: `thread ${threadId}` },
    });
  for (const [i, event] of events.entries())
    traceEvents.push({
      ph: 'X',
      cat: categories[event.kind],
      name: event.name,
      pid: process.pid,
      tid: event.threadId,
      ts: at(event.start),
      dur: Math.round(event.cpuTimeTotal * 1000) / 1000,
      args: {
        'External id': i + 1,
        ...(event.sequenceNumber === null ? {} : { 'Sequence number': event.sequenceNumber }),
        ...(event.forwardThreadId === null ? {} : { 'Fwd thread id': event.forwardThreadId }),
        ...(event.inputShapes === null ? {} : { 'Input Dims': event.inputShapes }),
        ...(event.stack === null ? {} : { 'Call stack': event.stack.join(';') }),
        ...(showsMemory ? { Bytes: event.cpuMemoryUsage } : {}),
      },
    });
  traceEvents.push(...flows(events, at));
  return `${JSON.stringify({ schemaVersion: 1, displayTimeUnit: 'ms', deviceProperties: [], traceEvents })}\n`;
}

/** Arrows from operators to the backward steps that belong to them. */
function flows(events: ProfilerEvent[], at: (time: number) => number): object[] {
  const forward = new Map<string, ProfilerEvent>();
  for (const event of events)
    if (event.forwardThreadId === null && event.sequenceNumber !== null)
      forward.set(`${event.threadId}/${event.sequenceNumber}`, event);
  const arrows: object[] = [];
  for (const event of events) {
    if (event.forwardThreadId === null || event.parent?.sequenceNumber === event.sequenceNumber) continue;
    const from = forward.get(`${event.forwardThreadId}/${event.sequenceNumber}`);
    if (from === undefined) continue;
    const common = { cat: 'fwdbwd', name: 'fwdbwd', id: arrows.length / 2 + 1, pid: process.pid };
    arrows.push(
      { ph: 's', ...common, tid: from.threadId, ts: at(from.start) },
      { ph: 'f', bp: 'e', ...common, tid: event.threadId, ts: at(event.start) },
    );
  }
  return arrows;
}
