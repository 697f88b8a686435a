import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as torch from '@lightning-ts/torch';
import { expect, it } from 'vitest';
import { readImage } from '../io/index.js';
import { drawBoundingBoxes, drawSegmentationMasks, makeGrid, saveImage } from './index.js';

interface Packed {
  dtype: torch.DType;
  shape: number[];
  data: string;
}
const fixture = JSON.parse(
  readFileSync(new URL('../../test/fixtures/ops/ops.json', import.meta.url), 'utf8'),
) as Record<string, Packed>;
const named = (name: string) => {
  const { dtype, shape, data } = fixture[name]!;
  return torch.fromBuffer(Buffer.from(data, 'base64'), dtype, { shape });
};
function expectSame(actual: torch.Tensor, name: string): void {
  const expected = named(name);
  expect([actual.dtype, actual.shape]).toEqual([expected.dtype, expected.shape]);
  expect(actual.to('float64').sub(expected.to('float64')).abs().max().item()).toBe(0);
}
const [grid, image, shapes, masks] = ['grid', 'image', 'shapes', 'masks'].map(named) as [
  torch.Tensor,
  torch.Tensor,
  torch.Tensor,
  torch.Tensor,
];

it('puts images into a grid as torchvision does', () => {
  expectSame(makeGrid(grid, { nrow: 3, padding: 1, padValue: 0.5 }), 'made_grid');
  expectSame(makeGrid(grid, { normalize: true, scaleEach: true }), 'made_each');
  expectSame(makeGrid(grid.unbind(0), { nrow: 2, padding: 0, normalize: true, valueRange: [-0.5, 1] }), 'made_range');
  expect(makeGrid(torch.zeros([4, 5])).shape).toEqual([3, 4, 5]);
  expect(() => makeGrid(grid, { nrow: 0 })).toThrow(/OPTION_INVALID.*nrow/);
  expect(() => makeGrid(torch.zeros([2, 1, 3, 4, 5]))).toThrow(/ARGUMENT_INVALID.*\[2, 1, 3, 4, 5\]/);
});

it('saves a grid as a file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'grid-'));
  await saveImage(grid, join(folder, 'grid.png'), { nrow: 3 });
  const expected = makeGrid(grid, { nrow: 3 }).mul(255).add(0.5).clamp(0, 255).to('uint8');
  expect((await readImage(join(folder, 'grid.png'))).equal(expected)).toBe(true);
  await saveImage(grid, join(folder, 'grid.JPG'), { nrow: 3 });
  expect((await readImage(join(folder, 'grid.JPG'))).shape).toEqual(expected.shape);
  await expect(saveImage(grid, join(folder, 'grid.bmp'))).rejects.toThrow(/OPTION_INVALID.*\.png/);
  rmSync(folder, { recursive: true });
});

it('draws boxes and masks as torchvision does', () => {
  expectSame(drawBoundingBoxes(image, shapes, { width: 3 }), 'drawn');
  expectSame(drawBoundingBoxes(image.narrow(0, 0, 1), shapes.narrow(0, 0, 2), { colors: 'red' }), 'drawn_red');
  expectSame(drawSegmentationMasks(image, masks, { alpha: 0.7, colors: [[10, 200, 30], '#ff8000'] }), 'coloured');
  expectSame(drawSegmentationMasks(image, masks.at(0)), 'coloured_one');
  const labels = ['dog 0.9', 'g|yé\nTwo', null, 'out'];
  expectSame(drawBoundingBoxes(image, shapes, { labels, width: 2 }), 'labelled');
  expectSame(drawBoundingBoxes(image, shapes, { fill: true, width: 2 }), 'filled');
  // No thicker than the box itself.
  const point = drawBoundingBoxes(torch.zeros([3, 9, 9], { dtype: 'uint8' }), torch.tensor([[4, 5, 4, 5]]), {
    width: 3,
    colors: 'lime',
  });
  expect(point.gt(0).nonzero().tolist()).toEqual([[1, 5, 4]]);
});

it.each<[string, () => unknown, RegExp]>([
  ['floats', () => drawBoundingBoxes(image.to('float32'), shapes), /ARGUMENT_INVALID.*uint8.*float32/],
  ['corners in the wrong order', () => drawBoundingBoxes(image, torch.tensor([[5, 0, 1, 2]])), /box 0.*boxConvert/],
  ['a width of 0', () => drawBoundingBoxes(image, shapes, { width: 0 }), /OPTION_INVALID.*width/],
  ['too few colours', () => drawBoundingBoxes(image, shapes, { colors: ['red'] }), /4 things.*1 colours/],
  ['an unknown colour', () => drawBoundingBoxes(image, shapes, { colors: 'reddish' }), /OPTION_INVALID.*reddish/],
  ['masks of numbers', () => drawSegmentationMasks(image, masks.to('uint8')), /ARGUMENT_INVALID.*bool.*uint8/],
  ['masks of another size', () => drawSegmentationMasks(image, masks.narrow(1, 0, 5)), /24, 30.*\[2, 5, 30\]/],
  ['an alpha above 1', () => drawSegmentationMasks(image, masks, { alpha: 2 }), /OPTION_INVALID.*alpha/],
])('refuses %s', (_, run, message) => {
  expect(run).toThrow(message);
});

it('writes the letters of PIL, larger if wanted, and frames for those it does not have', () => {
  const codes = [...Array(95).keys()].map((i) => i + 32).concat([...Array(95).keys()].map((i) => i + 161));
  const lines = codes
    .map((code) => String.fromCharCode(code))
    .join('')
    .match(/.{1,32}/gs)!;
  const paper = torch.full([3, 100, 210], 230).to('uint8');
  const whole = torch.tensor([[0, 0, 200, 95]]);
  expectSame(drawBoundingBoxes(paper, whole, { labels: [lines.join('\n')], colors: '#204080' }), 'letters');

  const write = (label: string, labelScale = 1) => {
    const black = torch.zeros([3, 40, 40], { dtype: 'uint8' });
    const box = torch.tensor([[-2, -2, 50, 50]]);
    return drawBoundingBoxes(black, box, { labels: [label], colors: 'white', labelScale });
  };
  const small = write('A').narrow(1, 0, 11).narrow(2, 0, 6);
  const large = write('A', 3).narrow(1, 0, 33).narrow(2, 0, 18);
  expect(large.equal(small.repeatInterleave(3, 1).repeatInterleave(3, 2))).toBe(true);
  expect(write('猫').equal(write('犬'))).toBe(true);
  expect(write('猫').equal(write(' '))).toBe(false);
  expect(write('').equal(write(' '))).toBe(true);
});

it('refuses labels that are not one for each box, and a scale that is no whole number', () => {
  expect(() => drawBoundingBoxes(image, shapes, { labels: ['one'] })).toThrow(/OPTION_INVALID.*4 boxes and 1 labels/);
  expect(() => drawBoundingBoxes(image, shapes, { labelScale: 0.5 })).toThrow(/OPTION_INVALID.*labelScale.*0.5/);
});
