import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const root = resolve(import.meta.dirname, '../../..');
const here = process.cwd();
let scratch: string;

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'guides-'));
  process.chdir(scratch);
});

afterEach(() => {
  vi.restoreAllMocks();
  process.chdir(here);
  rmSync(scratch, { recursive: true, force: true });
});

/** Runs the TypeScript blocks of a guide as one program. @returns what it printed */
async function run(guide: string): Promise<string> {
  const text = readFileSync(join(root, 'docs/guides', guide), 'utf8');
  const program = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block]) => block).join('\n');
  const folder = join(root, '.cache', 'guides');
  const file = join(folder, `${guide.replace('.md', '')}-${process.pid}.ts`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, program);
  const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    await import(file);
    return printed.mock.calls.map((values) => values.join(' ')).join('\n');
  } finally {
    rmSync(file, { force: true });
  }
}

describe('the programs of the guides run as they are printed', () => {
  it('data loading', async () => {
    const lines = (await run('data-loading.md')).split('\n');
    expect(lines.slice(-4)).toEqual([
      'the dataset failed in worker 0 at sample 2: Error: no such file 2',
      '0,1',
      '3',
      '1',
    ]);
  });

  it('callbacks', async () => {
    const printed = await run('callbacks.md');
    expect(printed).toContain('OPTION_UNKNOWN');
    expect(printed).toMatch(/epoch=\d-val_loss=\d+\.\d{3}\.ckpt/);
  });

  it('logging', async () => {
    expect(await run('logging.md')).toMatch(/\d train\/loss|\[object Object\]/);
    expect(readdirSync(join(scratch, 'logs')).sort()).toEqual(
      expect.arrayContaining([
        'cnn',
        'csv',
        'fit-functions-run_training_batch.cpuprofile',
        'fit-functions.txt',
        'fit-times.txt',
      ]),
    );
    expect(readdirSync(join(scratch, 'runs/one'))).toHaveLength(3);
  });
});
