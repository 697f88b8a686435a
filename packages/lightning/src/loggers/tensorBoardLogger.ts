import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Tensor, warn } from '@lightning-ts/torch';
import { describe } from '../describe.js';
import { LightningError } from '../errors.js';
import { type ExampleInput, exampleArguments } from '../exampleInputs.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import { OptionReader } from '../optionReader.js';
import { writeHparams } from './hparamsYaml.js';
import { Logger } from './logger.js';
import { flattenHparams, showableHparams } from './tensorboard/hparamsSummary.js';
import { SummaryWriter, type SummaryWriterOptions, writerOptions } from './tensorboard/summaryWriter.js';
import { nextVersion, readVersion } from './versionScan.js';

export interface TensorBoardLoggerOptions extends SummaryWriterOptions {
  /** Folder of the experiment inside `saveDir`, default `lightning_logs`; null or `''` for none. */
  readonly name?: string | null;
  /** A number gives the folder `version_<n>`, a string the folder of that name. Default: the next free number. */
  readonly version?: number | string | null;
  /** Writes the model's graph when the run starts; the model needs an `exampleInputArray`. Default false. */
  readonly logGraph?: boolean;
  /** Writes a `hp_metric` of -1 beside the hyperparameters, so that the hparams view has a column from the start. Default true. */
  readonly defaultHpMetric?: boolean;
  /** Put before every metric's name, joined by `-`. Default none. */
  readonly prefix?: string;
  /** Folder inside the version's folder for the event files. Default none. */
  readonly subDir?: string | null;
}

/**
 * Logs for TensorBoard, to `<saveDir>/<name>/version_<n>`, with `hparams.yaml` beside the event files. Look at them with
 * `tensorboard --logdir <saveDir>`.
 *
 * `experiment` is a {@link SummaryWriter} for what is not a number: pictures, histograms, text, figures.
 *
 * ```ts
 * const logger = new TensorBoardLogger('logs', { name: 'cnn' });
 * // in a callback or module:
 * logger.experiment.addImage('sample', image, trainer.globalStep);
 * ```
 */
export class TensorBoardLogger extends Logger {
  readonly name: string;
  private readonly directory: string;
  private readonly subDir: string | null;
  private readonly prefix: string;
  private readonly logsGraph: boolean;
  private readonly defaultHpMetric: boolean;
  private readonly writerOptions: SummaryWriterOptions;
  private chosenVersion: number | string | null;
  private writer: SummaryWriter | null = null;
  private hparams: Record<string, unknown> = {};
  /** Whether something is not in `hparams.yaml` yet. A run without hyperparameters gets an empty one. */
  private hparamsAreNew = true;
  private ownsHparamsFile = false;

  /**
   * @param saveDir folder of all experiments; `~` and `$NAME` stand for the home folder and environment variables
   * @throws LightningError OPTION_INVALID, OPTION_UNKNOWN
   */
  constructor(saveDir: string, options: TensorBoardLoggerOptions = {}) {
    super();
    if (typeof saveDir !== 'string') {
      throw new LightningError(
        'OPTION_INVALID',
        `TensorBoardLogger: saveDir is ${describe(saveDir)}. Give the path of a folder.`,
      );
    }
    const reader = new OptionReader<TensorBoardLoggerOptions>('TensorBoardLogger', options);
    this.directory = expandPath(saveDir);
    const name = reader.value('name');
    this.name = name === null ? '' : reader.text('name', 'lightning_logs');
    this.chosenVersion = readVersion(reader);
    this.logsGraph = reader.boolean('logGraph', false);
    this.defaultHpMetric = reader.boolean('defaultHpMetric', true);
    this.prefix = reader.text('prefix', '');
    const subDir = reader.text('subDir', null);
    this.subDir = subDir === null ? null : expandPath(subDir);
    this.writerOptions = writerOptions(reader as OptionReader<SummaryWriterOptions>);
    reader.done();
  }

  override get saveDir(): string {
    return this.directory;
  }

  /** The folder of all versions. */
  override get rootDir(): string {
    return join(this.saveDir, this.name);
  }

  /** Looked up once, when first asked for. */
  override get version(): number | string {
    this.chosenVersion ??= nextVersion(this.rootDir);
    return this.chosenVersion;
  }

