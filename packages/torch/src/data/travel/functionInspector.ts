import type { Session } from 'node:inspector';
import { createRequire } from 'node:module';

/** Where a function or class was written. */
export interface FunctionPlace {
  /** As the engine knows the script: a file: URL, a path, or `node:fs`. */
  url: string;
  scriptId: string;
}

interface RemoteObject {
  type: string;
  objectId?: string;
  value?: unknown;
  unserializableValue?: string;
  description?: string;
}
interface Property {
  name: string;
  value?: RemoteObject;
}

const slot = Symbol.for('lightning-ts.functionInspector');
const slotText = `globalThis[Symbol.for('lightning-ts.functionInspector')]`;

/** A variable that has no value yet, or none that can be read. */
export const unreadable: unique symbol = Symbol('unreadable');

/**
 * Asks V8 what it knows of functions: where they were written, and the variables they use of the scopes around them. It
 * is what a debugger shows; nothing of it can be seen from JavaScript. Takes some milliseconds to open.
 */
export class FunctionInspector {
  private readonly session: Session;
  private readonly urls = new Map<string, string>();
  private readonly sources = new Map<string, string>();

  constructor() {
    const { Session } = createRequire(import.meta.url)('node:inspector') as typeof import('node:inspector');
    this.session = new Session();
    this.session.connect();
    this.session.on('Debugger.scriptParsed', ({ params }) => this.urls.set(params.scriptId, params.url));
    this.ask('Debugger.enable');
  }

  close(): void {
    this.session.disconnect();
  }

  /** Null for functions that are not written in JavaScript. */
  place(fn: object): FunctionPlace | null {
    const location = this.internals(fn).get('[[FunctionLocation]]')?.value as { scriptId: string } | undefined;
    if (location === undefined) return null;
    return { url: this.urls.get(location.scriptId) ?? '', scriptId: location.scriptId };
  }

  /** Line and column, both from 0, at which `source` begins in its script. */
  position(place: FunctionPlace, source: string): [line: number, column: number] {
    let script = this.sources.get(place.scriptId);
    if (script === undefined) {
      const answer = this.ask('Debugger.getScriptSource', { scriptId: place.scriptId });
      script = (answer as { scriptSource: string }).scriptSource;
      this.sources.set(place.scriptId, script);
    }
    const at = script.indexOf(source);
    if (at < 0) return [0, 0];
    const before = script.slice(0, at);
    return [before.split('\n').length - 1, at - before.lastIndexOf('\n') - 1];
  }

  /** The values of those `names` that are variables around the function; the nearest scope wins. */
  variables(fn: object, names: ReadonlySet<string>): Map<string, unknown> {
    const found = new Map<string, unknown>();
    const scopes = this.internals(fn).get('[[Scopes]]');
    if (scopes?.objectId === undefined) return found;
    const remote: [name: string, objectId: string][] = [];
    for (const { value: scope } of this.properties(scopes.objectId).result) {
      if (scope?.objectId === undefined || scope.description === 'Global') continue;
      for (const { name, value } of this.properties(scope.objectId).result) {
        if (!names.has(name) || found.has(name)) continue;
        found.set(name, value === undefined ? unreadable : primitiveOf(value));
        if (value?.objectId !== undefined) remote.push([name, value.objectId]);
      }
    }
    this.fetch(remote).forEach((value, i) => {
      found.set(remote[i]![0], value);
    });
    return found;
  }

  /** The objects themselves, not descriptions of them. */
  private fetch(remote: readonly [name: string, objectId: string][]): unknown[] {
    if (remote.length === 0) return [];
    const global = globalThis as { [slot]?: unknown };
    try {
      this.ask('Runtime.callFunctionOn', {
        objectId: remote[0]![1],
        functionDeclaration: `function (...values) { ${slotText} = values; }`,
        arguments: remote.map(([, objectId]) => ({ objectId })),
        silent: true,
      });
      return global[slot] as unknown[];
    } finally {
      delete global[slot];
    }
  }

  private internals(fn: object): Map<string, RemoteObject> {
    const global = globalThis as { [slot]?: unknown };
    global[slot] = fn;
    try {
      const { result } = this.ask('Runtime.evaluate', { expression: slotText }) as { result: RemoteObject };
      const { internalProperties = [] } = this.properties(result.objectId!);
      return new Map(internalProperties.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
    } finally {
      delete global[slot];
    }
  }

  private properties(objectId: string): { result: Property[]; internalProperties?: Property[] } {
    return this.ask('Runtime.getProperties', { objectId, ownProperties: true }) as ReturnType<
      FunctionInspector['properties']
    >;
  }

  /** A session of one's own thread answers before `post` returns. */
  private ask(method: string, params: object = {}): unknown {
    let answer: unknown;
    let failure: Error | null = null;
    this.session.post(method, params, (error, result) => {
      failure = error;
      answer = result;
    });
    if (failure !== null) throw new Error(`${method}: ${JSON.stringify(failure)}`);
    return answer;
  }
}

function primitiveOf(value: RemoteObject): unknown {
  const { unserializableValue: text } = value;
  if (text === undefined) return value.value;
  return text.endsWith('n') ? BigInt(text.slice(0, -1)) : Number(text);
}
