import * as amp from '../src/amp/index.js';
import * as data from '../src/data/index.js';
import * as distributed from '../src/distributed/index.js';
import * as distributions from '../src/distributions/index.js';
import * as func from '../src/func/index.js';
import * as torch from '../src/index.js';
import * as jit from '../src/jit/index.js';
import * as functional from '../src/nn/functional/index.js';
import * as nn from '../src/nn/index.js';
import { ops } from '../src/ops.js';
import * as optim from '../src/optim/index.js';
import * as profiler from '../src/profiler/index.js';
import * as serialize from '../src/serialize/index.js';
import * as swa from '../src/swa/index.js';

/** Public names of Python's torch by module, as fixtures/parity/make.py writes them. */
export interface PythonNames {
  torch: string;
  modules: Record<string, string[]>;
}

/** What cannot be found by the rule for names, by full names such as `torch.nn.NLLLoss2d`. */
export interface Explanations {
  /** Names whose counterpart has another name: `torch.optim.swa_utils.update_bn` -> `swa.updateBn`. */
  covered: Record<string, string>;
  /** Reasons, each with the full names, or patterns of them after a slash, that it holds for. */
  leftOut: { reason: string; names: string[] }[];
}

export interface Row {
  python: string;
  /** Where it is here; null when it is left out. */
  ours: string | null;
  /** Why it is left out, or null. */
  reason: string | null;
}
export interface ModuleTable {
  module: string;
  rows: Row[];
}

/** The namespaces one imports, by the name they have in the table, with the import that brings them. */
const namespaces: Record<string, object> = {
  torch,
  Tensor: torch.Tensor.prototype,
  nn,
  'nn.init': nn.init,
  'nn.parametrizations': nn.parametrizations,
  'nn.parametrize': nn.parametrize,
  'nn.prune': nn.prune,
  F: functional,
  optim,
  swa,
  data,
  func,
  distributed,
  distributions,
  'distributions.constraints': distributions.constraints,
  amp,
  jit,
  profiler,
  serialize,
  'ops.aten': ops.aten,
};
for (const name of ['linalg', 'fft', 'special', 'sparse', 'backends'] as const) {
  const part = (torch as unknown as Record<string, unknown>)[name];
  if (typeof part === 'object' && part !== null) namespaces[name] = part;
}

/** Where the names of a Python module are looked for, in order. */
const places: Record<string, string[]> = {
  torch: ['torch', 'Tensor', 'serialize', 'amp', 'jit', 'F', 'ops.aten'],
  'torch.Tensor': ['Tensor', 'torch', 'ops.aten'],
  'torch.nn': ['nn'],
  'torch.nn.functional': ['F', 'torch', 'Tensor'],
  'torch.nn.init': ['nn.init'],
  'torch.nn.utils': ['nn'],
  'torch.nn.utils.rnn': ['nn'],
  'torch.nn.utils.parametrizations': ['nn.parametrizations'],
  'torch.nn.utils.parametrize': ['nn.parametrize'],
  'torch.nn.utils.prune': ['nn.prune'],
  'torch.optim': ['optim'],
  'torch.optim.lr_scheduler': ['optim'],
  'torch.optim.swa_utils': ['swa', 'optim'],
  'torch.utils.data': ['data'],
  'torch.utils.checkpoint': ['nn', 'torch'],
  'torch.autograd': ['torch', 'func', 'profiler'],
  'torch.autograd.functional': ['func'],
  'torch.autograd.forward_ad': ['func'],
  'torch.distributions': ['distributions'],
  'torch.distributions.constraints': ['distributions.constraints'],
  'torch.distributions.transforms': ['distributions'],
  'torch.amp': ['amp'],
  'torch.cpu.amp': ['amp'],
  'torch.cuda.amp': ['amp'],
  'torch.jit': ['jit'],
  'torch.profiler': ['profiler'],
  'torch.linalg': ['linalg', 'torch', 'ops.aten'],
  'torch.fft': ['fft', 'torch', 'ops.aten'],
  'torch.special': ['special', 'torch', 'ops.aten'],
  'torch.sparse': ['sparse', 'torch', 'ops.aten'],
  'torch.random': ['torch'],
  'torch.serialization': ['serialize'],
};

