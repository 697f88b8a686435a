import { format } from 'node:util';
import { warn } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import { LiveRegion } from '../terminal/liveRegion.js';
import { formatMetric } from '../terminal/numberText.js';
import { type BarView, defaultLayout, type ProgressLayout } from '../terminal/progressLayout.js';
import { RateMeter } from '../terminal/rateMeter.js';
import { createStyle, type Style, supportsColor, supportsRedraw, type TerminalStream } from '../terminal/style.js';
import type { Trainer } from '../trainer/trainer.js';
import { Callback } from './callback.js';

export interface ProgressBarOptions {
  /** How often a live bar is redrawn, times a second. Default 10; 0 turns the bar off. */
  readonly refreshRate?: number;
  /** Whether every finished epoch stays on the screen. Default true; false keeps the last one only. */
  readonly leave?: boolean;
  /** Where the output is not a terminal: seconds between two lines inside an epoch. Default 30. */
  readonly plainInterval?: number;
  /** Where to draw. Default standard output. */
  readonly stream?: TerminalStream;
}

/** One bar: what it counts and since when. */
interface Bar {
  label: string;
  done: number;
  total: number;
  meter: RateMeter;
}

/** Epochs that finish faster than this after one another (in ms) share a line, so that tiny ones do not flood the output. */
const shortestLineInterval = 100;

/**
 * Shows how far a run is: a bar that is redrawn in place on a terminal, a readable line now and then where the output is
 * recorded (a pipe, a file, CI).
 *
 * Drawing is limited by time, so a step that does not draw costs a look at the clock. Validation and the sanity check get a
 * second bar below the first, which goes when they are done. What anybody prints meanwhile appears above the bars.
 */
export class ProgressBar extends Callback {
  private readonly stream: TerminalStream;
  private readonly style: Style;
  private readonly region: LiveRegion;
  private readonly isLive: boolean;
  private readonly leave: boolean;
  /** Milliseconds between two drawings. */
  private readonly interval: number;
  private isEnabled: boolean;

  private main: Bar | null = null;
  private nested: Bar | null = null;
  private nextDraw = 0;
  private lastLine = Number.NEGATIVE_INFINITY;
  /** The last epoch's lines, when it came too soon after the one before. */
  private heldLines: string[] = [];

  /** How bars look; subclasses bring their own. */
  protected readonly layout: ProgressLayout = defaultLayout;

  /** @throws LightningError OPTION_INVALID */
  constructor(options: ProgressBarOptions = {}) {
    super();
    const { refreshRate = 10, leave = true, plainInterval = 30, stream = process.stdout } = options;
    for (const [name, value] of Object.entries({ refreshRate, plainInterval })) {
      if (!Number.isFinite(value) || value < 0) {
        throw new LightningError('OPTION_INVALID', `ProgressBar: ${name} is ${String(value)}. Use a number from 0 up.`);
      }
    }
    this.stream = stream;
    this.style = createStyle(supportsColor(stream));
    this.region = new LiveRegion(stream);
    this.isLive = supportsRedraw(stream);
    this.leave = leave;
    this.isEnabled = refreshRate > 0;
    this.interval = this.isLive ? 1000 / refreshRate : plainInterval * 1000;
  }

  /** Runs after the module's `onTrainEpochEnd`, so that the finished line has the epoch's values. */
  override readonly monitorsMetrics = true;

  /** Draws nothing from now on. */
  disable(): void {
    this.region.clear();
    this.isEnabled = false;
  }

  enable(): void {
    this.isEnabled = true;
  }

  /** Prints above the bars. */
  print(...values: unknown[]): void {
    this.region.print(format(...values));
  }

  /** What stands beside the bar: the loggers' version and what was logged with `progBar: true`. */
  getMetrics(trainer: Trainer, _module: AnyLightningModule): Record<string, number | string> {
    const logged = trainer.progressBarMetrics;
    const version = versionText(trainer);
    if ('v_num' in logged) {
      warn(
        'PROGRESS_BAR_NAME',
        "A value was logged as 'v_num', which the progress bar uses for the loggers' version. Rename it.",
      );
    }
    return version === '' ? { ...logged } : { v_num: version, ...logged };
  }

  protected get sanityCheckDescription(): string {
    return 'Sanity Checking';
  }

  protected get trainDescription(): string {
    return 'Epoch';
  }

  protected get validationDescription(): string {
    return 'Validation';
  }

  protected get testDescription(): string {
    return 'Testing';
  }

  protected get predictDescription(): string {
    return 'Predicting';
  }

  // -------------------------------------------------------------------------------------------------------- training

  override setup(trainer: Trainer): void {
    if (!trainer.isGlobalZero) this.disable();
    this.nextDraw = 0;
    this.lastLine = Number.NEGATIVE_INFINITY;
  }

  override onSanityCheckStart(trainer: Trainer): void {
    this.nested = this.newBar(this.sanityCheckDescription, trainer.numSanityValBatches[0] ?? 0);
  }

