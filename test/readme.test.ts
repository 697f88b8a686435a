import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { repositoryRoot } from './importGraph.js';
import { temporaryFolder } from './setup/fakeLibtorch.js';

const readme = readFileSync(path.join(repositoryRoot, 'README.md'), 'utf8');
const program = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
const here = process.cwd();

afterEach(() => process.chdir(here));

describe('the README', () => {
  it('shows a whole program by line 30', () => {
    const lastLine = readme
      .slice(0, readme.indexOf(program) + program.length)
      .trimEnd()
      .split('\n').length;
    expect(program).toContain('.fit(');
    expect(lastLine).toBeLessThanOrEqual(30);
  });

  it('links only to files that exist', () => {
    for (const [, target = ''] of readme.matchAll(/\]\(([^)#]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      expect(existsSync(path.join(repositoryRoot, target)), target).toBe(true);
    }
  });

  it('has a program that runs as it is printed', async () => {
    const folder = path.join(repositoryRoot, '.cache', 'readme');
    const file = path.join(folder, `program-${process.pid}.ts`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, program);
    const scratch = temporaryFolder();
    process.chdir(scratch); // the Trainer writes its logs and checkpoints where it runs
    try {
      await import(file);
    } finally {
      process.chdir(here);
      rmSync(file, { force: true });
      rmSync(scratch, { recursive: true, force: true });
    }
  });
});
