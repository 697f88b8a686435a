import { join } from 'node:path';
import { Tensor, tensor } from '@lightning-ts/torch';
import type { Module } from '@lightning-ts/torch/nn';
import { describe } from '../../describe.js';
import { LightningError } from '../../errors.js';
import { OptionReader } from '../../optionReader.js';
import { type EmbeddingOptions, writeEmbedding } from './embeddingFiles.js';
import { EventFile, type EventFileOptions } from './eventFile.js';
import { type EventMessage, encodeMessage, type SummaryValue } from './eventMessages.js';
import { histogramOf } from './histograms.js';
import { type HparamDomains, type HparamValue, hparamsSummaries } from './hparamsSummary.js';
import { gridOf, type ImageFormat, type ImagesFormat, pictureOf } from './images.js';
import { modelGraph } from './modelGraph.js';
import { readPng } from './png.js';
import { audioValue, imageValue, prCurveValue, textValue } from './summaryValues.js';

export interface SummaryWriterOptions extends EventFileOptions {
  /** A run that starts anew at this step: what an earlier file says of later steps is no longer shown. */
  readonly purgeStep?: number | null;
}

/** When something was: a step, and a time in seconds since 1970 (default: now). */
export interface Moment {
  readonly wallTime?: number;
}

/** Reads and checks the options of a writer. */
export function writerOptions(options: OptionReader<SummaryWriterOptions>): Required<SummaryWriterOptions> {
  return {
    flushSecs: options.number('flushSecs', 120, { least: 0 }),
    maxQueue: options.integer('maxQueue', 10, 1),
    filenameSuffix: options.text('filenameSuffix', ''),
    purgeStep: options.integer('purgeStep', null, 0),
  };
}

/**
 * Writes what TensorBoard shows: scalars, histograms, pictures, sound, text, graphs, hyperparameters. Values are read when
 * they are added; files are written beside the training thread, within `flushSecs` or after `flush()`.
 *
 * ```ts
 * const writer = new SummaryWriter('runs/one');
 * writer.addScalar('loss', 0.5, 10);
 * await writer.close();
 * ```
 */
export class SummaryWriter {
  private readonly options: Required<SummaryWriterOptions>;
  private file: EventFile | null = null;
  /** The writers of `addScalars`: one folder for each line of a chart. */
  private readonly lines = new Map<string, EventFile>();

  /**
   * @param logDir the folder of the run; made when something is added
   * @throws LightningError OPTION_INVALID, OPTION_UNKNOWN
   */
  constructor(
    readonly logDir: string,
    options: SummaryWriterOptions = {},
  ) {
    const reader = new OptionReader<SummaryWriterOptions>('SummaryWriter', options);
    this.options = writerOptions(reader);
    reader.done();
    if (typeof logDir !== 'string' || logDir === '') {
      throw new LightningError(
        'OPTION_INVALID',
        `SummaryWriter: logDir is ${describe(logDir)}. Give the path of a folder.`,
      );
    }
  }

  /** One number. @throws LightningError LOGGER_VALUE for something that is none */
  addScalar(tag: string, value: number | Tensor, step = 0, moment: Moment = {}): void {
    this.addValue({ tag, simple_value: numberOf(tag, value) }, step, moment);
  }

  /** Several lines in one chart. Each gets a folder of its own, `<logDir>/<tag>_<line>`. */
  addScalars(tag: string, values: Readonly<Record<string, number | Tensor>>, step = 0, moment: Moment = {}): void {
    for (const [name, value] of Object.entries(values)) {
      const folder = `${tag.replaceAll('/', '_')}_${name.replaceAll('/', '_')}`;
      let line = this.lines.get(folder);
      if (line === undefined) {
        line = new EventFile(join(this.logDir, folder), this.options);
        this.lines.set(folder, line);
      }
      const summary = { value: [{ tag, simple_value: numberOf(`${tag}/${name}`, value) }] };
      line.add({ wall_time: moment.wallTime ?? Date.now() / 1000, step, summary });
    }
  }

  /**
   * How values are distributed.
   *
   * @param values any shape
   * @param moment `bins`: how many buckets of equal width; default: exponential ones
   */
  addHistogram(
    tag: string,
    values: Tensor | readonly number[],
    step = 0,
    moment: Moment & { readonly bins?: number | null } = {},
  ): void {
    const { bins = null } = moment;
    const given = values instanceof Tensor ? values : tensor([...values], { dtype: 'float64' });
    this.addValue({ tag, histo: histogramOf(given, bins) }, step, moment);
  }

  /**
   * A picture: a tensor with floats from 0 to 1 or uint8, or the bytes of a PNG file.
   *
   * @param moment `format`: what a tensor's dimensions mean, default `CHW`
   */
  addImage(
    tag: string,
    image: Tensor | Uint8Array,
    step = 0,
    moment: Moment & { readonly format?: ImageFormat } = {},
  ): void {
    const picture = image instanceof Tensor ? pictureOf(image, moment.format ?? 'CHW') : readPng(image);
    this.addValue(imageValue(tag, picture), step, moment);
  }

