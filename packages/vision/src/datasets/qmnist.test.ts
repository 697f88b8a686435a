import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { QMNIST, type QMNISTOptions } from './index.js';

const count = 10_003;
const bigEndian = (...values: number[]) => {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => {
    bytes.writeInt32BE(value, 4 * i);
  });
  return bytes;
};
/** Images of which only the first pixel is not 0, and targets that begin with the digit. */
function parts(size: number): { images: Buffer; labels: Buffer } {
  const pixels = Buffer.alloc(size * 784);
  const targets: number[] = [];
  for (let i = 0; i < size; i++) {
    pixels[i * 784] = i % 256;
    targets.push(i % 10, 4, i + 1000, -1, 52, i, 0, 0);
  }
  return {
    images: Buffer.concat([bigEndian(0x0803, size, 28, 28), pixels]),
    labels: Buffer.concat([bigEndian(0x0c02, size, 8), bigEndian(...targets)]),
  };
}

function folderWith(files: Record<string, Uint8Array>): string {
  const root = mkdtempSync(join(tmpdir(), 'qmnist-'));
  mkdirSync(join(root, 'QMNIST', 'raw'), { recursive: true });
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(root, 'QMNIST', 'raw', name), bytes);
  return root;
}
const few = parts(12);
const train = {
  'qmnist-train-images-idx3-ubyte': few.images,
  'qmnist-train-labels-idx2-int.gz': gzipSync(few.labels),
};

describe('QMNIST', () => {
  it('gives digits, and with compat: false all that is known of an image', () => {
    const root = folderWith(train);
    const digits = new QMNIST(root);
    expect([digits.length, digits.what, digits.getItem(11)[1]]).toEqual([12, 'train', 1]);
    expect(digits.targets.shape).toEqual([12, 8]);
    expect(digits.getBatch!([11, 3])[1].tolist()).toEqual([1, 3]);

    const whole = new QMNIST(root, { compat: false });
    const [image, target] = whole.getItem(11);
    expect([image.at(0, 0).item(), target.dtype]).toEqual([11, 'int64']);
    expect(target.tolist()).toEqual([1, 4, 1011, -1, 52, 11, 0, 0]);
    expect(whole.getBatch!([2, 0])[1].select(1, 2).tolist()).toEqual([1002, 1000]);
    target.zero_();
    expect(whole.getItem(11)[1].select(0, 0).item()).toBe(1);
  });

  it('parts the test images into those of MNIST and the others', () => {
    const many = parts(count);
    const root = folderWith({
      'qmnist-test-images-idx3-ubyte': many.images,
      'qmnist-test-labels-idx2-int': many.labels,
    });
    const lengths = (['test', 'test10k', 'test50k'] as const).map((what) => new QMNIST(root, { what }).length);
    expect(lengths).toEqual([count, 10_000, 3]);
    expect(new QMNIST(root, { train: false }).what).toBe('test');
    expect(new QMNIST(root, { what: 'test50k', compat: false }).getItem(0)[1].select(0, 2).item()).toBe(11_000);
    expect(QMNIST.isPrepared(root, 'test50k')).toBe(true);
    expect(QMNIST.isPrepared(root)).toBe(false);
  });

  it('unpacks the digits of NIST that are packed by xz', async () => {
    const pack = (bytes: Buffer) => execFileSync('xz', ['--stdout', '-0'], { input: bytes });
    const root = folderWith({
      'xnist-images-idx3-ubyte.xz': pack(few.images),
      'xnist-labels-idx2-int.xz': pack(few.labels),
    });
    await QMNIST.prepare(root, { what: 'nist' });
    expect(new QMNIST(root, { what: 'nist' }).length).toBe(12);
    const damaged = folderWith({ 'xnist-images-idx3-ubyte.xz': Buffer.from('no archive') });
    await expect(QMNIST.prepare(damaged, { what: 'nist' })).rejects.toThrow(/DATASET_CORRUPT.*xnist-images/);
  });

  it('refuses a part there is not, and names what is wrong with a file', () => {
    const root = folderWith(train);
    expect(() => new QMNIST(root, { what: 'all' } as unknown as QMNISTOptions)).toThrow(
      /OPTION_INVALID.*test50k.*'all'/,
    );
    expect(() => new QMNIST(root, { train: false })).toThrow(/DATASET_MISSING.*QMNIST\.prepare\(.*what: 'test'/);
    const bytes = folderWith({ ...train, 'qmnist-train-labels-idx2-int': few.images });
    expect(() => new QMNIST(bytes)).toThrow(/DATASET_CORRUPT.*begins with 00000803, not 00000c02.*32-bit integers/);
    const cut = folderWith({ ...train, 'qmnist-train-labels-idx2-int': few.labels.subarray(0, 100) });
    expect(() => new QMNIST(cut)).toThrow(/12 × 8 elements of 4 bytes make a file of 396 bytes, and it has 100/);
  });
});
