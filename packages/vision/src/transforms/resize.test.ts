import { readFileSync } from 'node:fs';
import * as torch from '@lightning-ts/torch';
import { describe, expect, it } from 'vitest';
import * as T from './index.js';

interface Packed {
  /** [height, width, channels] */
  shape: [number, number, number];
  data: string;
}
interface Fixture {
  sources: Record<string, Packed>;
  resized: (Packed & { source: string; size: [number, number]; filter: 'bilinear' | 'bicubic' })[];
}
const fixture = JSON.parse(
  readFileSync(new URL('../../test/fixtures/resize/resize.json', import.meta.url), 'utf8'),
) as Fixture;

/** [channels, height, width], the pixels of a row side by side in memory, as images are decoded. */
const byPixel = ({ shape, data }: Packed): torch.Tensor =>
  torch.fromBuffer(Buffer.from(data, 'base64'), 'uint8', { shape }).movedim(-1, 0);

describe('images of bytes are resized to the pixels of PIL', () => {
  it.each(
    fixture.resized.map((entry) => [`${entry.source} to ${entry.size.join(' × ')}, ${entry.filter}`, entry] as const),
  )('%s', (_name, { source, size, filter, ...expected }) => {
    const image = byPixel(fixture.sources[source]!);
    const resize = new T.Resize(size, { interpolation: filter });
    expect(resize.forward(image).equal(byPixel(expected))).toBe(true);
    // The same for planes, batches of them, and parts of a larger image.
    const planes = image.contiguous();
    expect(resize.forward(planes).equal(byPixel(expected))).toBe(true);
    const [first, second] = resize.forwardBatch(torch.stack([planes, planes])).unbind(0);
    expect(first!.equal(second!) && first!.equal(byPixel(expected))).toBe(true);
    const framed = new T.Pad(3, { fill: 77 }).forward(image).movedim(0, -1).contiguous().movedim(-1, 0);
    const part = T.functional.resizedCrop(framed, 3, 3, image.size(1), image.size(2), size, { interpolation: filter });
    expect(part.equal(byPixel(expected))).toBe(true);
  });

  it('however many channels they have', () => {
    const [a, b] = [0, 1].map((seed) => {
      torch.manualSeed(seed);
      return torch.randint(0, 256, [1, 20, 14], { dtype: 'uint8' });
    }) as [torch.Tensor, torch.Tensor];
    const resize = new T.Resize([9, 17]);
    for (const count of [2, 4, 5]) {
      const channels = Array.from({ length: count }, (_, i) => (i % 2 === 0 ? a : b));
      const expected = torch.cat(channels.map((channel) => resize.forward(channel)));
      const image = torch.cat(channels);
      expect(resize.forward(image).equal(expected)).toBe(true);
      expect(resize.forward(image.movedim(0, -1).contiguous().movedim(-1, 0)).equal(expected)).toBe(true);
    }
  });
});
