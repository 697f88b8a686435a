import { readFileSync } from 'node:fs';
import * as torch from '@lightning-ts/torch';
import { describe, expect, it } from 'vitest';
import {
  Compose,
  ConvertImageDtype,
  Lambda,
  Normalize,
  type PaddingMode,
  RandomCrop,
  RandomHorizontalFlip,
  ToTensor,
  type Transform,
} from './index.js';

interface Packed {
  dtype: torch.DType;
  shape: number[];
  data: string;
}
type Fixture = Record<string, Packed> & {
  converted: { image: Packed; to: torch.DType; result: Packed | null }[];
};
const fixture = JSON.parse(
  readFileSync(new URL('../../test/fixtures/transforms.json', import.meta.url), 'utf8'),
) as Fixture;

const unpack = ({ dtype, shape, data }: Packed) => torch.fromBuffer(Buffer.from(data, 'base64'), dtype, { shape });
const named = (name: string) => unpack(fixture[name] as Packed);
const each = (transform: Transform, images: torch.Tensor) =>
  torch.stack(images.unbind(0).map((image) => transform.forward(image)));

/** Equal bit for bit, in dtype and shape. */
function expectEqual(actual: torch.Tensor, expected: torch.Tensor): void {
  expect([actual.dtype, actual.shape]).toEqual([expected.dtype, expected.shape]);
  const bytes = (tensor: torch.Tensor) => torch.storageBytes(tensor.contiguous().clone());
  expect(Buffer.from(bytes(actual)).equals(Buffer.from(bytes(expected)))).toBe(true);
}

describe('transforms give the values of torchvision, bit for bit', () => {
  it('ToTensor on every byte and on colours', () => {
    const bytes = torch.arange(256).to('uint8').view([16, 16]);
    expectEqual(new ToTensor().forward(bytes), named('bytes'));
    expectEqual(each(new ToTensor(), named('colour')), named('colour_to_tensor'));
  });

  it('Normalize with a mean and deviation for each channel', () => {
    const normalize = new Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    expectEqual(each(normalize, named('colour_to_tensor')), named('normalized'));
  });

  it('random crops and flips, drawn from the same seed in the same order', () => {
    const train = new Compose([
      new RandomCrop([9, 8], { padding: 2 }),
      new RandomHorizontalFlip(),
      new ToTensor(),
      new Normalize([0.286], [0.353]),
    ]);
    torch.manualSeed(7);
    expectEqual(each(train, named('grey')), named('train'));
  });

  it.each<PaddingMode>(['constant', 'edge', 'reflect', 'symmetric'])('random crops with %s padding', (paddingMode) => {
    const crop = new RandomCrop([10, 11], { padding: [1, 2, 3, 1], fill: 9, paddingMode });
    torch.manualSeed(3);
    expectEqual(each(crop, named('grey').unsqueeze(1)), named(`crop_${paddingMode}`));
  });

  it('random crops of images that are too small', () => {
    torch.manualSeed(5);
    expectEqual(
      each(new RandomCrop(12, { padIfNeeded: true }), named('grey').unsqueeze(1)),
      named('crop_pad_if_needed'),
    );
  });

  it.each(fixture.converted.map((entry) => [entry.image.dtype, entry.to, entry] as const))(
    'ConvertImageDtype from %s to %s',
    (_, to, { image, result }) => {
      // torchvision lets float16 overflow to infinity here.
      const overflows = image.dtype === 'float16' && (to === 'int32' || to === 'int64');
      if (result === null || overflows) {
        expect(() => new ConvertImageDtype(to).forward(unpack(image))).toThrow(/IMAGE_INVALID/);
      } else {
        expectEqual(new ConvertImageDtype(to).forward(unpack(image)), unpack(result));
      }
    },
  );
});

describe('a whole batch at once', () => {
  const grey = torch.randint(0, 256, [64, 28, 28]).to('uint8');
  const colour = torch.randint(0, 256, [17, 13, 11, 3]).to('uint8');

  it('gives what each image gives by itself, bit for bit', () => {
    const pipeline = new Compose([
      new ToTensor(),
      new ConvertImageDtype('float64'),
      new ConvertImageDtype('float32'),
      new Normalize([0.286], [0.353]),
      new Lambda((x) => x.mul(3), { batched: true }),
    ]);
    expect(pipeline.batched).toBe(true);
    expectEqual(pipeline.forwardBatch(grey), each(pipeline, grey));
    const threeChannels = new Compose([new ToTensor(), new Normalize([0.5, 0.4, 0.3], [0.1, 0.2, 0.3])]);
    expectEqual(threeChannels.forwardBatch(colour), each(threeChannels, colour));
  });

  it('is not claimed by a pipeline with a random step, which draws for each image in turn', () => {
    const pipeline = new Compose([new ToTensor(), new RandomCrop(28, { padding: 4 }), new RandomHorizontalFlip()]);
    expect(pipeline.batched).toBe(false);
    torch.manualSeed(1);
    const together = pipeline.forwardBatch(grey);
    torch.manualSeed(1);
    expectEqual(together, each(pipeline, grey));
  });

  it('is not claimed by a plain function', () => {
    expect(new Compose([new ToTensor(), (x) => x.mul(2)]).batched).toBe(false);
  });
});

describe('what transforms refuse', () => {
  const image = torch.zeros([1, 8, 8]);

  it('options that mean nothing', () => {
    expect(() => new RandomHorizontalFlip(1.5)).toThrow(/OPTION_INVALID.*0 to 1.*1\.5/);
    expect(() => new RandomCrop(0)).toThrow(/OPTION_INVALID/);
    expect(() => new RandomCrop(4, { padding: [1, 2, 3] })).toThrow(/OPTION_INVALID.*1, 2 or 4/);
    expect(() => new RandomCrop(4, { paddingMode: 'wrap' as PaddingMode })).toThrow(/OPTION_INVALID.*symmetric/);
    expect(() => new Normalize([], [])).toThrow(/OPTION_INVALID/);
    expect(() => new Normalize([0], [0]).forward(image)).toThrow(/OPTION_INVALID.*zero/);
    expect(() => new ConvertImageDtype('bool')).toThrow(/OPTION_INVALID.*bool/);
  });

  it('images they cannot use, saying what came', () => {
    expect(() => new ToTensor().forward(torch.zeros([2]))).toThrow(/IMAGE_INVALID.*\[h, w\].*\[2\]/);
    expect(() => new Normalize([0.5], [0.5]).forward(torch.zeros([1, 8, 8], { dtype: 'uint8' }))).toThrow(/ToTensor/);
    expect(() => new Normalize([1, 2], [1, 2]).forward(torch.zeros([3, 8, 8]))).toThrow(/2 channels.*3/);
    expect(() => new RandomCrop(9).forward(image)).toThrow(/IMAGE_INVALID.*9 × 9.*8 × 8/);
    expect(() => new RandomCrop(4, { padding: 8, paddingMode: 'reflect' }).forward(image)).toThrow(/IMAGE_INVALID/);
  });
});
