import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { forkRng, manualSeed, randn, type Tensor } from '@lightning-ts/torch';
import { interpolate } from '@lightning-ts/torch/nn/functional';
import { writeJpeg } from '@lightning-ts/vision/io';

/** 500 JPEG files of 256 × 256 in 10 classes, shapes of several sizes with some grain, about 25 kB each. */
export async function jpegFolder(parent: string): Promise<string> {
  const folder = path.join(parent, 'jpeg-500');
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.tmp`;
  rmSync(unfinished, { recursive: true, force: true });
  for (let i = 0; i < 500; i += 1) {
    const parentOfClass = path.join(unfinished, `class${i % 10}`);
    mkdirSync(parentOfClass, { recursive: true });
    await writeJpeg(picture(i), path.join(parentOfClass, `${i}.jpg`), 90);
  }
  renameSync(unfinished, folder);
  return folder;
}

function picture(seed: number): Tensor {
  return forkRng(() => {
    manualSeed(seed);
    let image = randn([1, 3, 256, 256]).mul(6);
    for (const [size, strength] of [
      [4, 50],
      [16, 30],
      [64, 15],
    ] as const) {
      image = image.add(interpolate(randn([1, 3, size, size]), { size: [256, 256], mode: 'bicubic' }).mul(strength));
    }
    return image.add(128).clamp(0, 255).to('uint8').at(0);
  });
}
