import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { manualSeed, rand, randn, type Tensor, tensor } from '@lightning-ts/torch';
import { Linear, Module, ReLU, Sequential } from '@lightning-ts/torch/nn';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  bytesOf,
  doublesOf,
  floatsOf,
  messageOf,
  messagesOf,
  readEvents,
  readRecords,
  readScalars,
  readValues,
  textOf,
} from '../../../test/eventReader.js';
import { crc32c } from './crc32c.js';
import { SummaryWriter } from './summaryWriter.js';

let folder: string;
let writer: SummaryWriter;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'summary-writer-'));
  writer = new SummaryWriter(folder);
});

afterEach(async () => {
  await writer.close();
  rmSync(folder, { recursive: true, force: true });
});

const only = () => {
  const values = readValues(folder);
  expect(values).toHaveLength(1);
  return values[0]!;
};

/** The pixels of a PNG without filters, row by row. */
function pixelsOf(png: Buffer): { width: number; height: number; bytes: number[] } {
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const start = png.indexOf('IDAT') + 4;
  const raw = inflateSync(png.subarray(start, start + png.readUInt32BE(start - 8)));
  const rowLength = raw.length / height;
  return { width, height, bytes: [...raw].filter((_, index) => index % rowLength !== 0) };
}

describe('event files', () => {
  it('have the checksums of the format', () => {
    // The test vectors of RFC 3720, B.4.
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index))).toBe(0x46dd794e);
  });

  it('begin with their version, and are named by time, host and process', async () => {
    writer.addScalar('loss', 0.5, 3, { wallTime: 12.25 });
    await writer.close();
    expect(readdirSync(folder)).toEqual([expect.stringMatching(/^events\.out\.tfevents\.\d{10}\..+\.\d+\.\d+$/)]);
    const [version, value] = readEvents(folder);
    expect(textOf(version!, 3)).toBe('brain.Event:2');
    expect(bytesOf(value!, 1).readDoubleLE()).toBe(12.25);
    expect(readScalars(folder)).toEqual({ loss: [[3, 0.5]] });
  });

  it('keep every event in order, however they were flushed, and go on after close', async () => {
    for (let step = 0; step < 100; step += 1) {
      writer.addScalar('loss', step, step);
      if (step % 7 === 0) void writer.flush();
    }
    await writer.close();
    expect(readScalars(folder).loss).toEqual(Array.from({ length: 100 }, (_, step) => [step, step]));
    writer.addScalar('loss', 1, 100);
    await writer.close();
    expect(readdirSync(folder)).toHaveLength(2);
  });

  it('are written when enough events wait, without anybody asking', async () => {
    const file = () => readRecords(join(folder, readdirSync(folder)[0]!)).length;
    for (let step = 0; step < 9; step += 1) writer.addScalar('loss', step, step);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(file()).toBe(10);
    writer.addScalar('loss', 9, 9);
    writer.flushSoon(0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(file()).toBe(11);
  });

  it('are complete when the process ends without closing them, also in the middle of a write', () => {
    const script = join(import.meta.dirname, 'zzEnds.mts');
    writeFileSync(
      script,
      `import { SummaryWriter } from './summaryWriter.js';
       const writer = new SummaryWriter(process.argv[2]!);
       for (let step = 0; step < 25; step += 1) writer.addScalar('loss', step, step);
       void writer.flush();
       for (let step = 25; step < 30; step += 1) writer.addScalar('loss', step, step);
       process.exit(0);`,
    );
    try {
      const run = spawnSync(process.execPath, ['--conditions=@lightning-ts/source', '--import', 'tsx', script, folder]);
      expect(run.stderr.toString()).toBe('');
    } finally {
      rmSync(script);
    }
    expect(readScalars(folder).loss).toHaveLength(30);
  });

  it('say from which step a resumed run counts', async () => {
    const resumed = new SummaryWriter(folder, { purgeStep: 7, filenameSuffix: '.again' });
    resumed.addScalar('loss', 1, 7);
    await resumed.close();
    expect(readdirSync(folder)[0]).toMatch(/\.again$/);
    const [, purge] = readEvents(folder);
    expect([purge!.get(2)![0], messageOf(purge!, 7).get(1)![0]]).toEqual([7n, 1n]);
  });

  it('are found broken when they are', async () => {
    writer.addScalar('loss', 1, 1);
    await writer.close();
    const path = join(folder, readdirSync(folder)[0]!);
    truncateSync(path, readFileSync(path).length - 1);
    expect(() => readRecords(path)).toThrow();
  });
});

