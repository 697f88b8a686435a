import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { repositoryRoot } from './importGraph.js';
import { temporaryFolder } from './setup/fakeLibtorch.js';

const here = process.cwd();
afterEach(() => process.chdir(here));

/** The guides whose code blocks, one after the other, are one program. */
const programs = ['distributions.md', 'jit.md', 'profiling.md', 'tensor-files.md', 'vision.md'];

describe('the guides', () => {
  it.each(programs)('%s is a program that runs as it is printed', async (name) => {
    const text = readFileSync(path.join(repositoryRoot, 'docs/guides', name), 'utf8');
    const program = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block]) => block).join('\n');
    expect(program).toContain('import ');
    const folder = path.join(repositoryRoot, '.cache', 'guides');
    const file = path.join(folder, `${path.parse(name).name}-${process.pid}.ts`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, program);
    const scratch = temporaryFolder();
    process.chdir(scratch);
    try {
      await import(file);
    } finally {
      process.chdir(here);
      rmSync(file, { force: true });
      rmSync(scratch, { recursive: true, force: true });
    }
  });
});
