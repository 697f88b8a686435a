import type { Profiler as InspectorProfiler } from 'node:inspector';

/** A place in a call tree, merged over all profiles of a run. */
export interface CallNode {
  readonly frame: Frame;
  readonly parent: CallNode | null;
  readonly children: Map<string, CallNode>;
  readonly depth: number;
}

/** A function. */
export interface Frame {
  /** Tells functions apart. */
  readonly key: string;
  readonly name: string;
  readonly url: string;
  readonly scriptId: string;
  /** Counted from 0. */
  readonly line: number;
  readonly column: number;
}

/** One sample of a profile: from when, for how long, and where. Microseconds on the profile's clock. */
export interface Sample {
  readonly time: number;
  readonly duration: number;
  readonly node: CallNode;
}

/** The call tree of a run, put together from the profiles of its parts. */
export class CallTree {
  readonly root: CallNode = {
    frame: { key: '(root)', name: '(root)', url: '', scriptId: '0', line: -1, column: -1 },
    parent: null,
    children: new Map(),
    depth: 0,
  };

  /** Merges the nodes of a profile into the tree. Returns its samples. */
  add(profile: InspectorProfiler.Profile): Sample[] {
    const { nodes, samples = [], timeDeltas = [], startTime, endTime } = profile;
    const byId = new Map(nodes.map((node) => [node.id, node]));
    const places = new Map<number, CallNode>();
    const place = (id: number, parent: CallNode): void => {
      const node = byId.get(id)!;
      const own = this.child(parent, frameOf(node.callFrame, parent.frame));
      places.set(id, own);
      for (const child of node.children ?? []) place(child, own);
    };
    const [top] = nodes;
    if (top !== undefined) {
      places.set(top.id, this.root);
      for (const child of top.children ?? []) place(child, this.root);
    }
    const times: number[] = [];
    let time = startTime;
    for (const delta of timeDeltas) {
      time += delta;
      times.push(time);
    }
    // What ran at a sample is taken to run until the next.
    return samples.map((id, index) => ({
      time: times[index]!,
      duration: Math.max(0, (times[index + 1] ?? endTime) - times[index]!),
      node: places.get(id) ?? this.root,
    }));
  }

  private child(parent: CallNode, frame: Frame): CallNode {
    let node = parent.children.get(frame.key);
    if (node === undefined) {
      node = { frame, parent, children: new Map(), depth: parent.depth + 1 };
      parent.children.set(frame.key, node);
    }
    return node;
  }
}

/** Functions of the language, which have no place in a file either. */
const builtins = new Set(
  [Array, Map, Set, Promise, String, Object, Function, Reflect, JSON, Float64Array].flatMap((owner) => [
    ...Object.getOwnPropertyNames(owner),
    ...Object.getOwnPropertyNames('prototype' in owner ? owner.prototype : {}),
  ]),
);

function frameOf(callFrame: InspectorProfiler.ProfileNode['callFrame'], caller: Frame): Frame {
  const { columnNumber: column, functionName, lineNumber: line, scriptId, url } = callFrame;
  // All functions of an addon look alike to V8, which gives them the name of one.
  const isEngine =
    url === '' && /\/torch\/(src|dist)\//.test(caller.url) && /^\w+$/.test(functionName) && !builtins.has(functionName);
  const name = isEngine ? '(engine)' : functionName === '' ? '(anonymous)' : functionName;
  return { key: `${name}@${scriptId}:${line}:${column}`, name, url, scriptId, line, column };
}

/** What an action spent where: microseconds in each place itself, and the place that the action was called from. */
export type Spent = Map<CallNode, { time: number; samples: number; readonly calledFrom: CallNode | null }>;

/** A function's part in an action. Microseconds. */
export interface FunctionTime {
  readonly frame: Frame;
  samples: number;
  /** In the function itself. */
  self: number;
  /** With what it called. */
  total: number;
}

/** The functions of an action, those that took longest with all they called first. */
export function functionTimes(spent: Spent): FunctionTime[] {
  const functions = new Map<string, FunctionTime>();
  const of = (frame: Frame): FunctionTime => {
    let entry = functions.get(frame.key);
    if (entry === undefined) {
      entry = { frame, samples: 0, self: 0, total: 0 };
      functions.set(frame.key, entry);
    }
    return entry;
  };
  for (const [node, { calledFrom, samples, time }] of spent) {
    const own = of(node.frame);
    own.self += time;
    own.samples += samples;
    const seen = new Set<string>();
    for (
      let place: CallNode | null = node;
      place !== null && place !== calledFrom && place.parent !== null;
      place = place.parent
    ) {
      if (seen.has(place.frame.key)) continue;
      seen.add(place.frame.key);
      of(place.frame).total += time;
    }
  }
  return [...functions.values()].sort((a, b) => b.total - a.total || b.self - a.self);
}

/** What Chrome's developer tools and VS Code open as a `.cpuprofile`. The places stand in the tree's order, each once. */
export function cpuProfileOf(spent: Spent): InspectorProfiler.Profile {
  const nodes: (InspectorProfiler.ProfileNode & { children: number[] })[] = [];
  const ids = new Map<CallNode, number>();
  const samples: number[] = [];
  const timeDeltas: number[] = [];
  const idOf = (node: CallNode): number => {
    const known = ids.get(node);
    if (known !== undefined) return known;
    const id = nodes.length + 1;
    ids.set(node, id);
    const isTop = node.parent === null;
    const { column, line, name, scriptId, url } = node.frame;
    nodes.push({
      id,
      callFrame: { functionName: isTop ? '(root)' : name, scriptId, url, lineNumber: line, columnNumber: column },
      hitCount: 0,
      children: [],
    });
    return id;
  };
  const link = (node: CallNode, calledFrom: CallNode | null): void => {
    if (ids.has(node) || node.parent === null) return;
    const above = aboveOf(node, calledFrom);
    link(above, calledFrom);
    const parent = nodes[idOf(above) - 1]!;
    parent.children.push(idOf(node));
  };
  const rootOf = (node: CallNode): CallNode => {
    let place = node;
    while (place.parent !== null) place = place.parent;
    return place;
  };
  /** The caller inside the action: what called the action itself is left out. */
  const aboveOf = (node: CallNode, calledFrom: CallNode | null): CallNode =>
    node === calledFrom || node.parent === calledFrom || node.parent === null ? rootOf(node) : node.parent;
  const inOrder = [...spent].sort(([a], [b]) => comparePaths(a, b));
  if (inOrder.length > 0) idOf(rootOf(inOrder[0]![0]));
  let time = 0;
  for (const [node, entry] of inOrder) {
    link(node, entry.calledFrom);
    const id = idOf(node);
    nodes[id - 1]!.hitCount = entry.samples;
    samples.push(id);
    timeDeltas.push(time === 0 ? 0 : Math.round(time));
    time = entry.time;
  }
  const total = inOrder.reduce((sum, [, entry]) => sum + entry.time, 0);
  return { nodes, startTime: 0, endTime: Math.round(total), samples, timeDeltas };
}

function comparePaths(a: CallNode, b: CallNode): number {
  const [pathA, pathB] = [pathOf(a), pathOf(b)];
  for (let index = 0; index < Math.min(pathA.length, pathB.length); index += 1) {
    if (pathA[index] !== pathB[index]) return pathA[index]! < pathB[index]! ? -1 : 1;
  }
  return pathA.length - pathB.length;
}

function pathOf(node: CallNode): string[] {
  const path: string[] = [];
  for (let place: CallNode | null = node; place !== null; place = place.parent) path.push(place.frame.key);
  return path.reverse();
}
