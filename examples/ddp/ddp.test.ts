import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'example-ddp-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const script = fileURLToPath(new URL('train.ts', import.meta.url));

/** What the script prints when it is started by hand. */
const start = (devices: number, env: Record<string, string> = {}): Promise<string> => {
  const args = ['--import', import.meta.resolve('tsx'), '--conditions=@lightning-ts/source', script, String(devices)];
  return run(process.execPath, args, env);
};

/** What a program prints. @throws Error when it fails */
function run(program: string, args: readonly string[], env: Record<string, string>): Promise<string> {
  const child = spawn(program, args, {
    cwd: folder,
    env: { ...process.env, OMP_NUM_THREADS: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  return new Promise((resolve, reject) => {
    child.on('close', (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`it ended with ${code}:\n${output}`));
    });
  });
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0);
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address() as { port: number };
  await new Promise((closed) => server.close(closed));
  return String(port);
}

const accuracyIn = (output: string): number => Number(/2 processes, accuracy (\d\.\d+)/.exec(output)?.[1]);

describe('the example for several processes', () => {
  it('learns in two processes of one machine, and on two machines with one each', { timeout: 120_000 }, async () => {
    const common = { MASTER_ADDR: '127.0.0.1', MASTER_PORT: await freePort(), NODES: '2' };
    const onOne = await start(2);
    const [first, second] = await Promise.all(['0', '1'].map((node) => start(1, { ...common, NODE_RANK: node })));
    expect(accuracyIn(onOne)).toBeGreaterThan(0.95);
    // The same two processes, started in another way.
    expect(accuracyIn(first!)).toBe(accuracyIn(onOne));
    expect(second).not.toContain('accuracy');
  });

  it('runs from its batch file, where srun starts the processes', { timeout: 120_000 }, async () => {
    const batch = readFileSync(new URL('train.slurm', import.meta.url), 'utf8')
      .replace('--import tsx', `--import ${import.meta.resolve('tsx')} --conditions=@lightning-ts/source`)
      .replace('examples/ddp/train.ts', script);
    // As SLURM does on one machine: each task gets its place by variables.
    const srun = `#!/bin/bash
      for ((task = 0; task < SLURM_NTASKS; task++)); do
        SLURM_PROCID=$task SLURM_LOCALID=$task SLURM_NODEID=0 SLURM_STEP_ID=0 "$@" & tasks+=($!)
      done
      for task in "\${tasks[@]}"; do wait "$task" || exit 1; done`;
    writeFileSync(join(folder, 'train.slurm'), batch);
    writeFileSync(join(folder, 'srun'), srun, { mode: 0o755 });
    const job = { SLURM_JOB_NAME: 'train', SLURM_JOB_ID: String(process.pid), SLURM_NODELIST: 'localhost' };
    const size = { SLURM_NTASKS: '2', SLURM_NTASKS_PER_NODE: '2', SLURM_NNODES: '1', SLURM_CPUS_PER_TASK: '1' };
    const place = { MASTER_PORT: await freePort(), PATH: `${folder}:${process.env.PATH}` };
    const output = await run('bash', [join(folder, 'train.slurm')], { ...job, ...size, ...place });
    expect(accuracyIn(output)).toBeGreaterThan(0.95);
  });
});
