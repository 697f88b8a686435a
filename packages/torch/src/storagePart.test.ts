import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { torchErrorOf } from '../test/encodedTensor.js';
import * as torch from './index.js';
import { StoragePart, storageSlice } from './storage.js';

const scratch = mkdtempSync(join(tmpdir(), 'storage-part-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const path = join(scratch, 'file');

describe('a part of a storage', () => {
  it('goes to a file and back, with its checksum, waiting or not', async () => {
    const source = torch.arange(400_000).to('float32');
    const part = new StoragePart(source, 400, 1_200_000);
    const expected = Buffer.from(source.toTypedArray().buffer, 400, 1_200_000);
    for (const later of [false, true]) {
      const out = openSync(path, 'w+');
      const written = later ? await part.writeToLater(out, 7) : part.writeTo(out, 7);
      expect(written).toBe(crc32(expected));
      expect(readFileSync(path).subarray(7).equals(expected)).toBe(true);
      const target = torch.zeros([400_000]);
      const back = new StoragePart(target, 400, 1_200_000);
      expect(later ? await back.readFromLater(out, 7) : back.readFrom(out, 7)).toBe(crc32(expected));
      closeSync(out);
      expect(
        target
          .narrow(0, 100, 300_000)
          .eq(source.narrow(0, 100, 300_000))
          .all()
          .item(),
      ).toBeTruthy();
      expect([target.at(99).item(), target.at(300_100).item()]).toEqual([0, 0]);
      expect(Buffer.from(part.bytes()).equals(expected)).toBe(true);
    }
  });

  it('must lie inside its storage', () => {
    const tensor = torch.zeros([4]);
    for (const [start, length] of [
      [0, 17],
      [16, 1],
      [-1, 4],
      [4, -1],
    ] as const)
      expect(torchErrorOf(() => new StoragePart(tensor, start, length).writeTo(1, 0)).code).toBe('ARGUMENT_RANGE');
    expect(torchErrorOf(() => storageSlice(tensor, 8, 9)).code).toBe('ARGUMENT_RANGE');
  });

  it('says why a file gives no bytes or takes none', async () => {
    writeFileSync(path, Buffer.alloc(100));
    const file = openSync(path, 'r');
    const part = new StoragePart(torch.zeros([50]), 0, 200);
    expect(torchErrorOf(() => part.readFrom(file, 0)).message).toMatch(/it became shorter/);
    await expect(part.readFromLater(file, 0)).rejects.toThrow(/it became shorter/);
    expect(torchErrorOf(() => part.writeTo(file, 0)).message).toMatch(/^EIO: /); // opened for reading only
    await expect(part.writeToLater(file, 0)).rejects.toThrow(/^EIO: /);
    closeSync(file);
    truncateSync(path, 0);
  });

  it('keeps the memory while a thread works on it, and no longer', async () => {
    const before = torch.memory.stats().liveBytes;
    const file = openSync(path, 'w+');
    const tensor = torch.ones([1 << 20]);
    const writing = new StoragePart(tensor, 0, 4 << 20).writeToLater(file, 0);
    tensor.dispose();
    expect(await writing).toBe(crc32(readFileSync(path)));
    closeSync(file);
    torch.memory.collect();
    expect(torch.memory.stats().liveBytes).toBeLessThanOrEqual(before);
  });

  it('as a storage of its own shares the memory and outlives its source', () => {
    const source = torch.arange(8).to('float32');
    const slice = storageSlice(source, 8, 16);
    expect(slice.storageId()).not.toBe(source.storageId());
    expect(torch.storageByteLength(slice)).toBe(16);
    const view = torch.asView(slice, 'float32', [4], [1]);
    source.setAt([3], 42);
    source.dispose();
    slice.dispose();
    expect(view.tolist()).toEqual([2, 42, 4, 5]);
  });
});