  /** Several pictures in a grid. @param moment `format`: what the dimensions mean, default `NCHW` */
  addImages(tag: string, images: Tensor, step = 0, moment: Moment & { readonly format?: ImagesFormat } = {}): void {
    this.addValue(imageValue(tag, gridOf(images, moment.format ?? 'NCHW')), step, moment);
  }

  /** A drawing: SVG text, the bytes of a PNG file, or a Vega-Lite chart. Resolves when it is drawn. */
  async addFigure(tag: string, figure: string | Uint8Array | object, step = 0, moment: Moment = {}): Promise<void> {
    let png = figure;
    if (!(png instanceof Uint8Array)) {
      const { renderPng, renderSvg } = await import('@lightning-ts/metrics/plot');
      png = await renderPng(typeof png === 'string' ? png : await renderSvg(png as never));
    }
    this.addImage(tag, png as Uint8Array, step, moment);
  }

  /** Markdown text. */
  addText(tag: string, text: string, step = 0, moment: Moment = {}): void {
    this.addValue(textValue(tag, text), step, moment);
  }

  /**
   * Sound from -1 to 1, [frames] or [channels, frames].
   *
   * @param moment `sampleRate`: frames a second, default 44100
   */
  addAudio(tag: string, sound: Tensor, step = 0, moment: Moment & { readonly sampleRate?: number } = {}): void {
    this.addValue(audioValue(tag, sound, moment.sampleRate ?? 44100), step, moment);
  }

  /**
   * The graph of a model's operators, found by running it once on `inputs`.
   *
   * @param inputs the arguments of `forward`; a single tensor may stand alone
   */
  addGraph(model: Module, inputs: unknown): void {
    const graph = modelGraph(model, Array.isArray(inputs) ? inputs : [inputs]);
    this.add({ wall_time: Date.now() / 1000, graph_def: encodeMessage('Graph', graph) });
  }

  /**
   * What a run was given, and which of its metrics the hparams view shows beside it.
   *
   * @param metrics also written as scalars
   * @param domains the values each may take, for the view's filters
   */
  addHparams(
    hparams: Readonly<Record<string, HparamValue>>,
    metrics: Readonly<Record<string, number | Tensor>> = {},
    domains: HparamDomains = {},
    step = 0,
  ): void {
    for (const value of hparamsSummaries(hparams, Object.keys(metrics), domains)) this.addValue(value, 0, {});
    for (const [tag, value] of Object.entries(metrics)) this.addScalar(tag, value, step);
  }

  /**
   * A precision-recall curve of a binary decision.
   *
   * @param labels 0 and 1, [examples]
   * @param predictions from 0 to 1, [examples]
   * @param moment `numThresholds`, default 127
   */
  addPrCurve(
    tag: string,
    labels: Tensor,
    predictions: Tensor,
    step = 0,
    moment: Moment & { readonly numThresholds?: number } = {},
  ): void {
    this.addValue(prCurveValue(tag, labels, predictions, Math.min(127, moment.numThresholds ?? 127)), step, moment);
  }

  /** Points for the projector view, [points, dimensions]. */
  addEmbedding(points: Tensor, step = 0, options: EmbeddingOptions = {}): void {
    this.open();
    writeEmbedding(this.logDir, points, step, options);
  }

  /** Resolves when everything added so far is in the files. */
  async flush(): Promise<void> {
    await Promise.all([...this.files()].map((file) => file.flush()));
  }

  /** Has what was added written within `seconds`, without anybody waiting for it. */
  flushSoon(seconds = 0.2): void {
    for (const file of this.files()) file.writeSoon(seconds);
  }

  /** Writes what is left and closes the files. What is added later opens new ones. */
  async close(): Promise<void> {
    const files = [...this.files()];
    this.file = null;
    this.lines.clear();
    await Promise.all(files.map((file) => file.close()));
  }

  /** Adds a value made by hand. */
  addValue(value: SummaryValue, step: number, moment: Moment = {}): void {
    this.add({ wall_time: moment.wallTime ?? Date.now() / 1000, step, summary: { value: [value] } });
  }

  private add(event: EventMessage): void {
    this.open().add(event);
  }

  /** The file of this run; made, with its folder, when first needed. */
  private open(): EventFile {
    if (this.file === null) {
      this.file = new EventFile(this.logDir, this.options);
      const { purgeStep } = this.options;
      if (purgeStep !== null)
        this.file.add({ wall_time: Date.now() / 1000, step: purgeStep, session_log: { status: 1 } });
    }
    return this.file;
  }

  private files(): EventFile[] {
    return [...(this.file === null ? [] : [this.file]), ...this.lines.values()];
  }
}

function numberOf(tag: string, value: unknown): number {
  if (typeof value === 'number') return value;
  if (value instanceof Tensor && value.numel() === 1) return value.item();
  throw new LightningError(
    'LOGGER_VALUE',
    `'${tag}' is ${value instanceof Tensor ? `a tensor of shape [${value.shape.join(', ')}]` : describe(value)}, but a scalar is one number. ` +
      'Give a number or a tensor of one element.',
  );
}
