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

  it('images', async () => {
    const lines = (await run('vision.md')).split('\n');
    expect(lines[0]).toBe('3,64,80 uint8');
    expect(lines).toContain('cat,dog 8');
    expect(lines.slice(-3)).toEqual(['1,2', '3,3 0,2', '3,68,166']);
  });

  it('callbacks', async () => {
    const printed = await run('callbacks.md');
    expect(printed).toContain('OPTION_UNKNOWN');
    expect(printed).toContain(' 9\n');
    expect(printed).toMatch(/epoch=\d-val_loss=\d+\.\d{3}\.ckpt/);
  });

  it('cross-validation', async () => {
    const printed = await run('cross-validation.md');
    expect(printed).toContain('5 48 12\n4 3 20\n5 folds; 48 samples to train, 12 held out;');
    expect(printed).toMatch(/val_acc: \+0\.\d{4} \(95 % interval .*corrected paired t-test\)\n0\.03125\n0\.125$/);
  });

  it('logging', async () => {
    const printed = await run('logging.md');
    expect(printed).toMatch(/\d train\/loss|\[object Object\]/);
    expect(printed).toContain('loss_by_tokens over {"metric":"tokens"}; val_loss over "epoch"');
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
