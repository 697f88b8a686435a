import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

/** What is used of esbuild, which tsx brings along. */
interface Esbuild {
  build(options: object): Promise<unknown>;
}
interface Resolving {
  onResolve(options: { filter: RegExp }, resolve: (found: { path: string }) => object | undefined): void;
}

const require = createRequire(import.meta.url);
const esbuild = createRequire(require.resolve('tsx/package.json'))('esbuild') as Esbuild;

const written: string[] = [];
afterAll(() => {
  for (const file of written) rmSync(file, { force: true });
});

/**
 * A script of scripts/ with all of our sources in one file: a process that loads it starts in half the time, and these tests are
 * mostly processes that start.
 */
export async function bundledScript(name: string): Promise<string> {
  // Beside build/, where the addon is looked for from src/ too.
  const outfile = fileURLToPath(new URL(`../../../torch/.cache/${name}-${process.pid}.mjs`, import.meta.url));
  written.push(outfile, `${outfile}.map`);
  await esbuild.build({
    entryPoints: [fileURLToPath(new URL(`scripts/${name}.ts`, import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: true,
    keepNames: true,
    conditions: ['@lightning-ts/source'],
    logLevel: 'error',
    plugins: [
      {
        name: 'others stay packages',
        setup: (build: Resolving) =>
          build.onResolve({ filter: /^[^./]/ }, ({ path }) =>
            path.startsWith('@lightning-ts/') ? undefined : { path, external: true },
          ),
      },
    ],
  });
  return outfile;
}
