import { describe, expect, it } from 'vitest';
import {
  importsIn,
  readEntryPoints,
  readSources,
  runtimeClosure,
  runtimeCycles,
  type SourceFile,
} from './importGraph.js';
import * as rules from './importRules.js';

const entryPoints = readEntryPoints();
const packageSources = readSources([
  'packages/torch/src',
  'packages/metrics/src',
  'packages/vision/src',
  'packages/lightning/src',
]);
const userSources = readSources(['examples', 'bench']);

const source = (file: string, text: string): SourceFile => ({ file, text, edges: importsIn(file, text, entryPoints) });
const check = (rule: rules.ImportRule, ...files: [string, string][]) =>
  rule(files.map(([file, text]) => source(file, text)));

describe('reading imports', () => {
  it('tells types from values, and sees every form', () => {
    const { edges } = source(
      'packages/lightning/src/callbacks/x.ts',
      [
        "import type { Trainer } from '../trainer/trainer.js';",
        "import { type A, b } from './b.js';",
        'import {',
        '  Tensor,',
        "} from '@lightning-ts/torch';",
        "import './side.js';",
        "export * from './c.js';",
        "export type { D } from './d.js';",
        "// import { no } from './comment.js';",
        "const late = await import('./late.js');",
        "let t: import('./onlyType.js').T;",
        "import type from './named-type.js';",
      ].join('\n'),
    );
    expect(edges.map(({ specifier, typeOnly }) => `${specifier}${typeOnly ? ' (type)' : ''}`)).toEqual([
      '../trainer/trainer.js (type)',
      './b.js',
      '@lightning-ts/torch',
      './c.js',
      './d.js (type)',
      './named-type.js',
      './side.js',
      './late.js',
    ]);
    expect(edges[0]?.to).toBe('packages/lightning/src/trainer/trainer.ts');
    expect(edges[2]?.to).toBe('packages/torch/src/index.ts');
  });
});

describe('who may import whom', () => {
  it.each([
    ['packages point one way', rules.packagesPointOneWay],
    ['packages meet at their entry points', rules.packagesMeetAtEntryPoints],
    ['relative imports end in .js', rules.relativeImportsEndInJs],
    ['the folders of torch stand on tensors', rules.torchFoldersStandOnTensors],
    ['the layers of lightning point down', rules.lightningLayersPointDown],
    ['callbacks and loggers know types only', rules.callbacksKnowTypesOnly],
    ['callbacks ignore each other', rules.callbacksIgnoreEachOther],
    ['native code stays in torch', rules.nativeCodeStaysInTorch],
    ['generated code stays beside', rules.generatedCodeStaysBeside],
  ])('%s', (_name, rule) => {
    expect(packageSources.length).toBeGreaterThan(0);
    expect(rule(packageSources)).toEqual([]);
  });

  it('examples and benches use public entry points', () => {
    for (const rule of [
      rules.usersUsePublicEntryPoints,
      rules.packagesMeetAtEntryPoints,
      rules.nativeCodeStaysInTorch,
    ]) {
      expect(rule(userSources)).toEqual([]);
    }
  });

  it('no circle of run-time imports', () => {
    expect(runtimeCycles(packageSources).map((cycle) => cycle.join(' -> '))).toEqual([]);
  });

  it('the light entry point pulls in no training code', () => {
    const reached = runtimeClosure('packages/lightning/src/module/index.ts', packageSources);
    const training = [...reached].filter((file) =>
      /^packages\/lightning\/src\/(trainer|loops|callbacks|loggers|strategies)\//.test(file),
    );
    expect(training).toEqual([]);
  });
});

