import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tensor } from '@lightning-ts/torch';
import { describe, expect, it, vi } from 'vitest';
import { confusionMatrix, learningCurves, readCsv, renderPng, renderSvg, savePlot } from './index.js';

const loaded = vi.hoisted(() => ({ vega: false }));
vi.mock('vega', async (original) => {
  loaded.vega = true;
  return original();
});

const scratch = mkdtempSync(join(tmpdir(), 'plots-'));
const texts = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text);
const csv = `epoch,step,train/loss_step,train/loss_epoch,val/loss,"odd, ""name"""
0,49,0.9,,,
0,99,0.7,,,
0,99,,0.8,0.75,
1,199,,0.5,0.6,x
1,199,nan,inf,,1e-3
`;
const csvPath = join(scratch, 'metrics.csv');
writeFileSync(csvPath, csv);

// First, while nothing has been drawn.
it('plots are described without loading what draws them', () => {
  confusionMatrix([[1]]);
  learningCurves(csvPath, { y: ['val/loss'] });
  expect(loaded.vega).toBe(false);
});

describe('readCsv', () => {
  it('reads numbers, leaves empty cells out and understands quotes', () => {
    const rows = readCsv(csvPath);
    expect(rows).toHaveLength(5);
    expect(rows[0]).toEqual({ epoch: 0, step: 49, 'train/loss_step': 0.9 });
    expect(rows[3]).toEqual({ epoch: 1, step: 199, 'train/loss_epoch': 0.5, 'val/loss': 0.6, 'odd, "name"': 'x' });
    expect(rows[4]).toEqual({
      epoch: 1,
      step: 199,
      'train/loss_step': Number.NaN,
      'train/loss_epoch': Infinity,
      'odd, "name"': 0.001,
    });
  });

  it('names a file it cannot read and a row that does not fit', () => {
    expect(() => readCsv(join(scratch, 'absent.csv'))).toThrow(/PLOT_DATA.*absent\.csv/);
    writeFileSync(join(scratch, 'bad.csv'), 'a,b\n1,2\n1,2,3\n');
    expect(() => readCsv(join(scratch, 'bad.csv'))).toThrow(/PLOT_DATA.*row 3 has 3 cells for 2 columns/);
  });
});

describe('learningCurves', () => {
  it('draws a panel for each list of metrics, with titles, axis names and a legend', async () => {
    const y = [['train/loss_epoch', 'val/loss'], ['train/loss_step']];
    const drawn = texts(await renderSvg(learningCurves(csvPath, { x: 'step', y, title: 'A short run' })));
    for (const text of ['A short run', 'step', 'loss', 'train/loss_epoch', 'val/loss', 'train/loss_step']) {
      expect(drawn).toContain(text);
    }
  });

  it('draws every finite value and no other', async () => {
    const svg = await renderSvg(learningCurves(csvPath, { y: ['train/loss_step', 'train/loss_epoch'] }));
    expect(svg.match(/aria-roledescription="point"/g)).toHaveLength(4);
  });

  it('names the columns there are when one is missing, and refuses columns without numbers', () => {
    expect(() => learningCurves(csvPath, { y: ['loss'] })).toThrow(
      /PLOT_DATA.*no column loss.*train\/loss_step, train\/loss_epoch/,
    );
    expect(() => learningCurves([], { y: ['loss'] })).toThrow(/PLOT_DATA.*there are none/);
    expect(() => learningCurves([{ step: 1, loss: Number.NaN }], { y: ['loss'] })).toThrow(
      /PLOT_DATA.*no row with numbers/,
    );
    expect(() => learningCurves(csvPath, { y: [] })).toThrow(/OPTION_INVALID/);
    expect(() => learningCurves(csvPath, { y: [[]] })).toThrow(/OPTION_INVALID/);
  });
});