  override onSanityCheckEnd(): void {
    this.nested = null;
    this.region.clear();
  }

  override onTrainEpochStart(trainer: Trainer, module: AnyLightningModule): void {
    const { currentEpoch, maxEpochs } = trainer;
    const last = maxEpochs !== null && maxEpochs > 0 ? `/${maxEpochs - 1}` : '';
    this.main = this.newBar(`${this.trainDescription} ${currentEpoch}${last}`, totalTrainBatches(trainer));
    if (this.isLive) this.drawIfDue(trainer, module);
  }

  override onTrainBatchEnd(
    trainer: Trainer,
    module: AnyLightningModule,
    _outputs: unknown,
    _batch: unknown,
    batchIdx: number,
  ): void {
    if (!this.isEnabled || this.main === null) return;
    this.main.done = batchIdx + 1;
    this.drawIfDue(trainer, module);
  }

  override onTrainEpochEnd(trainer: Trainer, module: AnyLightningModule): void {
    this.finish(trainer, module, this.leave || !this.isLive);
  }

  override onTrainEnd(): void {
    this.flushHeldLines();
  }

  // ------------------------------------------------------------------------------------------------------ evaluation

  override onValidationStart(trainer: Trainer): void {
    if (trainer.sanityChecking) return;
    const bar = this.newBar(this.validationDescription, 0);
    if (trainer.state.fn !== 'fit') {
      this.main = bar;
      return;
    }
    this.nested = bar;
    this.main?.meter.pause(seconds());
  }

  override onValidationBatchStart(
    trainer: Trainer,
    _module: AnyLightningModule,
    _batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): void {
    const totals = trainer.sanityChecking ? trainer.numSanityValBatches : trainer.numValBatches;
    const description = trainer.sanityChecking ? this.sanityCheckDescription : this.validationDescription;
    this.enterLoader(
      trainer.state.fn === 'fit' ? this.nested : this.main,
      description,
      totals,
      batchIdx,
      dataloaderIdx,
    );
  }

  override onValidationBatchEnd(
    trainer: Trainer,
    module: AnyLightningModule,
    _outputs: unknown,
    _batch: unknown,
    batchIdx: number,
  ): void {
    this.advance(trainer, module, trainer.state.fn === 'fit' ? this.nested : this.main, batchIdx);
  }

  override onValidationEnd(trainer: Trainer, module: AnyLightningModule): void {
    if (trainer.sanityChecking) return;
    if (trainer.state.fn !== 'fit') {
      this.finish(trainer, module, true);
      return;
    }
    this.nested = null;
    this.main?.meter.resume(seconds());
    if (this.region.isShown) this.draw(trainer, module);
  }

  override onTestStart(): void {
    this.main = this.newBar(this.testDescription, 0);
  }

  override onTestBatchStart(
    trainer: Trainer,
    _module: AnyLightningModule,
    _batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): void {
    this.enterLoader(this.main, this.testDescription, trainer.numTestBatches, batchIdx, dataloaderIdx);
  }

  override onTestBatchEnd(
    trainer: Trainer,
    module: AnyLightningModule,
    _outputs: unknown,
    _batch: unknown,
    batchIdx: number,
  ): void {
    this.advance(trainer, module, this.main, batchIdx);
  }

  override onTestEnd(trainer: Trainer, module: AnyLightningModule): void {
    this.finish(trainer, module, true);
  }

  override onPredictStart(): void {
    this.main = this.newBar(this.predictDescription, 0);
  }

  override onPredictBatchStart(
    trainer: Trainer,
    _module: AnyLightningModule,
    _batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): void {
    this.enterLoader(this.main, this.predictDescription, trainer.numPredictBatches, batchIdx, dataloaderIdx);
  }

  override onPredictBatchEnd(
    trainer: Trainer,
    module: AnyLightningModule,
    _outputs: unknown,
    _batch: unknown,
    batchIdx: number,
  ): void {
    this.advance(trainer, module, this.main, batchIdx);
  }

  override onPredictEnd(trainer: Trainer, module: AnyLightningModule): void {
    this.finish(trainer, module, true);
  }

  // ------------------------------------------------------------------------------------------------------------- end

  override onException(trainer: Trainer, module: AnyLightningModule): void {
    this.nested = null;
    this.flushHeldLines();
    this.finish(trainer, module, this.main !== null);
  }

  override teardown(): void {
    this.flushHeldLines();
    this.region.clear();
    this.main = null;
    this.nested = null;
  }

  // --------------------------------------------------------------------------------------------------------- drawing

  private newBar(label: string, total: number): Bar {
    // Where output is recorded, only what takes long is worth a line before it is done.
    if (!this.isLive) this.nextDraw = performance.now() + this.interval;
    return { label, done: 0, total, meter: new RateMeter(seconds()) };
  }