  override takeVersion(version: number | string): void {
    this.chosenVersion = version;
  }

  override get logDir(): string {
    const { version } = this;
    return join(this.rootDir, typeof version === 'number' ? `version_${version}` : version, this.subDir ?? '');
  }

  /** The writer of this run; its file and folder are made with the first value. */
  override get experiment(): SummaryWriter {
    this.writer ??= new SummaryWriter(this.logDir, this.writerOptions);
    return this.writer;
  }

  /**
   * @param metrics numbers; an object of numbers becomes a chart with several lines
   * @param step default 0; TensorBoard knows whole numbers only, so others are rounded
   * @throws LightningError LOGGER_VALUE for anything else
   */
  logMetrics(
    metrics: Readonly<Record<string, number | Readonly<Record<string, number>>>>,
    step: number | null = null,
  ): void {
    const { experiment } = this;
    const position = Math.round(step ?? 0);
    for (const [key, value] of Object.entries(metrics)) {
      const tag = this.tagOf(key);
      if (typeof value === 'number' || (value as unknown) instanceof Tensor)
        experiment.addScalar(tag, value as number, position);
      else if (typeof value === 'object' && value !== null) experiment.addScalars(tag, value, position);
      else {
        throw new LightningError(
          'LOGGER_VALUE',
          `TensorBoardLogger: '${key}' is ${describe(value)}, which is no metric. Log numbers; for text use experiment.addText.`,
        );
      }
    }
  }

  /**
   * Writes hyperparameters for the hparams view and for `hparams.yaml`.
   *
   * @param metrics what the view shows beside them. Default: `hp_metric`, -1 until it is logged (see `defaultHpMetric`)
   * @param step of the metrics
   */
  logHyperparams(
    params: Readonly<Record<string, unknown>>,
    metrics: Readonly<Record<string, number>> | number | null = null,
    step = 0,
  ): void {
    this.hparams = { ...this.hparams, ...params };
    this.hparamsAreNew = true;
    const shown = typeof metrics === 'number' ? { hp_metric: metrics } : (metrics ?? this.defaultMetrics);
    const tagged = Object.fromEntries(Object.entries(shown).map(([key, value]) => [this.tagOf(key), value]));
    this.experiment.addHparams(showableHparams(flattenHparams(params)), tagged, {}, step);
  }

  /** Writes the model's graph, when `logGraph` asks for it. */
  override logGraph(model: AnyLightningModule, input?: unknown): void {
    if (!this.logsGraph) return;
    const example = (input as ExampleInput | undefined) ?? model.exampleInputArray ?? null;
    if (example === null) {
      warn(
        'LOG_GRAPH_INPUT',
        `TensorBoardLogger: the graph of ${model.constructor.name} is not written, because it has no exampleInputArray to run with. ` +
          'Set it to a tensor or an array of the inputs of forward.',
      );
      return;
    }
    this.experiment.addGraph(model, exampleArguments(example, model));
  }

  /** Events reach the file within 0.2 s, hyperparameters at once. A `hparams.yaml` that an earlier run left stays. */
  override save(): void {
    this.writer?.flushSoon();
    if (!this.hparamsAreNew) return;
    this.hparamsAreNew = false;
    const path = join(this.logDir, 'hparams.yaml');
    if (!this.ownsHparamsFile && existsSync(path)) return;
    this.ownsHparamsFile = true;
    mkdirSync(this.logDir, { recursive: true });
    writeHparams(path, this.hparams);
  }

  override async finalize(_status: string): Promise<void> {
    await this.writer?.flush();
    this.save();
    await this.writer?.close();
  }

  private get defaultMetrics(): Readonly<Record<string, number>> {
    return this.defaultHpMetric ? { hp_metric: -1 } : {};
  }

  private tagOf(key: string): string {
    return this.prefix === '' ? key : `${this.prefix}-${key}`;
  }
}

/** `~` at the start as the home folder, `$NAME` and `${NAME}` as environment variables (as they are when not set). */
function expandPath(path: string): string {
  return path
    .replace(/^~(?=\/|$)/, homedir())
    .replace(
      /\$(?:(\w+)|\{(\w+)\})/g,
      (text, bare: string | undefined, braced: string | undefined) => process.env[bare ?? braced ?? ''] ?? text,
    );
}