describe('confusionMatrix', () => {
  const matrix = [
    [90, 10, 0],
    [1, 1999, 3],
    [0, 0, 0],
  ];

  it('writes every label on both axes and every count into its cell', async () => {
    const drawn = texts(await renderSvg(confusionMatrix(matrix, ['cat', 'dog', 'cow & calf'], { title: 'Animals' })));
    for (const text of [
      'Animals',
      '99.33% of 2,103 samples are right',
      'predicted class',
      'true class',
      '90',
      '10',
      '1,999',
      '3',
    ]) {
      expect(drawn).toContain(text);
    }
    for (const label of ['cat', 'dog', 'cow &amp; calf'])
      expect(drawn.filter((text) => text === label)).toHaveLength(2);
    expect(drawn.filter((text) => text === '0')).toHaveLength(4);
  });

  it('takes the tensor that the metric computes, and numbers for names', async () => {
    const drawn = texts(await renderSvg(confusionMatrix(tensor(matrix))));
    expect(drawn).toContain('1,999');
    expect(drawn).toContain('2');
  });

  it('puts light text on dark cells and dark text on light ones', async () => {
    const svg = await renderSvg(
      confusionMatrix([
        [97, 3],
        [0, 5],
      ]),
    );
    const colourOf = (text: string) => new RegExp(`fill="([^"]+)"[^>]*>${text}</text>`).exec(svg)?.[1];
    expect(colourOf('97')).toBe('white');
    expect(colourOf('3')).toBe('#1b2a38');
  });

  it('keeps two classes of one name apart', async () => {
    const drawn = texts(
      await renderSvg(
        confusionMatrix(
          [
            [1, 2],
            [3, 4],
          ],
          ['same', 'same'],
        ),
      ),
    );
    expect(drawn).toContain('same (0)');
    expect(drawn).toContain('same (1)');
  });

  it('refuses what is no matrix of counts', () => {
    expect(() => confusionMatrix([])).toThrow(/SHAPE_MISMATCH/);
    expect(() => confusionMatrix([[1, 2]])).toThrow(/SHAPE_MISMATCH.*1 rows of 2 columns/);
    expect(() =>
      confusionMatrix([
        [1, -1],
        [0, 1],
      ]),
    ).toThrow(/PLOT_DATA/);
    expect(() => confusionMatrix([[1]], ['a', 'b'])).toThrow(/SHAPE_MISMATCH.*2 labels.*1 classes/);
  });
});

describe('savePlot', () => {
  const plot = confusionMatrix(
    [
      [5, 1],
      [0, 7],
    ],
    ['no', 'yes'],
  );

  it('writes SVG, PNG and the specification, by the ending of the path', async () => {
    const at = (name: string) => join(scratch, 'new', 'folder', name);
    await savePlot(plot, at('plot.svg'));
    const svg = readFileSync(at('plot.svg'), 'utf8');
    expect(svg).toMatch(/^<svg/);
    await savePlot(plot, at('plot.PNG'));
    const png = readFileSync(at('plot.PNG'));
    expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
    const [width, height] = [...(/width="(\d+)" height="(\d+)"/.exec(svg) ?? [])].slice(1).map(Number);
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([2 * width!, 2 * height!]);
    await savePlot(plot, at('plot.json'));
    expect(JSON.parse(readFileSync(at('plot.json'), 'utf8'))).toEqual(JSON.parse(JSON.stringify(plot)));
  });

  it('draws text into a PNG with the font that comes along', async () => {
    const svg = await renderSvg(plot);
    const withText = await renderPng(svg);
    const without = await renderPng(svg.replace(/<text[^>]*>[^<]*<\/text>/g, ''));
    expect(withText.length).toBeGreaterThan(1.5 * without.length);
  });

  it('names the endings it knows', async () => {
    await expect(savePlot(plot, join(scratch, 'plot.pdf'))).rejects.toThrow(
      /PLOT_FORMAT.*\.svg, \.png or \.json.*\.pdf/,
    );
    await expect(savePlot(plot, join(scratch, 'plot'))).rejects.toThrow(/ends in nothing/);
  });
});