/** A Python name as it is written here: `log_softmax` is `logSoftmax`, classes keep theirs. */
export const camelCase = (name: string): string =>
  name.replace(/(?<=.)_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** Whether `swa.updateBn` (or `ops.aten.x`) is there. */
export function exists(path: string): boolean {
  const dot = path.lastIndexOf('.');
  const namespace = namespaces[path.slice(0, dot)];
  return namespace !== undefined && path.slice(dot + 1) in namespace;
}

/** The spellings a name may have: torch's linalg, fft and special functions carry their module in front where they are flat. */
function spellings(module: string, name: string): string[] {
  const camel = camelCase(name);
  const prefix = /^torch\.(linalg|fft|special|sparse)$/.exec(module)?.[1];
  const flat =
    prefix === undefined
      ? []
      : [`${prefix}${camel[0]!.toUpperCase()}${camel.slice(1)}`, camelCase(`${prefix}_${name}`)];
  return [camel, name, ...flat];
}

function find(module: string, name: string): string | null {
  for (const place of places[module] ?? []) {
    for (const spelling of spellings(module, name)) {
      // A flat name must not be taken for a namespaced one of another meaning: torch.linalg.norm is not torch.norm.
      const isForeign =
        place === 'torch' || place === 'ops.aten' ? /^torch\.(linalg|fft|special|sparse)$/.test(module) : false;
      if (isForeign && (spelling === name || spelling === camelCase(name))) continue;
      if (exists(`${place}.${spelling}`)) return `${place}.${spelling}`;
    }
  }
  return null;
}

/** Every name, where it is here, or why not; both null for a name that nobody has explained. */
export function parityTable(names: PythonNames, explanations: Explanations): ModuleTable[] {
  const tests = explanations.leftOut.flatMap(({ reason, names: list }) =>
    list.map((entry) => {
      const pattern = /^\/(.*)$/.exec(entry)?.[1];
      const matches = pattern === undefined ? (full: string) => full === entry : byPattern(pattern);
      return { reason, matches };
    }),
  );
  return Object.entries(names.modules).map(([module, list]) => ({
    module,
    rows: list.map((name) => {
      const full = `${module}.${name}`;
      const named = explanations.covered[full];
      if (named !== undefined) return { python: name, ours: named, reason: null };
      const refusal = tests.find(({ matches }) => matches(full));
      const ours = refusal === undefined ? find(module, name) : null;
      return { python: name, ours, reason: refusal?.reason ?? null };
    }),
  }));
}

function byPattern(pattern: string): (full: string) => boolean {
  const expression = new RegExp(`^(?:${pattern})$`);
  return (full) => expression.test(full);
}

/** The page of the documentation. */
export function renderParity({ torch: version }: PythonNames, tables: ModuleTable[]): string {
  const all = tables.flatMap(({ rows }) => rows);
  const covered = all.filter(({ ours }) => ours !== null).length;
  const lines = [
    '# Parity with PyTorch',
    '',
    '<!-- Generated by scripts/parityTable.mjs. Do not edit. -->',
    '',
    `Every public name of Python's torch ${version} in the modules that users reach for, against ours: ${covered} of ${all.length} are there.`,
    'The prefix of our name says what to import:',
    '',
    '| prefix | import |',
    '|---|---|',
    "| `torch` | `import * as torch from '@lightning-ts/torch'` |",
    '| `Tensor` | a method or property of tensors |',
    "| `nn`, `F` | `import * as nn from '@lightning-ts/torch/nn'`, `import * as F from '@lightning-ts/torch/nn/functional'` |",
    "| `optim`, `swa`, `data`, `distributed`, `distributions`, `amp`, `jit`, `profiler`, `func`, `serialize` | `import * as optim from '@lightning-ts/torch/optim'` and so on |",
    "| `ops` | `import { ops } from '@lightning-ts/torch/ops'` |",
    '',
    'Names follow one rule: `log_softmax` is `logSoftmax`, in-place forms keep their underscore, classes keep their names, and',
    'keyword arguments are one options object at the end. A name that follows the rule is listed without its own.',
    '',
  ];
  for (const { module, rows } of tables) {
    const there = rows.filter(({ ours }) => ours !== null);
    lines.push(`## ${module}`, '', `${there.length} of ${rows.length} names.`, '');
    const byPlace = new Map<string, string[]>();
    const renamed: string[] = [];
    for (const { python, ours } of there) {
      const [place, own] = [ours!.slice(0, ours!.lastIndexOf('.')), ours!.slice(ours!.lastIndexOf('.') + 1)];
      if (own === camelCase(python) || own === python)
        byPlace.set(place, [...(byPlace.get(place) ?? []), `\`${python}\``]);
      else renamed.push(`\`${python}\` is \`${ours}\``);
    }
    for (const [place, list] of byPlace)
      lines.push(`- **by the rule, in \`${place}\`** (${list.length}): ${list.join(', ')}`);
    if (renamed.length > 0) lines.push(`- **by another name** (${renamed.length}): ${renamed.join('; ')}`);
    const byReason = new Map<string, string[]>();
    for (const { python, ours, reason } of rows)
      if (ours === null)
        byReason.set(reason ?? 'NOT EXPLAINED', [...(byReason.get(reason ?? 'NOT EXPLAINED') ?? []), `\`${python}\``]);
    for (const [reason, list] of byReason) lines.push(`- **not here: ${reason}** (${list.length}): ${list.join(', ')}`);
    lines.push('');
  }
  return `${lines.join('\n').trimEnd()}\n`;
}
