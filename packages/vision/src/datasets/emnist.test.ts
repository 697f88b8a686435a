import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { zipChunks } from '@lightning-ts/torch/serialize';
import { describe, expect, it } from 'vitest';
import { EMNIST, type EMNISTOptions, type EMNISTSplit } from './index.js';

const splits: EMNISTSplit[] = ['byclass', 'bymerge', 'balanced', 'letters', 'digits', 'mnist'];
const bigEndian = (...values: number[]) => {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt32BE(value, 4 * i);
  });
  return bytes;
};

/** Three images and their labels of a split. The first pixel counts the files. */
function filesOf(split: EMNISTSplit, part: string, first: number): [name: string, bytes: Buffer][] {
  const pixels = Uint8Array.from({ length: 3 * 784 }, (_, i) => (first + i) % 256);
  return [
    [`emnist-${split}-${part}-images-idx3-ubyte.gz`, gzipSync(Buffer.concat([bigEndian(0x0803, 3, 28, 28), pixels]))],
    [
      `emnist-${split}-${part}-labels-idx1-ubyte.gz`,
      gzipSync(Buffer.concat([bigEndian(0x0801, 3), Buffer.of(1, 2, 9)])),
    ],
  ];
}
const all = splits.flatMap((split, i) => [...filesOf(split, 'train', 2 * i), ...filesOf(split, 'test', 2 * i + 1)]);

function folderWith(files: [name: string, bytes: Uint8Array][]): string {
  const root = mkdtempSync(join(tmpdir(), 'emnist-'));
  mkdirSync(join(root, 'EMNIST', 'raw'), { recursive: true });
  for (const [name, bytes] of files) writeFileSync(join(root, 'EMNIST', 'raw', name), bytes);
  return root;
}
const archive = (files: [name: string, bytes: Uint8Array][]): Buffer =>
  Buffer.concat([
    ...zipChunks(files.map(([name, bytes]) => ({ name: `gzip/${name}`, size: bytes.length, chunks: () => [bytes] }))),
  ]);

describe('EMNIST', () => {
  it('has the splits and classes of torchvision', () => {
    const root = folderWith(all);
    const counts = splits.map((split) => new EMNIST(root, { split }).classes.length);
    expect(counts).toEqual([62, 47, 47, 27, 10, 10]);
    expect(new EMNIST(root, { split: 'byclass' }).classes.join('')).toBe(
      '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz',
    );
    expect(new EMNIST(root, { split: 'bymerge' }).classes.join('')).toBe(
      '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt',
    );
    expect(new EMNIST(root, { split: 'letters' }).classes.slice(0, 3)).toEqual(['N/A', 'a', 'b']);
  });

  it('reads the images of the split and part, as they lie in the file', () => {
    const root = folderWith(all);
    const letters = new EMNIST(root, { split: 'letters', train: false });
    const [image, label] = letters.getItem(1);
    expect([letters.length, letters.split, letters.train, label]).toEqual([3, 'letters', false, 2]);
    expect(image.at(0, 0).item()).toBe((7 + 784) % 256);
    expect(image.at(0, 1).item()).toBe((8 + 784) % 256);
    expect(letters.getBatch!([2])[1].tolist()).toEqual([9]);
  });

  it('unpacks the archive of all splits, and needs it no more', async () => {
    const root = folderWith([['gzip.zip', archive(all)]]);
    expect(EMNIST.isPrepared(root)).toBe(false);
    await EMNIST.prepare(root);
    expect(EMNIST.isPrepared(root)).toBe(true);
    expect(existsSync(join(root, 'EMNIST', 'raw', 'gzip.zip'))).toBe(false);
    expect(new EMNIST(root, { split: 'mnist' }).data.shape).toEqual([3, 28, 28]);
    await EMNIST.prepare(root);
  });

  it('names the archive that is damaged or lacks a file', async () => {
    const cut = folderWith([['gzip.zip', archive(all).subarray(0, 2000)]]);
    await expect(EMNIST.prepare(cut)).rejects.toThrow(/DATASET_CORRUPT.*gzip\.zip.*cannot be unpacked/);
    const lacking = folderWith([['gzip.zip', archive(all.slice(0, -1))]]);
    await expect(EMNIST.prepare(lacking)).rejects.toThrow(
      /DATASET_CORRUPT.*gzip\.zip.*no emnist-mnist-test-labels-idx1-ubyte/,
    );
  });

  it('refuses a split there is not, and names the file that is missing', () => {
    const root = folderWith(all.slice(0, 2));
    expect(() => new EMNIST(root, { split: 'upper' } as unknown as EMNISTOptions)).toThrow(
      /OPTION_INVALID.*byclass, bymerge, balanced, letters, digits, mnist.*'upper'/,
    );
    expect(() => new EMNIST(root, { split: 'digits' })).toThrow(
      /DATASET_MISSING.*emnist-digits-train-images.*EMNIST\.prepare/,
    );
  });
});
