import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { save } from '@lightning-ts/torch/serialize';
import { describe, expect, test } from 'vitest';
import { BoringModel } from '../testing/boringModel.js';
import { Trainer } from '../trainer/trainer.js';
import { checkpointCommand } from './checkpointCommand.js';
import { inspectCheckpoint } from './inspectCheckpoint.js';

const folder = mkdtempSync(join(tmpdir(), 'lightning-'));
const fixtures = fileURLToPath(new URL('../../test/fixtures/checkpoints/', import.meta.url));

async function run(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const status = await checkpointCommand(args, { print: (line) => out.push(line), fail: (line) => err.push(line) });
  return { status, out: out.join('\n'), err: err.join('\n') };
}

const ours = await (async () => {
  const path = join(folder, 'ours.ckpt');
  const trainer = new Trainer({
    maxEpochs: 1,
    limitTrainBatches: { batches: 3 },
    limitValBatches: 0,
    logger: false,
    enableProgressBar: false,
    enableModelSummary: false,
    enableCheckpointing: false,
    defaultRootDir: folder,
  });
  await trainer.fit(new BoringModel());
  await trainer.saveCheckpoint(path);
  return path;
})();

describe('inspectCheckpoint', () => {
  test('tells what is in a file of ours', async () => {
    expect(await inspectCheckpoint(ours)).toMatchObject({
      version: '2.6.0',
      writtenBy: expect.stringMatching(/^\d+\.\d+\.\d+/) as string,
      migrations: [],
      epoch: 1,
      globalStep: 3,
      resume: 'exact',
      tensors: [
        { name: 'layer.weight', shape: [2, 32], dtype: 'float32', bytes: 256 },
        { name: 'layer.bias', shape: [2], dtype: 'float32', bytes: 8 },
      ],
      elements: 66,
      optimizers: [{ parameters: 2, groups: [expect.objectContaining({ lr: 0.1 })] }],
      foreignClasses: [],
      otherKeys: [],
    });
  });

  test("tells what is in Python's, and what an upgrade would change", async () => {
    const summary = await inspectCheckpoint(join(fixtures, 'lightning-1.8.ckpt'));
    expect(summary).toMatchObject({ version: '1.8.6', writtenBy: null, resume: 'counters', globalStep: 6 });
    expect(summary.hyperParameters).toEqual({ learning_rate: 0.05, sizes: [4, 2], name: 'fixture' });
    expect(summary.migrations).toContain('amp_scaling_state was dropped');
  });
});

describe('lightning-ts checkpoint', () => {
  test('inspect prints a file for people, with its tensors when asked, or as JSON', async () => {
    const { out, status } = await run('inspect', ours);
    expect(status).toBe(0);
    expect(out).toContain('Saved in     epoch 1, after 3 optimizer steps');
    expect(out).toContain('Weights      2 tensors, 66 elements, 264 B of float32');
    expect(out).not.toContain('layer.weight');
    expect((await run('inspect', ours, '--tensors')).out).toMatch(/^layer\.weight +\[2, 32\] +float32 +256 B$/m);
    expect(JSON.parse((await run('inspect', '--json', ours)).out)).toMatchObject({ globalStep: 3, elements: 66 });
  });

  test('upgrade works on files and folders, and goes on after one that is none', async () => {
    const models = join(folder, 'models');
    mkdirSync(join(models, 'deep'), { recursive: true });
    copyFileSync(join(fixtures, 'lightning-1.2.ckpt'), join(models, 'deep', 'old.ckpt'));
    copyFileSync(join(fixtures, 'lightning-2.5-epoch-end.ckpt'), join(models, 'new.ckpt'));
    writeFileSync(join(models, 'bad.ckpt'), 'no checkpoint');
    const before = readFileSync(join(models, 'new.ckpt'));
    const { err, out, status } = await run('upgrade', models);
    expect(status).toBe(1);
    expect(out).toContain('old.ckpt: upgraded from 1.2.10');
    expect(err).toMatch(/CHECKPOINT_INVALID.*bad\.ckpt/);
    expect(readFileSync(join(models, 'new.ckpt')).equals(before)).toBe(true);
    expect((await run('upgrade', join(models, 'deep'))).out).toContain('up to date');
  });

  test('says what is wrong with a file, and with a command', async () => {
    const cut = join(folder, 'cut.ckpt');
    copyFileSync(ours, cut);
    truncateSync(cut, 900);
    expect(await run('inspect', cut)).toMatchObject({
      status: 1,
      err: expect.stringMatching(/CHECKPOINT_DAMAGED.*cut/) as string,
    });
    const changed = join(folder, 'changed.ckpt');
    const bytes = readFileSync(ours);
    bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 0xff, bytes.length >> 1);
    writeFileSync(changed, bytes);
    expect((await run('inspect', changed)).err).toMatch(/CHECKPOINT_DAMAGED/);
    const plain = join(folder, 'plain.ckpt');
    await save({ a: 1 }, plain);
    expect((await run('inspect', plain)).err).toMatch(/CHECKPOINT_INVALID/);
    expect((await run('inspect', join(folder, 'missing.ckpt'))).err).toMatch(/READ_FAILED/);
    for (const args of [
      [],
      ['inspect'],
      ['delete', ours],
      ['inspect', ours, '--all'],
      ['upgrade', ours, cut, '--output', 'x'],
    ]) {
      expect((await run(...args)).status, args.join(' ')).toBe(2);
    }
    expect((await run('--help')).status).toBe(0);
  });

  test('is a program', () => {
    const program = fileURLToPath(new URL('../cli/lightningTs.ts', import.meta.url));
    const args = ['--import', 'tsx', '--conditions=@lightning-ts/source', program];
    const result = spawnSync(process.execPath, [...args, 'checkpoint', 'inspect', ours], { encoding: 'utf8' });
    expect([result.status, result.stderr]).toEqual([0, '']);
    expect(result.stdout).toContain('Resumes');
    expect(spawnSync(process.execPath, [...args, 'dance']).status).toBe(2);
    expect(existsSync(ours)).toBe(true);
  });
});
