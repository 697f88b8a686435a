import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import { writeFileAtomic, writeFileAtomicSync } from './atomicWrite.js';
import { load, loadSync, save, saveSync } from './index.js';

const scratch = mkdtempSync(join(tmpdir(), 'atomic-write-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function* failing(): Generator<Uint8Array> {
  yield new Uint8Array(5 << 20);
  throw new Error('the source broke');
}

describe('writing a file', () => {
  it('replaces the whole old file and leaves nothing beside it', async () => {
    const folder = join(scratch, 'replace');
    mkdirSync(folder);
    const path = join(folder, 'a.bin');
    const pieces = [new Uint8Array(3 << 20).fill(1), new Uint8Array(7), new Uint8Array(6 << 20).fill(2)];
    await writeFileAtomic(path, pieces);
    expect(readFileSync(path).equals(Buffer.concat(pieces))).toBe(true);
    writeFileAtomicSync(path, [Uint8Array.of(1, 2)]);
    expect([...readFileSync(path)]).toEqual([1, 2]);
    expect(readdirSync(folder)).toEqual(['a.bin']);
  });

  it('leaves the old file and no other when the data breaks off', async () => {
    const folder = join(scratch, 'breaks');
    mkdirSync(folder);
    const path = join(folder, 'a.bin');
    writeFileSync(path, 'old');
    await expect(writeFileAtomic(path, failing())).rejects.toThrow('the source broke');
    expect(() => writeFileAtomicSync(path, failing())).toThrow('the source broke');
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(['a.bin']);
  });

  it('says which path it cannot write', async () => {
    const path = join(scratch, 'no-such-folder', 'a.bin');
    await expect(writeFileAtomic(path, [])).rejects.toMatchObject({ code: 'WRITE_FAILED', path });
    expect(() => writeFileAtomicSync(path, [])).toThrow(/WRITE_FAILED.*no-such-folder/);
    const folder = join(scratch, 'folder.pt');
    mkdirSync(folder);
    await expect(writeFileAtomic(folder, [Uint8Array.of(1)])).rejects.toMatchObject({ code: 'WRITE_FAILED' });
    expect(readdirSync(scratch).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('keeps the old file when a value cannot be saved', async () => {
    const path = join(scratch, 'value.pt');
    await save({ a: 1 }, path);
    await expect(save({ a: () => 1 }, path)).rejects.toMatchObject({ code: 'VALUE_UNSUPPORTED' });
    expect(await load(path)).toEqual({ a: 1 });
  });
});

const disk = join(scratch, 'small-disk');
const canMount = (() => {
  try {
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], { stdio: 'ignore' });
    execFileSync('umount', [disk], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

// Mounting a disk small enough to fill takes root.
describe.skipIf(!canMount)('a full disk', () => {
  beforeAll(() => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
  });
  afterAll(() => {
    execFileSync('umount', [disk]);
  });

  it('is reported with its path, and the previous checkpoint stays whole', async () => {
    const path = join(disk, 'last.ckpt');
    await save({ step: 1, weight: torch.ones([1000]) }, path);
    const large = { step: 2, weight: torch.ones([1_000_000]) };
    await expect(save(large, path)).rejects.toMatchObject({ code: 'DISK_FULL', path });
    expect(() => saveSync(large, path)).toThrow(/DISK_FULL.*last\.ckpt/);
    expect(readdirSync(disk)).toEqual(['last.ckpt']);
    expect(loadSync(path)).toMatchObject({ step: 1 });
    await save({ step: 3 }, path);
    expect(loadSync(path)).toEqual({ step: 3 });
  });
});

describe('a process killed while it saves', () => {
  it('always leaves a whole file at the path', async () => {
    const path = join(scratch, 'killed.pt');
    saveSync({ step: -1, weight: torch.zeros([1]) }, path);
    const program = `
      import * as torch from ${JSON.stringify(new URL('../index.js', import.meta.url).href)};
      import { save, saveSync } from ${JSON.stringify(new URL('./index.js', import.meta.url).href)};
      for (let step = 0; ; step++) {
        const value = { step, weight: torch.full([500_000], step, { dtype: 'float32' }) };
        if (step % 2) await save(value, ${JSON.stringify(path)});
        else saveSync(value, ${JSON.stringify(path)});
        if (step === 2) process.stdout.write('saving');
      }`;
    const script = join(scratch, 'saver.mts');
    writeFileSync(script, program);
    const tsx = fileURLToPath(import.meta.resolve('tsx'));
    let written = 0;
    for (let round = 0; round < 6; round++) {
      const child = spawn(process.execPath, ['--conditions=@lightning-ts/source', '--import', tsx, script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = new Promise((resolve) => child.once('exit', resolve));
      await new Promise((resolve, reject) => {
        child.stdout.once('data', resolve);
        child.once('exit', () => reject(new Error('the saving process ended by itself')));
      });
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
      child.kill('SIGKILL');
      await ended;
      const { step, weight } = loadSync(path) as { step: number; weight: torch.Tensor };
      expect(weight.numel()).toBe(500_000);
      expect(weight.eq(step).all().item()).toBe(1);
      written = Math.max(written, step);
    }
    expect(written).toBeGreaterThanOrEqual(2);
  });
});
