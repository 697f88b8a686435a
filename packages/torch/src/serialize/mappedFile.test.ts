import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import { FileSource } from './byteSource.js';
import { load, loadSync, openSafetensors, SerializeError, save, saveSync, ZipReader } from './index.js';

const scratch = mkdtempSync(join(tmpdir(), 'mapped-file-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const fixturePath = (name: string) => fileURLToPath(new URL(`../../test/fixtures/serialize/${name}`, import.meta.url));
type Tensors = Record<string, torch.Tensor>;

function failure(action: () => unknown): SerializeError {
  try {
    action();
  } catch (error) {
    if (error instanceof SerializeError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** How often this process has the file mapped; null on systems that do not tell. */
function mappingsOf(path: string): number | null {
  try {
    return readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .filter((line) => line.includes(path)).length;
  } catch {
    return null;
  }
}

describe('load with mmap', () => {
  it.each(['tensors.pt', 'training.ckpt', 'golden.pt', 'special.pt'])(
    'gives of %s what reading gives',
    async (name) => {
      const options = { mapLocation: 'cpu' } as const;
      const read = loadSync(fixturePath(name), options);
      const shown = (value: unknown) =>
        JSON.stringify(value, (_, part) => (part instanceof Map ? [...part] : plain(part)));
      expect(shown(loadSync(fixturePath(name), { ...options, mmap: true }))).toBe(shown(read));
      expect(shown(await load(fixturePath(name), { ...options, mmap: true }))).toBe(shown(read));
    },
  );

  it('takes no memory of its own for the elements, and shares storages as the file does', () => {
    const path = join(scratch, 'large.pt');
    const base = torch.arange(1 << 20).to('float32');
    saveSync({ base, part: base.narrow(0, 10, 5), other: torch.ones([3]) }, path);
    torch.memory.collect();
    const before = torch.memory.stats().liveBytes;
    const { base: mapped, part, other } = loadSync(path, { mmap: true }) as Required<Tensors>;
    expect(torch.memory.stats().liveBytes - before).toBeLessThan(1 << 20);
    expect(mapped?.sum().item()).toBe(base.sum().item());
    mapped?.setAt([12], -1);
    expect(part?.tolist()).toEqual([10, 11, -1, 13, 14]);
    expect(other?.storageId()).not.toBe(mapped?.storageId());
    // A tensor's storage is its own record: saving it again writes that record, not the file.
    const again = join(scratch, 'again.pt');
    saveSync(other, again);
    expect(readFileSync(again).length).toBeLessThan(4096);
  });

  it('never writes to the file: changed pages belong to the process', () => {
    const path = join(scratch, 'private.pt');
    saveSync({ x: torch.zeros([1000]) }, path);
    const before = readFileSync(path);
    const { x } = loadSync(path, { mmap: true }) as Required<Tensors>;
    x?.add_(1);
    expect(x?.sum().item()).toBe(1000);
    expect(readFileSync(path).equals(before)).toBe(true);
    expect((loadSync(path, { mmap: true }) as Required<Tensors>).x?.sum().item()).toBe(0);
  });

  it('keeps what it had when the file is deleted or replaced', async () => {
    const path = join(scratch, 'replaced.pt');
    await save({ x: torch.full([500], 3, { dtype: 'float32' }) }, path);
    const { x: first } = (await load(path, { mmap: true })) as Required<Tensors>;
    await save({ x: torch.zeros([4]) }, path);
    expect(first?.sum().item()).toBe(1500);
    const { x: second } = (await load(path, { mmap: true })) as Required<Tensors>;
    rmSync(path);
    expect(second?.tolist()).toEqual([0, 0, 0, 0]);
  });

  it('lasts as long as any tensor over it, and no longer', () => {
    const path = join(scratch, 'lifetime.pt');
    saveSync({ x: torch.ones([4096]), y: torch.ones([2]) }, path);
    const partOf = () => {
      const { x } = loadSync(path, { mmap: true }) as Required<Tensors>;
      return (x as torch.Tensor).narrow(0, 5, 2);
    };
    const view = partOf();
    torch.memory.collect();
    torch.memory.collect();
    if (mappingsOf(path) === null) return; // no /proc to look at
    expect(mappingsOf(path)).toBe(1);
    expect(view.tolist()).toEqual([1, 1]);
    view.dispose();
    expect(mappingsOf(path)).toBe(0);
  });

  it('can still verify checksums when asked to', () => {
    const path = join(scratch, 'flipped.pt');
    saveSync([torch.ones([100])], path);
    const bytes = readFileSync(path);
    const source = new FileSource(path);
    const reader = new ZipReader(source);
    (bytes[reader.locate(reader.entry('archive/data/0')) + 200] as number) ^= 1;
    source.close();
    writeFileSync(path, bytes);
    expect(loadSync(path, { mmap: true })).toBeDefined();
    expect(failure(() => loadSync(path, { mmap: true, verifyChecksums: true })).code).toBe('ZIP_CORRUPT');
  });

  it('refuses files whose elements do not lie there as they are, and files that are not there', () => {
    expect(failure(() => loadSync(fixturePath('deflated.pt'), { mmap: true }))).toMatchObject({
      code: 'FILE_UNSUPPORTED',
      message: expect.stringMatching(/compressed record .*data\/\d.*without mmap/),
    });
    expect(failure(() => loadSync(fixturePath('tensors-legacy.pt'), { mmap: true }))).toMatchObject({
      code: 'FILE_UNSUPPORTED',
      message: expect.stringMatching(/before PyTorch 1\.6/),
    });
    expect(failure(() => loadSync(join(scratch, 'absent.pt'), { mmap: true })).code).toBe('READ_FAILED');
    expect(failure(() => openSafetensors(join(scratch, 'absent'), { mmap: true })).code).toBe('READ_FAILED');
    writeFileSync(join(scratch, 'empty'), '');
    expect(failure(() => loadSync(join(scratch, 'empty'), { mmap: true })).code).toBe('FILE_UNRECOGNIZED');
    expect(failure(() => openSafetensors(join(scratch, 'empty'), { mmap: true })).code).toBe('SAFETENSORS_CORRUPT');
  });

  it('leaves no mapping behind when the file turns out to be damaged', () => {
    const path = join(scratch, 'damaged.pt');
    saveSync({ x: torch.ones([4096]) }, path);
    const bytes = readFileSync(path);
    bytes[bytes.indexOf('_rebuild_tensor_v2', 0, 'latin1') + 40] = 0xff;
    writeFileSync(path, bytes);
    for (let i = 0; i < 3; i++) expect(failure(() => loadSync(path, { mmap: true }))).toBeInstanceOf(SerializeError);
    torch.memory.collect();
    torch.memory.collect();
    expect(mappingsOf(path) ?? 0).toBe(0);
  });
});

/** A tensor as its kind and numbers. */
function plain(value: unknown): unknown {
  if (!(value instanceof torch.Tensor)) return typeof value === 'bigint' ? `${value}n` : value;
  const dense = value.layout === 'strided' ? value : value.toDense();
  return [value.dtype, value.layout, value.shape, String(dense.detach().tolist({ bigint: true }))];
}
