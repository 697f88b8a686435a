import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../../../..');
const folder = mkdtempSync(join(tmpdir(), 'distributed-guide-'));
const programs = join(root, '.cache', 'guides');
const script = join(programs, `distributed-training-${process.pid}.ts`);
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  rmSync(script, { force: true });
});

it('the program of the guide runs in two processes as it is printed', { timeout: 180_000 }, () => {
  const guide = readFileSync(join(root, 'docs/guides/distributed-training.md'), 'utf8');
  const blocks = [...guide.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block]) => block);
  mkdirSync(programs, { recursive: true });
  writeFileSync(script, blocks.join('\n'));
  const args = ['--import', import.meta.resolve('tsx'), '--conditions=@lightning-ts/source', script];
  const run = spawnSync(process.execPath, args, {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  });
  expect([run.status, run.status === 0 ? '' : run.stderr]).toEqual([0, '']);
  expect(run.stdout.match(/said once, of 2 processes/g)).toHaveLength(1);
  const traces = readdirSync(join(folder, 'traces')).filter((name) => name.endsWith('.json'));
  const trace = readFileSync(join(folder, 'traces', traces[0]!), 'utf8');
  expect(trace).toContain('c10d::allreduce_');
  expect(trace).toContain('gloo:all_reduce');
});