describe('what a SummaryWriter writes', () => {
  it('scalars from numbers and tensors, several lines of one chart in folders of their own', async () => {
    writer.addScalar('a', tensor([0.25]), 1);
    writer.addScalars('loss', { train: 1, 'val/x': 2 }, 5);
    await writer.close();
    expect(readScalars(folder)).toEqual({ a: [[1, 0.25]] });
    expect(readScalars(join(folder, 'loss_train'))).toEqual({ loss: [[5, 1]] });
    expect(readScalars(join(folder, 'loss_val_x'))).toEqual({ loss: [[5, 2]] });
    expect(() => writer.addScalar('a', randn([2]))).toThrow(/LOGGER_VALUE.*shape \[2\]/);
    expect(() => writer.addScalar('a', 'x' as never)).toThrow(/LOGGER_VALUE/);
  });

  it('histograms: exponential buckets by default, equal ones on request', async () => {
    writer.addHistogram('h', tensor([-1, 0, 0, 2, Number.NaN]), 4);
    await writer.close();
    const histogram = messageOf(only().fields, 5);
    const at = (number: number) => bytesOf(histogram, number).readDoubleLE();
    expect([1, 2, 3, 4, 5].map(at)).toEqual([-1, 2, 4, 1, 5]);
    const [limits, counts] = [doublesOf(histogram, 6), doublesOf(histogram, 7)];
    expect(limits).toHaveLength(counts.length);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(4);
    // Each value lies below the limit of its bucket and above the one before.
    const bucketOf = (value: number) => limits.findIndex((limit) => value < limit);
    expect([counts[bucketOf(-1)], counts[bucketOf(0)], counts[bucketOf(2)]]).toEqual([1, 2, 1]);
    expect(() => writer.addHistogram('h', [])).toThrow(/LOGGER_VALUE/);
  });

  it('histograms with equal buckets count like any other', async () => {
    writer.addHistogram('h', [0, 1, 2, 3], 0, { bins: 2 });
    await writer.close();
    const histogram = messageOf(only().fields, 5);
    expect(doublesOf(histogram, 6)).toEqual([0, 1.5, 3]);
    expect(doublesOf(histogram, 7)).toEqual([0, 2, 2]);
  });

  it('pictures from tensors of every format', async () => {
    const red = tensor([[[1, 0.5]], [[0, 2]], [[0, -1]]]); // [3, 1, 2]
    writer.addImage('p', red, 2);
    writer.addImage('p', red.permute([1, 2, 0]), 2, { format: 'HWC' });
    writer.addImage('g', tensor([[7, 255]], { dtype: 'uint8' }), 2, { format: 'HW' });
    await writer.close();
    const [chw, hwc, grey] = readValues(folder).map(({ fields }) => messageOf(fields, 4));
    expect([1, 2, 3].map((number) => chw!.get(number)![0])).toEqual([1n, 2n, 3n]);
    expect(pixelsOf(bytesOf(chw!, 4))).toEqual({ width: 2, height: 1, bytes: [255, 0, 0, 127, 255, 0] });
    expect(bytesOf(hwc!, 4).equals(bytesOf(chw!, 4))).toBe(true);
    expect(pixelsOf(bytesOf(grey!, 4)).bytes).toEqual([7, 255]);
    expect(() => writer.addImage('p', randn([2, 4, 4]))).toThrow(/LOGGER_VALUE.*2 channels/);
    expect(() => writer.addImage('p', randn([4]))).toThrow(/LOGGER_VALUE/);
    expect(() => writer.addImage('p', randn([4, 4, 4]), 0, { format: 'ABC' as never })).toThrow(/Formats are/);
    expect(() => writer.addImage('p', new Uint8Array(50))).toThrow(/no PNG/);
  });

  it('several pictures as a grid of eight columns', async () => {
    writer.addImages('grid', rand([10, 3, 2, 4]));
    await writer.close();
    const image = messageOf(only().fields, 4);
    expect([image.get(1)![0], image.get(2)![0]]).toEqual([4n, 32n]);
  });

  it('figures from SVG and PNG', async () => {
    const svg =
      '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="3"><rect width="4" height="3" fill="red"/></svg>';
    await writer.addFigure('figure', svg, 1);
    await writer.close();
    const image = messageOf(only().fields, 4);
    expect([image.get(1)![0], image.get(2)![0]]).toEqual([6n, 8n]);
  });

  it('text, sound and precision-recall curves', async () => {
    writer.addText('note', '**bold**', 1);
    writer.addAudio('beep', tensor([0, 0.5, -2]), 1, { sampleRate: 8000 });
    writer.addPrCurve('pr', tensor([1, 0, 1, 0]), tensor([0.9, 0.8, 0.3, 0.1]), 1, { numThresholds: 5 });
    await writer.close();
    const [text, audio, curve] = readValues(folder);
    expect(text!.tag).toBe('note/text_summary');
    expect(textOf(messageOf(text!.fields, 8), 8)).toBe('**bold**');
    expect(textOf(messageOf(messageOf(text!.fields, 9), 1), 1)).toBe('text');
    const wav = bytesOf(messageOf(audio!.fields, 6), 4);
    expect([wav.subarray(0, 4).toString(), wav.readUInt32LE(24), wav.readInt16LE(46), wav.readInt16LE(48)]).toEqual([
      'RIFF',
      8000,
      16383,
      -32767,
    ]);
    const numbers = floatsOf(messageOf(curve!.fields, 8), 5);
    expect(numbers.slice(0, 5)).toEqual([2, 2, 1, 1, 0]); // true positives at 0, 0.25, 0.5, 0.75, 1
    expect(numbers.slice(5, 10)).toEqual([2, 1, 1, 1, 0]); // false positives
    expect(numbers.slice(20, 22).map((value) => Math.round(value * 1000))).toEqual([500, 667]);
    expect(() => writer.addPrCurve('pr', tensor([1]), tensor([1, 2]))).toThrow(/LOGGER_VALUE/);
  });

  it('hyperparameters with the metrics beside them', async () => {
    writer.addHparams({ lr: 0.1, name: 'a', deep: false }, { acc: 0.5 }, { name: ['a', 'b'] }, 9);
    await writer.close();
    const values = readValues(folder);
    expect(values.map(({ tag }) => tag)).toEqual([
      '_hparams_/experiment',
      '_hparams_/session_start_info',
      '_hparams_/session_end_info',
      'acc',
    ]);
    expect(readScalars(folder).acc).toEqual([[9, 0.5]]);
    const content = (index: number) => {
      const plugin = messageOf(messageOf(values[index]!.fields, 9), 1);
      expect(textOf(plugin, 1)).toBe('hparams');
      return messageOf(plugin, 2);
    };
    const experiment = messageOf(content(0), 2);
    const infos = messagesOf(experiment, 4).map((info) => [textOf(info, 1), Number(info.get(4)![0])]);
    expect(infos).toEqual([
      ['lr', 3],
      ['name', 1],
      ['deep', 2],
    ]);
    expect(textOf(messageOf(messagesOf(experiment, 5)[0]!, 1), 2)).toBe('acc');
    const given = messagesOf(messageOf(content(1), 3), 1).map(
      (entry) => [textOf(entry, 1), messageOf(entry, 2)] as const,
    );
    expect(given.map(([name]) => name)).toEqual(['lr', 'name', 'deep']);
    expect(bytesOf(given[0]![1], 2).readDoubleLE()).toBe(0.1);
    expect(textOf(given[1]![1], 3)).toBe('a');
    expect(given[2]![1].get(4)).toEqual([0n]);
    expect(messageOf(content(2), 4).get(1)).toEqual([1n]);
  });

  it('the graph of a model, grouped by its modules', async () => {
    class Net extends Module {
      body = new Sequential(new Linear(4, 8), new ReLU());
      head = new Linear(8, 2);
      forward(x: Tensor): Tensor {
        return this.head.forward(this.body.forward(x)).mul(2);
      }
    }
    manualSeed(0);
    const model = new Net();
    writer.addGraph(model, randn([3, 4]));
    await writer.close();
    const graph = messageOf(readEvents(folder)[1]!, 4);
    const nodes = messagesOf(graph, 1).map((node) => ({
      name: textOf(node, 1),
      op: textOf(node, 2),
      inputs: (node.get(3) ?? []).map((name) => Buffer.from(name as Uint8Array).toString()),
    }));
    expect(nodes.map(({ name }) => name)).toEqual([
      'input/0',
      'Net/body/0/weight',
      'Net/body/0/bias',
      'Net/body/0/linear',
      'Net/body/1/relu',
      'Net/head/weight',
      'Net/head/bias',
      'Net/head/linear',
      'Net/mul',
      'output/0',
    ]);
    const named = Object.fromEntries(nodes.map((node) => [node.name, node]));
    expect(named['Net/body/0/linear']).toMatchObject({
      op: 'aten::linear',
      inputs: ['input/0', 'Net/body/0/weight', 'Net/body/0/bias'],
    });
    expect(named['Net/mul']!.inputs).toEqual(['Net/head/linear']);
    expect(named['output/0']!.inputs).toEqual(['Net/mul']);
    expect(Object.hasOwn(model.body, 'forward')).toBe(false);
    expect(model.training).toBe(true);
  });

  it('points for the projector', () => {
    writer.addEmbedding(
      tensor([
        [1, 2],
        [3, 4],
        [5, 6],
      ]),
      3,
      {
        metadata: ['a', 'b\tc', 'd'],
        labelImages: rand([3, 1, 2, 2]),
        tag: 'words',
      },
    );
    expect(readFileSync(join(folder, '00003', 'words', 'tensors.tsv'), 'utf8')).toBe('1\t2\n3\t4\n5\t6\n');
    expect(readFileSync(join(folder, '00003', 'words', 'metadata.tsv'), 'utf8')).toBe('a\nb c\nd\n');
    expect(readFileSync(join(folder, '00003', 'words', 'sprite.png')).readUInt32BE(16)).toBe(4);
    expect(readFileSync(join(folder, 'projector_config.pbtxt'), 'utf8')).toContain(
      'tensor_path: "00003/words/tensors.tsv"',
    );
    expect(() => writer.addEmbedding(tensor([1]))).toThrow(/LOGGER_VALUE/);
    expect(() => writer.addEmbedding(tensor([[1]]), 0, { metadata: [] })).toThrow(/LOGGER_VALUE/);
  });

  it('nothing at all until something is added', () => {
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([[{ flushSecs: -1 }], [{ maxQueue: 0 }], [{ filenameSuffix: 1 }], [{ purgeStep: 0.5 }], [{ maxqueue: 5 }]])(
    'refuses %j',
    (options) => {
      expect(() => new SummaryWriter(folder, options as never)).toThrow(/OPTION_(INVALID|UNKNOWN)/);
    },
  );
});
