import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** One import or re-export: what is named, where it leads, and whether it exists only for types. */
export interface ImportEdge {
  /** Importing file, relative to the repository, with forward slashes. */
  from: string;
  /** As written. */
  specifier: string;
  /** Imported source file relative to the repository; undefined for packages that are not ours and for missing files. */
  to: string | undefined;
  typeOnly: boolean;
}

export interface SourceFile {
  file: string;
  text: string;
  edges: ImportEdge[];
}

export const repositoryRoot = path.resolve(import.meta.dirname, '..');

/** Every TypeScript source under these folders that ships: tests, type tests and fixtures are left out. */
export function readSources(folders: string[], root = repositoryRoot): SourceFile[] {
  const entryPoints = readEntryPoints(root);
  return folders
    .filter((folder) => existsSync(path.join(root, folder)))
    .flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
        path.posix.join(folder, name),
      ),
    )
    .filter(
      (file) => file.endsWith('.ts') && !/\.(test|test-d|d)\.ts$|\/node_modules\/|\/dist\/|\/fixtures\//.test(file),
    )
    .sort()
    .map((file) => {
      const text = readFileSync(path.join(root, file), 'utf8');
      return { file, text, edges: importsIn(file, text, entryPoints) };
    });
}

/** `@lightning-ts/torch/nn` → `packages/torch/src/nn/index.ts`, from the `exports` of each package. */
export function readEntryPoints(root = repositoryRoot): Map<string, string> {
  const entryPoints = new Map<string, string>();
  for (const name of readdirSync(path.join(root, 'packages'))) {
    const manifest = path.join(root, 'packages', name, 'package.json');
    if (!existsSync(manifest)) continue;
    const { name: packageName, exports } = JSON.parse(readFileSync(manifest, 'utf8')) as {
      name: string;
      exports: Record<string, { '@lightning-ts/source': string }>;
    };
    for (const [subpath, target] of Object.entries(exports)) {
      entryPoints.set(
        path.posix.join(packageName, subpath),
        path.posix.join('packages', name, target['@lightning-ts/source']),
      );
    }
  }
  return entryPoints;
}

/**
 * The import and export-from statements of one file. `import { type A }` counts as a run-time import, because the
 * compiler keeps the empty import; `import type` and a type's `import('x').A` do not.
 */
export function importsIn(file: string, text: string, entryPoints: Map<string, string>): ImportEdge[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const edges: ImportEdge[] = [];
  const add = (specifier: string, typeOnly: boolean) => {
    const target = specifier.startsWith('.')
      ? path.posix.join(path.posix.dirname(file), specifier.replace(/\.js$/, '.ts'))
      : entryPoints.get(specifier);
    edges.push({ from: file, specifier, to: target, typeOnly });
  };
  for (const match of code.matchAll(
    /^\s*(?:import|export)\s+(type\s+(?!from\b))?[^'";()=]*?\bfrom\s*['"]([^'"]+)['"]/gm,
  )) {
    add(match[2]!, match[1] !== undefined);
  }
  for (const match of code.matchAll(/^\s*import\s*['"]([^'"]+)['"]/gm)) add(match[1]!, false);
  for (const match of code.matchAll(/(\bawait|=>|\breturn)\s+import\(\s*['"]([^'"]+)['"]\s*\)/g)) add(match[2]!, false);
  return edges;
}

/** Every file that comes along at run time when `entry` is imported, `entry` included. */
export function runtimeClosure(entry: string, sources: SourceFile[]): Set<string> {
  const byName = new Map(sources.map((source) => [source.file, source]));
  const reached = new Set<string>();
  const visit = (file: string): void => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const edge of byName.get(file)?.edges ?? []) {
      if (!edge.typeOnly && edge.to !== undefined) visit(edge.to);
    }
  };
  visit(entry);
  return reached;
}

/** Circles of run-time imports, each as the list of its files; type-only imports cannot make one. */
export function runtimeCycles(sources: SourceFile[]): string[][] {
  const byName = new Map(sources.map((source) => [source.file, source]));
  const state = new Map<string, 'open' | 'done'>();
  const trail: string[] = [];
  const cycles: string[][] = [];
  const visit = (file: string): void => {
    state.set(file, 'open');
    trail.push(file);
    for (const { to, typeOnly } of byName.get(file)?.edges ?? []) {
      if (typeOnly || to === undefined || !byName.has(to)) continue;
      if (state.get(to) === 'open') cycles.push([...trail.slice(trail.indexOf(to)), to]);
      else if (state.get(to) === undefined) visit(to);
    }
    trail.pop();
    state.set(file, 'done');
  };
  for (const { file } of sources) if (state.get(file) === undefined) visit(file);
  return cycles;
}
