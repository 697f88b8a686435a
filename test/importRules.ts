import type { ImportEdge, SourceFile } from './importGraph.js';

/** Who may import whom. Each rule returns one sentence per offending import; an empty list is a pass. */
export type ImportRule = (sources: SourceFile[]) => string[];

const packageOf = (file: string): string | undefined => /^packages\/([^/]+)\//.exec(file)?.[1];
/** First folder under src, '' for files directly in src. */
const folderOf = (file: string): string => /^packages\/[^/]+\/src\/(?:([^/]+)\/)?/.exec(file)?.[1] ?? '';
const isIndex = (file: string): boolean => /^packages\/[^/]+\/src\/index\.ts$/.test(file);

function offenders(
  sources: SourceFile[],
  offends: (edge: ImportEdge, source: SourceFile) => string | undefined,
): string[] {
  return sources.flatMap((source) =>
    source.edges.flatMap((edge) => {
      const reason = offends(edge, source);
      return reason === undefined ? [] : [`${edge.from} imports '${edge.specifier}': ${reason}`];
    }),
  );
}

const allowedPackages: Record<string, string[]> = {
  torch: [],
  metrics: ['torch'],
  vision: ['torch'],
  lightning: ['torch', 'metrics'],
};

/** torch <- metrics, vision; torch, metrics <- lightning. Also the types: a type is a dependency as well. */
export const packagesPointOneWay: ImportRule = (sources) =>
  offenders(sources, ({ from, specifier }) => {
    const own = packageOf(from);
    const other = /^@lightning-ts\/([^/]+)/.exec(specifier)?.[1];
    if (own === undefined || other === undefined || allowedPackages[own]?.includes(other)) return undefined;
    const allowed = allowedPackages[own] ?? [];
    return `${own} may import ${allowed.length > 0 ? allowed.join(' and ') : 'no package of ours'}`;
  });

/** Packages meet at the entry points that package.json names; relative paths stay inside their package. */
export const packagesMeetAtEntryPoints: ImportRule = (sources) =>
  offenders(sources, ({ from, specifier, to }) => {
    if (specifier.startsWith('@lightning-ts/') && to === undefined)
      return "no such entry point in that package's exports";
    if (specifier.startsWith('.') && to !== undefined && packageOf(to) !== packageOf(from)) {
      return 'leaves its package; use the other package by name';
    }
    return undefined;
  });

/** Node resolves relative imports literally, so they need the extension. */
export const relativeImportsEndInJs: ImportRule = (sources) =>
  offenders(sources, ({ specifier }) =>
    specifier.startsWith('.') && !/\.(js|mjs|json|node)$/.test(specifier) ? 'relative imports end in .js' : undefined,
  );

/** nn, optim, data and serialize stand on the tensor files; optim takes parameters, never modules. */
export const torchFoldersStandOnTensors: ImportRule = (sources) =>
  offenders(sources, ({ from, to, typeOnly }) => {
    if (typeOnly || to === undefined || packageOf(from) !== 'torch' || packageOf(to) !== 'torch' || isIndex(from))
      return undefined;
    const own = folderOf(from);
    const other = folderOf(to);
    const forbidden: Record<string, string[]> = {
      nn: ['optim', 'data', 'serialize', 'distributed'],
      optim: ['nn', 'data', 'serialize', 'distributed'],
      data: ['nn', 'optim', 'serialize', 'distributed'],
      amp: ['nn', 'optim', 'data', 'serialize', 'distributed'],
      func: ['nn', 'optim', 'data', 'serialize', 'distributed'],
      serialize: ['optim', 'data', 'distributed'],
      generated: ['nn', 'optim', 'data', 'serialize', 'distributed'],
    };
    // Python's value classes (tuple, OrderedDict) are a leaf that state dicts are made of.
    if (to === 'packages/torch/src/serialize/pythonValues.ts') return undefined;
    return forbidden[own]?.includes(other) ? `${own}/ may not import ${other}/ at run time` : undefined;
  });

/** trainer -> loops -> hooks, module, logging and what those share; never upwards. */
export const lightningLayersPointDown: ImportRule = (sources) =>
  offenders(sources, ({ from, to, typeOnly }) => {
    if (typeOnly || to === undefined || packageOf(from) !== 'lightning' || packageOf(to) !== 'lightning')
      return undefined;
    if (isIndex(from)) return undefined;
    const own = folderOf(from);
    const other = folderOf(to);
    if (other === 'trainer' && own !== 'trainer') return "nobody imports trainer/ at run time; use 'import type'";
    if (other === 'loops' && own !== 'loops' && own !== 'trainer') return 'only trainer/ imports loops/ at run time';
    return undefined;
  });

/** Callbacks and loggers know the Trainer and the module only as types, and so can be loaded without them. */
export const callbacksKnowTypesOnly: ImportRule = (sources) =>
  offenders(sources, ({ from, to, typeOnly }) => {
    if (typeOnly || to === undefined || packageOf(from) !== 'lightning' || packageOf(to) !== 'lightning')
      return undefined;
    if (!['callbacks', 'loggers', 'profilers'].includes(folderOf(from))) return undefined;
    return ['trainer', 'module', 'loops'].includes(folderOf(to))
      ? `${folderOf(from)}/ use 'import type' for ${folderOf(to)}/`
      : undefined;
  });

const extendedClass = (source: SourceFile): string | undefined =>
  /\bclass\s+\w+(?:<[^{]*>)?\s+extends\s+(\w+)/.exec(source.text)?.[1];

/** What two callbacks share belongs in a file of its own; a callback may import the one callback it extends. */
export const callbacksIgnoreEachOther: ImportRule = (sources) => {
  const callbackFiles = new Set(
    sources
      .filter(({ file, text }) => folderOf(file) === 'callbacks' && /\bextends\s+Callback\b/.test(text))
      .map(({ file }) => file),
  );
  return offenders(sources, ({ from, to, typeOnly }, source) => {
    if (typeOnly || to === undefined || folderOf(from) !== 'callbacks' || !callbackFiles.has(to)) return undefined;
    const base = extendedClass(source);
    const target = sources.find(({ file }) => file === to);
    if (base !== undefined && target !== undefined && new RegExp(`\\bclass\\s+${base}\\b`).test(target.text))
      return undefined;
    return from.endsWith('/index.ts') ? undefined : 'callbacks never import each other';
  });
};

/** The addon and the C++ folder are the business of packages/torch/src alone. */
export const nativeCodeStaysInTorch: ImportRule = (sources) =>
  offenders(sources, ({ from, specifier }) =>
    /\.node$|\/native\/|lightning_torch/.test(specifier) && !from.startsWith('packages/torch/src/')
      ? 'only packages/torch/src touches native code'
      : undefined,
  );

/** Generated code is imported by the files beside its folder, which give it its public face. */
export const generatedCodeStaysBeside: ImportRule = (sources) =>
  offenders(sources, ({ from, to }) => {
    if (to === undefined || !to.includes('/generated/') || from.includes('/generated/')) return undefined;
    const parent = to.slice(0, to.indexOf('/generated/'));
    const folder = from.slice(0, from.lastIndexOf('/'));
    return folder === parent ? undefined : `generated/ is imported only by files in ${parent}`;
  });

/** Examples and benches are users: they see what a user sees. */
export const usersUsePublicEntryPoints: ImportRule = (sources) =>
  offenders(sources, ({ from, to, specifier }) =>
    packageOf(from) === undefined && specifier.startsWith('.') && to?.startsWith('packages/')
      ? 'examples and benches import packages by name'
      : undefined,
  );
