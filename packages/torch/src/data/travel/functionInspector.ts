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

/** Scripts never change, nor where a function was written: what was found out once is kept. */
const urls = new Map<string, string>();
const places = new WeakMap<object, FunctionPlace | null>();
const positions = new WeakMap<object, [line: number, column: number]>();

/**
 * Asks V8 what it knows of functions: where they were written, and the variables they use of the scopes around them. It
 * is what a debugger shows; nothing of it can be seen from JavaScript. Nothing is opened before the first question.
 */
export class FunctionInspector {
  private session: Session | null = null;
  private isDebugging = false;

  close(): void {
    this.session?.disconnect();
    this.session = null;
  }

  /** Null for functions that are not written in JavaScript. */
  place(fn: object): FunctionPlace | null {
    let place = places.get(fn);
    if (place === undefined) {
      const location = this.internals(fn).get('[[FunctionLocation]]')?.value as { scriptId: string } | undefined;
      place = location === undefined ? null : { url: this.urlOf(location.scriptId), scriptId: location.scriptId };
      places.set(fn, place);
    }
    return place;
  }

  /** Line and column, both from 0, at which a function's `source` begins in its script. */
  position(fn: object, place: FunctionPlace, source: string): [line: number, column: number] {
    let position = positions.get(fn);
    if (position === undefined) {
      this.debug();
      const answer = this.ask('Debugger.getScriptSource', { scriptId: place.scriptId });
      const { scriptSource } = answer as { scriptSource: string };
      const before = scriptSource.slice(0, Math.max(0, scriptSource.indexOf(source)));
      position = [before.split('\n').length - 1, before.length - before.lastIndexOf('\n') - 1];
      positions.set(fn, position);
    }
    return position;
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

  private urlOf(scriptId: string): string {
    if (!urls.has(scriptId)) this.debug();
    return urls.get(scriptId) ?? '';
  }

  /** Lists all scripts, which takes some milliseconds. */
  private debug(): void {
    if (this.isDebugging) return;
    this.isDebugging = true;
    this.ask('Debugger.enable');
  }

  private open(): Session {
    if (this.session !== null) return this.session;
    const { Session } = createRequire(import.meta.url)('node:inspector') as typeof import('node:inspector');
    this.session = new Session();
    this.session.connect();
    this.session.on('Debugger.scriptParsed', ({ params }) => urls.set(params.scriptId, params.url));
    return this.session;
  }

  /** A session of one's own thread answers before `post` returns. */
  private ask(method: string, params: object = {}): unknown {
    let answer: unknown;
    let failure: Error | null = null;
    this.open().post(method, params, (error, result) => {
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
