import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { torchErrorOf } from '../test/encodedTensor.js';
import { decodeJpeg, isPixels, mapPixels, mirrorPixels, resamplePixels } from './image.js';
import * as torch from './index.js';

const pathOf = (name: string) => fileURLToPath(new URL(`../../vision/test/fixtures/images/${name}`, import.meta.url));
const colour = readFileSync(pathOf('colour.jpg'));
const scratch = mkdtempSync(join(tmpdir(), 'image-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const written = (name: string, bytes: Uint8Array): string => {
  writeFileSync(join(scratch, name), bytes);
  return join(scratch, name);
};
const randomImage = (shape: number[]) => torch.randint(0, 256, shape, { dtype: 'uint8' });
const byPixel = (image: torch.Tensor) => image.movedim(0, -1).contiguous().movedim(-1, 0);

describe('a JPEG file', () => {
  it('is decoded from its path or its bytes, with the channels that it has', async () => {
    const [fromPath, fromBytes] = await Promise.all([decodeJpeg(pathOf('colour.jpg'), 1e6), decodeJpeg(colour, 1e6)]);
    expect([fromPath!.dtype, fromPath!.shape]).toEqual(['uint8', [19, 26, 3]]);
    expect(fromPath!.equal(fromBytes!)).toBe(true);
    expect((await decodeJpeg(pathOf('grey.jpg'), 1e6))!.shape).toEqual([19, 26, 1]);
  });

  it('is left to others when it is none, or cannot be opened', async () => {
    expect(await decodeJpeg(pathOf('colour.png'), 1e6)).toBeNull();
    expect(await decodeJpeg(written('empty.jpg', new Uint8Array(0)), 1e6)).toBeNull();
    expect(await decodeJpeg(join(scratch, 'nowhere.jpg'), 1e6)).toBeNull();
    expect(await decodeJpeg(scratch, 1e6)).toBeNull();
  });

  it('is refused when it is cut, damaged or too large, wherever it is cut', async () => {
    for (let length = 3; length < colour.length - 2; length += 41) {
      const cut = decodeJpeg(written('cut.jpg', colour.subarray(0, length)), 1e6);
      await expect(cut, `cut at ${length}`).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
    }
    await expect(decodeJpeg(colour, 493)).rejects.toMatchObject({ code: 'IMAGE_TOO_LARGE', message: '19 x 26 pixels' });
    expect((await decodeJpeg(colour, 494))!.shape).toEqual([19, 26, 3]);
    // Bytes that are wrong may give other pixels or an error, and never end the process.
    torch.manualSeed(0);
    for (let round = 0; round < 60; round++) {
      const wrong = Buffer.from(colour);
      for (const at of torch.randint(2, wrong.length, [8]).tolist() as number[]) wrong[at] = (wrong[at]! + 77) & 255;
      const outcome = await decodeJpeg(wrong, 1e6).catch((error: torch.TorchError) => error.code);
      expect([null, 'IMAGE_UNREADABLE', 'IMAGE_TOO_LARGE']).toContain(outcome instanceof torch.Tensor ? null : outcome);
    }
  });

  it('leaves no memory behind, decoded or refused', async () => {
    torch.memory.collect();
    const before = torch.memory.stats();
    for (let round = 0; round < 20; round++) {
      (await decodeJpeg(colour, 1e6))!.dispose();
      await decodeJpeg(colour.subarray(0, 900), 1e6).catch(() => {});
    }
    torch.memory.collect();
    const after = torch.memory.stats();
    expect([after.liveTensors, after.liveBytes]).toEqual([before.liveTensors, before.liveBytes]);
  });
});

describe('pixels', () => {
  it('are mirrored where they are in memory: side by side, in planes, in a part of an image', () => {
    for (const channels of [1, 2, 3, 4, 5]) {
      const planes = randomImage([channels, 6, 7]);
      for (const image of [
        planes,
        byPixel(planes),
        planes.narrow(2, 1, 5),
        byPixel(planes).narrow(1, 2, 3),
        planes.mT,
      ]) {
        const mirrored = mirrorPixels(image);
        expect(mirrored.equal(image.flip([-1]))).toBe(true);
        expect(mirrorPixels(mirrored).equal(image)).toBe(true);
      }
    }
  });

  it('become the floats of a table for each channel', () => {
    const tables = torch.randn([3, 256]);
    const image = byPixel(randomImage([3, 5, 4]));
    const expected = torch.stack([0, 1, 2].map((c) => tables.at(c).take(image.at(c).to('int64'))));
    const mapped = mapPixels(image, tables);
    expect([mapped.isContiguous(), mapped.equal(expected)]).toEqual([true, true]);
  });

  it('are bytes [channels, height, width]; anything else is refused', () => {
    const image = randomImage([3, 4, 4]);
    const others = [image.to('float32'), image.at(0), image.unsqueeze(0), image.narrow(1, 0, 0)];
    expect([image, ...others].map(isPixels)).toEqual([true, false, false, false, false]);
    for (const other of others) {
      for (const work of [mirrorPixels, (x: torch.Tensor) => resamplePixels(x, 2, 2)]) {
        expect(torchErrorOf(() => work(other))).toMatchObject({
          code: 'ARGUMENT_TYPE',
          message: expect.stringMatching(/uint8\[channels, height, width\] on the CPU, got/),
        });
      }
    }
    expect(torchErrorOf(() => resamplePixels(image, 0, 2)).code).toBe('ARGUMENT_RANGE');
    expect(torchErrorOf(() => mapPixels(image, torch.zeros([1, 256]))).message).toMatch(/float32\[3, 256\], got/);
  });
});
