import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as torch from '@lightning-ts/torch';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import {
  decodeImage,
  decodeJpeg,
  decodePng,
  decodePngIndices,
  encodeJpeg,
  encodePng,
  readImage,
  writeJpeg,
  writePng,
} from './index.js';

const folder = fileURLToPath(new URL('../../test/fixtures/images/', import.meta.url));
const pathOf = (name: string) => join(folder, name);
const bytesOf = (name: string) => readFileSync(pathOf(name));
interface Packed {
  shape: number[];
  data: string;
}
const decoded = JSON.parse(readFileSync(pathOf('decoded.json'), 'utf8')) as Record<string, Record<string, Packed>>;
const expected = (name: string, mode: string) => {
  const { shape, data } = decoded[name]![mode]!;
  return torch.fromBuffer(Buffer.from(data, 'base64'), 'uint8', { shape });
};
const farthest = (a: torch.Tensor, b: torch.Tensor) => a.to('int32').sub(b.to('int32')).abs().max().item();
const scratch = () => mkdtempSync(join(tmpdir(), 'images-'));

describe('images are read with the pixels of PIL', () => {
  it.each(Object.keys(decoded).filter((name) => decoded[name]!.rgb !== undefined))('%s', async (name) => {
    const rgb = await readImage(pathOf(name), 'rgb');
    expect([rgb.dtype, rgb.shape]).toEqual(['uint8', [3, 19, 26]]);
    expect(farthest(rgb, expected(name, 'rgb'))).toBe(0);
    const gray = await decodeImage(bytesOf(name), { mode: 'gray' });
    expect(gray.shape).toEqual([1, 19, 26]);
    expect(farthest(gray, expected(name, 'gray'))).toBe(0);
  });

  it('with the channels that are asked for, or those of the file', async () => {
    const shapes = async (name: string) => {
      const modes = ['unchanged', 'gray', 'grayAlpha', 'rgb', 'rgbAlpha'] as const;
      return Promise.all(modes.map(async (mode) => (await readImage(pathOf(name), mode)).size(0)));
    };
    expect(await shapes('grey.png')).toEqual([1, 1, 2, 3, 4]);
    expect(await shapes('grey_alpha.png')).toEqual([2, 1, 2, 3, 4]);
    expect(await shapes('colour.png')).toEqual([3, 1, 2, 3, 4]);
    expect(await shapes('alpha.png')).toEqual([4, 1, 2, 3, 4]);
    const alpha = (await readImage(pathOf('alpha.png'))).at(3, 0);
    expect(alpha.tolist()).toEqual(Array.from({ length: 26 }, (_, x) => x * 10));
    expect((await readImage(pathOf('grey.png'), 'rgbAlpha')).at(3).unique().tolist()).toEqual([255]);
  });

  it('from JPEGs of four inks as colours, and with the errors of files that are named JPEG and are none', async () => {
    const pixels = { raw: { width: 26, height: 19, channels: 3 as const } };
    const inks = await sharp(Buffer.alloc(19 * 26 * 3, 200), pixels)
      .toColourspace('cmyk')
      .jpeg()
      .toBuffer();
    const path = join(scratch(), 'inks.jpg');
    writeFileSync(path, inks);
    expect((await readImage(path)).shape).toEqual([3, 19, 26]);
    expect((await readImage(path, 'gray')).shape).toEqual([1, 19, 26]);
    const misnamed = join(scratch(), 'really.jpg');
    writeFileSync(misnamed, bytesOf('colour.png'));
    expect((await readImage(misnamed)).equal(await readImage(pathOf('colour.png')))).toBe(true);
    await expect(readImage(misnamed, { format: 'jpeg' })).rejects.toThrow(/really\.jpg is png, and jpeg was asked for/);
  });

  it('turned by their EXIF orientation only when that is asked for', async () => {
    expect((await readImage(pathOf('turned.jpg'))).shape).toEqual([3, 19, 26]);
    expect((await readImage(pathOf('turned.jpg'), { applyExifOrientation: true })).shape).toEqual([3, 26, 19]);
  });

  it('as the numbers of a palette', () => {
    for (const name of ['palette.png', 'bits.png']) {
      expect(farthest(decodePngIndices(bytesOf(name)), expected(name, 'indices'))).toBe(0);
    }
  });
});