describe('each rule catches what it is for', () => {
  it.each<[string, rules.ImportRule, [string, string][], RegExp]>([
    [
      'torch importing metrics',
      rules.packagesPointOneWay,
      [['packages/torch/src/a.ts', "import type { Metric } from '@lightning-ts/metrics';"]],
      /torch may import no package of ours/,
    ],
    [
      'lightning importing vision',
      rules.packagesPointOneWay,
      [['packages/lightning/src/a.ts', "import { x } from '@lightning-ts/vision';"]],
      /lightning may import torch and metrics/,
    ],
    [
      'a deep import',
      rules.packagesMeetAtEntryPoints,
      [['packages/metrics/src/a.ts', "import { x } from '@lightning-ts/torch/src/tensor.js';"]],
      /no such entry point/,
    ],
    [
      'a relative path into another package',
      rules.packagesMeetAtEntryPoints,
      [['packages/metrics/src/a.ts', "import { x } from '../../torch/src/tensor.js';"]],
      /leaves its package/,
    ],
    [
      'a missing extension',
      rules.relativeImportsEndInJs,
      [['packages/metrics/src/a.ts', "import { x } from './b';"]],
      /end in \.js/,
    ],
    [
      'an optimizer that wants modules',
      rules.torchFoldersStandOnTensors,
      [['packages/torch/src/optim/adam.ts', "import { Module } from '../nn/module.js';"]],
      /optim\/ may not import nn\//,
    ],
    [
      'a loop that needs the trainer',
      rules.lightningLayersPointDown,
      [['packages/lightning/src/loops/fitLoop.ts', "import { Trainer } from '../trainer/trainer.js';"]],
      /nobody imports trainer\/ at run time/,
    ],
    [
      'a module that runs loops',
      rules.lightningLayersPointDown,
      [['packages/lightning/src/module/a.ts', "import { fitLoop } from '../loops/fitLoop.js';"]],
      /only trainer\/ imports loops\//,
    ],
    [
      'a logger that builds on the module',
      rules.callbacksKnowTypesOnly,
      [['packages/lightning/src/loggers/a.ts', "import { LightningModule } from '../module/lightningModule.js';"]],
      /loggers\/ use 'import type' for module\//,
    ],
    [
      'a callback that uses another',
      rules.callbacksIgnoreEachOther,
      [
        ['packages/lightning/src/callbacks/a.ts', "import { B } from './b.js';\nexport class A extends Callback {}"],
        ['packages/lightning/src/callbacks/b.ts', 'export class B extends Callback {}'],
      ],
      /callbacks never import each other/,
    ],
    [
      'the addon loaded from elsewhere',
      rules.nativeCodeStaysInTorch,
      [['packages/metrics/src/a.ts', "import addon from '../../torch/build/lightning_torch.node';"]],
      /only packages\/torch\/src touches native code/,
    ],
    [
      'generated code used from a sub-folder',
      rules.generatedCodeStaysBeside,
      [['packages/torch/src/nn/a.ts', "import { ops } from '../generated/ops.js';"]],
      /imported only by files in packages\/torch\/src/,
    ],
    [
      'an example that reaches into a package',
      rules.usersUsePublicEntryPoints,
      [['examples/a/train.ts', "import { x } from '../../packages/torch/src/tensor.js';"]],
      /import packages by name/,
    ],
  ])('%s', (_name, rule, files, message) => {
    const found = check(rule, ...files);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(message);
  });

  it('a circle, and no circle where one half is types', () => {
    const circle = (word: string) => [
      source('packages/torch/src/a.ts', "import { b } from './b.js';"),
      source('packages/torch/src/b.ts', `${word} { a } from './a.js';`),
    ];
    expect(runtimeCycles(circle('import'))).toEqual([
      ['packages/torch/src/a.ts', 'packages/torch/src/b.ts', 'packages/torch/src/a.ts'],
    ]);
    expect(runtimeCycles(circle('import type'))).toEqual([]);
  });

  it('a callback may import the callback it extends', () => {
    expect(
      check(
        rules.callbacksIgnoreEachOther,
        ['packages/lightning/src/callbacks/a.ts', "import { B } from './b.js';\nexport class A extends B {}"],
        ['packages/lightning/src/callbacks/b.ts', 'export class B extends Callback {}'],
      ),
    ).toEqual([]);
  });
});
