import { warn } from '@lightning-ts/torch';
import type { AnyLightningModule } from '../module/lightningModule.js';
import { OptionReader } from '../optionReader.js';
import { Bar, BarScreen } from '../terminal/barScreen.js';
import type { ProgressLayout } from '../terminal/progressLayout.js';
import { defaultLayout } from '../terminal/richLayout.js';
import type { TerminalStream } from '../terminal/style.js';
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

/**
 * Shows how far a run is: a bar that is redrawn in place on a terminal, a readable line now and then where the output is
 * recorded (a pipe, a file, CI).
 *
 * Drawing is limited by time, so a step that does not draw costs a look at the clock. Validation and the sanity check get a
 * second bar below the first, which goes when they are done. What anybody prints meanwhile appears above the bars.
 */
export class ProgressBar extends Callback {
  /** How bars look; subclasses bring their own. */
  protected readonly layout: ProgressLayout = defaultLayout();
  private readonly screen: BarScreen;
  private readonly leave: boolean;
  private isEnabled: boolean;
  private main: Bar | null = null;
  private nested: Bar | null = null;

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN */
  constructor(options: ProgressBarOptions = {}) {
    super();
    const reader = new OptionReader<ProgressBarOptions>(this.constructor.name, options);
    const refreshRate = reader.number('refreshRate', 10, { least: 0 });
    const plainInterval = reader.number('plainInterval', 30, { least: 0 });
    const stream = reader.value('stream') ?? process.stdout;
    this.leave = reader.boolean('leave', true);
    reader.done();
    if (typeof stream.write !== 'function')
      throw reader.invalid('stream', 'an object with a write method, such as process.stdout');
    this.isEnabled = refreshRate > 0;
    this.screen = new BarScreen(stream, () => this.layout, refreshRate, plainInterval);
  }

  /** Runs after the module's `onTrainEpochEnd`, so that the finished line has the epoch's values. */
  override readonly monitorsMetrics = true;

  /** Draws nothing from now on. */
  disable(): void {
    this.screen.clear();
    this.isEnabled = false;
  }

  enable(): void {
    this.isEnabled = true;
  }

  /** Prints above the bars. */
  print(...values: unknown[]): void {
    this.screen.print(values);
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

  /** What stands before the bar of an epoch. @param last the last epoch's number, null when there is no limit */
  protected epochLabel(epoch: number, last: number | null): string {
    return `${this.trainDescription} ${epoch}${last === null ? '' : `/${last}`}`;
  }

  /** What stands before the bar of a loader. @param count how many loaders there are */
  protected loaderLabel(description: string, dataloaderIdx: number, count: number): string {
    return count > 1 ? `${description} DataLoader ${dataloaderIdx}` : description;
  }

  /** Whether a bar that is due may be drawn after this many batches; for bars that count batches rather than time. */
  protected drawsAt(_done: number, _total: number): boolean {
    return true;
  }

  // -------------------------------------------------------------------------------------------------------- training

  override setup(trainer: Trainer): void {
    if (!trainer.isGlobalZero) this.disable();
    this.screen.begin();
  }

  override onSanityCheckStart(trainer: Trainer): void {
    this.nested = this.newBar(this.sanityCheckDescription, trainer.numSanityValBatches[0] ?? 0);
  }

  override onSanityCheckEnd(): void {
    this.nested = null;
    this.screen.clear();
  }

  override onTrainEpochStart(trainer: Trainer, module: AnyLightningModule): void {
    const { currentEpoch, maxEpochs } = trainer;
    const last = maxEpochs > 0 ? maxEpochs - 1 : null;
    this.main = this.newBar(this.epochLabel(currentEpoch, last), totalTrainBatches(trainer));
    if (this.screen.isLive && this.isEnabled && this.screen.isDue) this.draw(trainer, module);
  }

  override onTrainBatchEnd(
    trainer: Trainer,
    module: AnyLightningModule,
    _outputs: unknown,
    _batch: unknown,
    batchIdx: number,
  ): void {
    this.advance(trainer, module, this.main, batchIdx);
  }

  override onTrainEpochEnd(trainer: Trainer, module: AnyLightningModule): void {
    this.finish(trainer, module, this.leave || !this.screen.isLive);
  }

  override onTrainEnd(): void {
    this.screen.flush();
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
    this.main?.pause();
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
    this.main?.resume();
    if (this.screen.isShown) this.draw(trainer, module);
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
    this.screen.flush();
    this.finish(trainer, module, this.main !== null);
  }

  override teardown(): void {
    this.screen.flush();
    this.screen.clear();
    this.main = null;
    this.nested = null;
  }

  // --------------------------------------------------------------------------------------------------------- drawing

  private newBar(label: string, total: number): Bar {
    this.screen.startBar();
    return new Bar(label, total);
  }

  /** Gives a bar the loader that is entered: its size, and its number when there are several. */
  private enterLoader(
    bar: Bar | null,
    description: string,
    totals: readonly number[],
    batchIdx: number,
    dataloaderIdx: number,
  ): void {
    if (bar === null || batchIdx !== 0) return;
    const label = this.loaderLabel(description, dataloaderIdx, totals.length);
    bar.restart(label, totals[dataloaderIdx] ?? Number.POSITIVE_INFINITY);
  }

  private advance(trainer: Trainer, module: AnyLightningModule, bar: Bar | null, batchIdx: number): void {
    if (!this.isEnabled || bar === null) return;
    bar.done = batchIdx + 1;
    if (this.screen.isDue && this.drawsAt(bar.done, bar.total)) this.draw(trainer, module);
  }

  private draw(trainer: Trainer, module: AnyLightningModule): void {
    const main = this.main ?? this.nested;
    if (main === null || !this.isEnabled) return;
    const nested = this.nested === main ? null : this.nested;
    // A nested bar's line has no room for metrics where output is recorded.
    const withMetrics = main === this.main && trainer.state.fn === 'fit' && (nested === null || this.screen.isLive);
    const metrics = withMetrics ? this.getMetrics(trainer, module) : {};
    this.screen.draw(main.view(metrics, false), nested?.view({}, false) ?? null);
  }

  /** Ends the main bar. @param stays whether it is left on the screen */
  private finish(trainer: Trainer, module: AnyLightningModule, stays: boolean): void {
    const { main } = this;
    this.main = null;
    this.nested = null;
    if (main === null || !this.isEnabled) return;
    const isTraining = trainer.state.fn === 'fit';
    const metrics = isTraining ? withoutLastSteps(this.getMetrics(trainer, module)) : {};
    this.screen.finish(main.view(metrics, true), stays, isTraining);
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