describe('images are written', () => {
  it('as PNG without loss, for every number of channels', async () => {
    for (const name of ['grey.png', 'grey_alpha.png', 'colour.png', 'alpha.png']) {
      const image = await readImage(pathOf(name));
      const path = join(scratch(), name);
      await writePng(image, path);
      expect((await readImage(path)).equal(image)).toBe(true);
      expect((await decodePng(await encodePng(image, 9))).equal(image)).toBe(true);
    }
  });

  it('as JPEG close to what they were, closer with more quality', async () => {
    const image = await readImage(pathOf('colour.jpg'));
    const lossOf = async (quality: number) =>
      (await decodeJpeg(await encodeJpeg(image, quality))).to('float32').sub(image).abs().mean().item();
    const [fine, coarse] = [await lossOf(95), await lossOf(20)];
    expect(fine).toBeLessThan(8);
    expect(coarse).toBeGreaterThan(fine);
    const path = join(scratch(), 'x.jpg');
    await writeJpeg(image.narrow(0, 0, 1), path);
    expect((await readImage(path)).shape).toEqual([1, 19, 26]);
  });

  it('only from bytes of one to four channels', async () => {
    await expect(encodePng(torch.zeros([3, 4, 4]))).rejects.toThrow(/ARGUMENT_INVALID.*uint8.*float32 \[3, 4, 4\]/);
    await expect(encodeJpeg(torch.zeros([4, 4, 4], { dtype: 'uint8' }))).rejects.toThrow(/ARGUMENT_INVALID.*1 or 3/);
    await expect(encodeJpeg(torch.zeros([3, 4, 4], { dtype: 'uint8' }), 0)).rejects.toThrow(/OPTION_INVALID.*1 to 100/);
    await expect(encodePng(torch.zeros([3, 4, 4], { dtype: 'uint8' }), 10)).rejects.toThrow(/OPTION_INVALID.*0 to 9/);
  });
});

describe('what is no image is refused, naming the file', () => {
  it.each<[string, Uint8Array, RegExp]>([
    ['empty.jpg', new Uint8Array(0), /IMAGE_UNREADABLE.*empty\.jpg is empty/],
    ['page.png', Buffer.from('<html>not found</html>'), /IMAGE_UNREADABLE.*page\.png is none of JPEG.*3c68746d/],
    ['cut.jpg', bytesOf('colour.jpg').subarray(0, 800), /IMAGE_UNREADABLE.*cut\.jpg is cut or damaged/],
    ['cut.png', bytesOf('colour.png').subarray(0, 700), /IMAGE_UNREADABLE.*cut\.png is cut or damaged/],
    ['header.webp', bytesOf('lossless.webp').subarray(0, 40), /IMAGE_UNREADABLE.*header\.webp is cut or damaged/],
  ])('%s', async (name, bytes, message) => {
    const path = join(scratch(), name);
    writeFileSync(path, bytes);
    await expect(readImage(path)).rejects.toThrow(message);
  });

  it('where the file, the format or the mode is not there', async () => {
    await expect(readImage('/nowhere/x.png')).rejects.toThrow(/IMAGE_UNREADABLE.*\/nowhere\/x\.png.*ENOENT/);
    await expect(decodePng(bytesOf('colour.jpg'))).rejects.toThrow(/IMAGE_UNREADABLE.*jpeg, and png was asked for/);
    await expect(readImage(pathOf('colour.png'), 'RGB' as 'rgb')).rejects.toThrow(/OPTION_INVALID.*'RGB'/);
    expect(() => decodePngIndices(bytesOf('colour.png'))).toThrow(/IMAGE_UNREADABLE.*palette or grey/);
    expect(() => decodePngIndices(bytesOf('palette.png').subarray(0, 850))).toThrow(/IMAGE_UNREADABLE/);
  });

  it('before it is decoded when it has too many pixels', async () => {
    await expect(readImage(pathOf('colour.png'), { maxPixels: 493 })).rejects.toThrow(
      /IMAGE_TOO_LARGE.*colour\.png has more than 493 pixels.*maxPixels/,
    );
    expect((await readImage(pathOf('colour.png'), { maxPixels: 494 })).shape).toEqual([3, 19, 26]);
    // A header that announces 60,000 × 60,000 pixels.
    const bomb = Buffer.from(bytesOf('colour.png'));
    bomb.writeUInt32BE(60_000, 16);
    bomb.writeUInt32BE(60_000, 20);
    await expect(decodeImage(bomb, { name: 'bomb.png' })).rejects.toThrow(/bomb\.png/);
    await expect(readImage(pathOf('colour.png'), { maxPixels: 0 })).rejects.toThrow(/OPTION_INVALID.*maxPixels/);
  });
});
