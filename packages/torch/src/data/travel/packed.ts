/**
 * A dataset on its way to another thread: every object is a node, references are numbers. Nodes are plain data, so that
 * a message can carry them; tensors are tickets of a passage.
 */
export interface Packed {
  nodes: PackedNode[];
  /** What was packed, by name. */
  roots: Record<string, PackedValue>;
  /** The ticket of the first tensor, and how many there are. */
  ticket: number;
  tensorCount: number;
}

/** A primitive is itself; anything else is the number of its node. */
export type PackedValue = undefined | null | boolean | number | string | bigint | { node: number };

export interface PackedField {
  key: PackedValue;
  value?: PackedValue;
  get?: PackedValue;
  set?: PackedValue;
  enumerable: boolean;
}

/** What stands ready in every thread: a global, a part of a module of Node's, or an export of this package. */
export interface KnownPlace {
  from: 'global' | 'node' | 'torch';
  module: string;
  path: string[];
}

export type PackedNode =
  | { kind: 'raw'; value: unknown }
  | { kind: 'buffer'; bytes: Uint8Array }
  | { kind: 'symbol'; key: string; isWellKnown: boolean }
  | { kind: 'tensor'; at: number; type: PackedValue }
  | { kind: 'generator'; device: string; state: PackedValue; isDefault: boolean }
  | { kind: 'array'; items: PackedValue[]; type: PackedValue }
  | { kind: 'map'; entries: [PackedValue, PackedValue][]; type: PackedValue }
  | { kind: 'set'; items: PackedValue[]; type: PackedValue }
  | { kind: 'object'; type: PackedValue; fields: PackedField[] }
  | { kind: 'constructed'; type: PackedValue; args: PackedValue[] }
  | { kind: 'namespace'; name: string; members: PackedField[] }
  | { kind: 'known'; place: KnownPlace }
  | PackedExport
  | { kind: 'require'; from: string }
  | PackedFunction
  | { kind: 'built'; make: PackedValue }
  | { kind: 'missing'; reason: string };

/** A function or class that the other thread imports from a library. */
export interface PackedExport {
  kind: 'exported';
  url: string;
  name: string;
  isClass: boolean;
  /** Tells it from another function of the same name; null when the module's text may be another there. */
  sourceLength: number | null;
}

/** A function or class by its text, with the variables that the text uses. */
export interface PackedFunction {
  kind: 'function';
  expression: string;
  url: string;
  line: number;
  column: number;
  variables: [name: string, value: PackedValue][];
  /** The `this` of an arrow function. */
  self: PackedValue;
  base: PackedValue;
  usesImportMeta: boolean;
}

/** Names in a text that a variable outside of it could have; property names are left out. */
export function namesIn(source: string): Set<string> {
  const names = new Set<string>();
  for (const match of source.matchAll(/(\.{1,3}\s*|#)?([\p{ID_Start}$_][\p{ID_Continue}$]*)/gu)) {
    const before = match[1]?.trim();
    if (before === undefined || before === '...') names.add(match[2]!);
  }
  return names;
}

/** The parts of `name` that a text uses: `torch.rand` gives `rand`. */
export function membersIn(source: string, name: string): string[] {
  const escaped = name.replaceAll(/[$.]/g, '\\$&');
  const pattern = new RegExp(`(?<![\\w$.#])${escaped}\\s*\\??\\.\\s*([\\p{ID_Start}$_][\\p{ID_Continue}$]*)`, 'gu');
  const quoted = new RegExp(`(?<![\\w$.#])${escaped}\\s*\\[\\s*(['"\`])([^'"\`]+)\\1\\s*\\]`, 'gu');
  const members = [...source.matchAll(pattern)].map((match) => match[1]!);
  return [...new Set([...members, ...[...source.matchAll(quoted)].map((match) => match[2]!)])];
}
