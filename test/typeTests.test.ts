import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

// Type tests (`*.test-d.ts`) are not run but compiled, by the type check of `npm test`. This makes sure that they are,
// and that a wrong type in one would stop it.

const root = process.cwd();
const tsc = (...args: string[]) =>
  spawnSync(path.join(root, 'node_modules', '.bin', 'tsc'), args, { cwd: root, encoding: 'utf8' });
const folder = path.join(root, '.cache', `type-tests-${process.pid}`);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the compiler says about a file with these lines, under the settings of the check. */
function errorsOf(...lines: string[]): string[] {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'tried.test-d.ts'), `${lines.join('\n')}\n`);
  writeFileSync(
    path.join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: path.join(root, 'tsconfig.check.json'),
      compilerOptions: { incremental: false, tsBuildInfoFile: null },
      include: ['tried.test-d.ts'],
    }),
  );
  const { stdout } = tsc('-p', path.join(folder, 'tsconfig.json'));
  return stdout.split('\n').filter((line) => line.includes('tried.test-d.ts'));
}

describe('type tests', () => {
  it('are among the files that the type check compiles', () => {
    const compiled = tsc('-p', 'tsconfig.check.json', '--listFilesOnly').stdout.split('\n');
    const written = readdirSync('packages', { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.endsWith('.test-d.ts') && !file.includes('node_modules'),
    );
    expect(written.length).toBeGreaterThanOrEqual(2);
    for (const file of written) expect(compiled).toContain(path.join(root, 'packages', file));
  });

  it('fail where a type is another, and where something wrong compiles', () => {
    const errors = errorsOf(
      "import { randn } from '@lightning-ts/torch';",
      "import { expectTypeOf } from 'vitest';",
      'expectTypeOf(randn(2).max(0)).toEqualTypeOf<number>();',
      'randn(2).max(0).indexes;',
      '// @ts-expect-error this is fine, so the line above is not',
      'randn(2).max(0).indices;',
      'expectTypeOf(randn(2).sum()).toEqualTypeOf<ReturnType<typeof randn>>();',
    );
    const at = errors.map((error) => Number(/\((\d+),/.exec(error)?.[1]));
    expect(at).toEqual([3, 4, 5]);
  });
});