  /** Gives a bar the loader that is entered: its size, and its number when there are several. */
  private enterLoader(
    bar: Bar | null,
    label: string,
    totals: readonly number[],
    batchIdx: number,
    dataloaderIdx: number,
  ): void {
    if (bar === null || batchIdx !== 0) return;
    bar.label = totals.length > 1 ? `${label} DataLoader ${dataloaderIdx}` : label;
    bar.total = totals[dataloaderIdx] ?? Number.POSITIVE_INFINITY;
    bar.done = 0;
    bar.meter = new RateMeter(seconds());
  }

  private advance(trainer: Trainer, module: AnyLightningModule, bar: Bar | null, batchIdx: number): void {
    if (!this.isEnabled || bar === null) return;
    bar.done = batchIdx + 1;
    this.drawIfDue(trainer, module);
  }

  private drawIfDue(trainer: Trainer, module: AnyLightningModule): void {
    const now = performance.now();
    if (now >= this.nextDraw && this.isEnabled) this.draw(trainer, module);
  }

  private draw(trainer: Trainer, module: AnyLightningModule): void {
    this.nextDraw = performance.now() + this.interval;
    const main = this.main ?? this.nested;
    if (main === null || !this.isEnabled) return;
    if (!this.isLive && this.nested !== null) {
      const view = this.view(this.nested, {}, false);
      const label = main === this.nested ? view.label : `${main.label} ${view.label}`;
      this.stream.write(`${this.layout.plain({ ...view, label })}\n`);
      return;
    }
    const withMetrics = main === this.main && trainer.state.fn === 'fit';
    const view = this.view(main, withMetrics ? this.getMetrics(trainer, module) : {}, false);
    if (!this.isLive) {
      this.stream.write(`${this.layout.plain(view)}\n`);
      return;
    }
    const bars = this.nested === null || this.nested === main ? [view] : [view, this.view(this.nested, {}, false)];
    this.region.draw(this.layout.live(bars, this.region.width, this.style));
  }

  /** Ends the main bar. @param stays whether it is left on the screen */
  private finish(trainer: Trainer, module: AnyLightningModule, stays: boolean): void {
    const { main } = this;
    this.main = null;
    this.nested = null;
    if (main === null || !this.isEnabled) return;
    const metrics = trainer.state.fn === 'fit' ? withoutLastSteps(this.getMetrics(trainer, module)) : {};
    const view = this.view(main, metrics, true);
    const lines = this.isLive ? this.layout.finished(view, this.region.width, this.style) : [this.layout.plain(view)];
    const now = performance.now();
    const isTraining = trainer.state.fn === 'fit';
    if (!stays || (isTraining && now - this.lastLine < shortestLineInterval)) {
      this.heldLines = lines;
      if (this.isLive && now >= this.nextDraw) {
        this.nextDraw = now + this.interval;
        this.region.draw(lines);
      }
      return;
    }
    this.leaveLines(lines);
    this.lastLine = now;
  }

  private flushHeldLines(): void {
    if (this.heldLines.length > 0) this.leaveLines(this.heldLines);
  }

  private leaveLines(lines: readonly string[]): void {
    this.heldLines = [];
    if (this.isLive) this.region.commit(lines);
    else this.stream.write(lines.map((line) => `${line}\n`).join(''));
  }

  private view(bar: Bar, metrics: Readonly<Record<string, number | string>>, isFinished: boolean): BarView {
    const now = seconds();
    const rate = isFinished ? bar.meter.mean(bar.done, now) : bar.meter.update(bar.done, now);
    return {
      label: bar.label,
      done: bar.done,
      total: bar.total,
      elapsed: bar.meter.elapsed(now),
      remaining: rate > 0 ? (bar.total - bar.done) / rate : Number.POSITIVE_INFINITY,
      rate,
      metrics: Object.entries(metrics).map(([name, value]) => [
        name,
        typeof value === 'string' ? value : formatMetric(value),
      ]),
    };
  }
}

/** Leaves a last step's value out where the epoch's own is there. */
function withoutLastSteps(metrics: Readonly<Record<string, number | string>>): Record<string, number | string> {
  const isLastStep = (name: string): boolean => name.endsWith('_step') && name.replace(/_step$/, '_epoch') in metrics;
  return Object.fromEntries(Object.entries(metrics).filter(([name]) => !isLastStep(name)));
}

function totalTrainBatches(trainer: Trainer): number {
  const { numTrainingBatches, maxEpochs, maxSteps, globalStep } = trainer;
  return maxEpochs === -1 && maxSteps > 0 ? Math.min(numTrainingBatches, maxSteps - globalStep) : numTrainingBatches;
}

function versionText(trainer: Trainer): string {
  const versions = trainer.loggers.map(({ version }) =>
    typeof version === 'string' ? version.slice(-4) : String(version),
  );
  return versions.filter((version) => version !== '').join('_');
}

function seconds(): number {
  return performance.now() / 1000;
}
