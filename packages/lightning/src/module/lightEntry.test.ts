import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
/** A file of the packages, as a program elsewhere imports it. */
const source = (path: string): string => JSON.stringify(pathToFileURL(join(root, 'packages', path)).href);

test('the light entry builds, loads and calls a module without any training code', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lightning-'));
  const path = join(folder, 'serve.mts');
  writeFileSync(
    path,
    `import { ones } from ${source('torch/src/index.ts')};
    import { Linear } from ${source('torch/src/nn/index.ts')};
    import { save } from ${source('torch/src/serialize/index.ts')};
    import { LightningModule } from ${source('lightning/src/module/index.ts')};
    class Net extends LightningModule {
      constructor(options) {
        super();
        this.saveHyperparameters(options);
        this.layer = new Linear(options.size, 1);
      }
      forward(x) {
        return this.layer.forward(x);
      }
      trainingStep(batch) {
        return this.forward(batch).mean();
      }
    }
    const net = new Net({ size: 3 });
    await save({ state_dict: net.stateDict(), hyper_parameters: { size: 3 } }, ${JSON.stringify(join(folder, 'a.ckpt'))});
    const loaded = (await Net.loadFromCheckpoint(${JSON.stringify(join(folder, 'a.ckpt'))})).eval();
    const same = loaded.forward(ones([2, 3])).equal(net.eval().forward(ones([2, 3])));
    console.log(JSON.stringify({ same, shape: loaded.forward(ones([2, 3])).shape }));`,
  );
  // Every file that is loaded is listed by the loader below, which runs in its own thread and writes to standard error.
  const lister = join(folder, 'lister.mjs');
  writeFileSync(
    lister,
    `import { register } from 'node:module';
    const code = \`import { writeSync } from 'node:fs';
      export async function load(url, context, next) { writeSync(2, 'LOADED ' + url + '\\\\n'); return next(url, context); }\`;
    register('data:text/javascript,' + encodeURIComponent(code));`,
  );
  const run = execFileSync(
    'sh',
    ['-c', `${process.execPath} --import tsx --import ${lister} --conditions=@lightning-ts/source ${path} 2>&1`],
    { cwd: root, encoding: 'utf8' },
  );
  const ours = run.split('\n').filter((line) => line.startsWith('LOADED') && line.includes('/packages/lightning/src/'));
  const names = ours.map((line) => line.replace(/.*\/packages\/lightning\/src\//, '').replace(/\?.*$/, ''));
  expect(run).toContain('{"same":true,"shape":[2,1]}');
  expect(names).toContain('module/lightningModule.ts');
  expect(names.filter((name) => !/^(module\/|checkpoint\/|(describe|errors|rankZero)\.ts)/.test(name))).toEqual([]);
  expect(run).not.toMatch(/packages\/torch\/src\/(jit|data)\//);
  expect(run).not.toContain('/packages/metrics/');
});
