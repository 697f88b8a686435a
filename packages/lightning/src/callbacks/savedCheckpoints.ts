import { stat } from 'node:fs/promises';
import { checkpointExists } from '../checkpoint/checkpointIo.js';
import type { Trainer } from '../trainer/trainer.js';
import { isInside, resolvePath } from './checkpointFiles.js';
import { type CheckpointTemplate, type NameValue, parseCheckpointTemplate } from './checkpointName.js';
import type { ResolvedCheckpointOptions } from './checkpointOptions.js';
import { checkpointName, freeCheckpointFile, nameValue, type PathStyle } from './checkpointPaths.js';
import { CheckpointRanking, numberOf, scalar } from './checkpointRanking.js';

/** The first process's value, while all are there to ask for it. */
function agreed<Value>(trainer: Trainer, value: Value): Value {
  return trainer.worldSize > 1 && !trainer.control.isBroken ? trainer.strategy.broadcast(value) : value;
}

/** When something is saved. */
export interface SaveMoment {
  readonly trainer: Trainer;
  /** The epoch in progress, or the one that just ended. */
  readonly epoch: number;
}

/** The files of one ModelCheckpoint: the best or the newest, and `last.ckpt`. */
export class SavedCheckpoints {
  /** Absolute, null until the run has started. */
  directory: string | null;
  readonly ranking: CheckpointRanking;
  /** The newest file that was saved without a monitor. */
  newestPath = '';
  lastPath = '';
  currentScore: number | null = null;
  /** The step that `lastPath` holds. */
  lastStep = 0;
  /** The file that goes once the one being written is there. */
  private leavingPath = '';

  constructor(
    private readonly options: ResolvedCheckpointOptions,
    private readonly template: CheckpointTemplate,
    private readonly style: PathStyle,
    private readonly lastTemplate: CheckpointTemplate,
    private readonly wrote: (trainer: Trainer) => Promise<void>,
  ) {
    this.directory = options.dirpath;
    this.ranking = new CheckpointRanking(options.mode, options.saveTopK);
  }

  get bestPath(): string {
    return this.ranking.bestPath === '' ? this.newestPath : this.ranking.bestPath;
  }

  /**
   * Runs `save`, and brings `last.ckpt` up to the current step: as a second name of the file that `save` wrote, otherwise as a
   * file of its own.
   */
  async withLast(moment: SaveMoment, save: () => Promise<string | null> = async () => null): Promise<void> {
    const { saveLast } = this.options;
    if (saveLast === false) {
      await save();
      return;
    }
    const { trainer } = moment;
    const [previous, previousStep] = [this.lastPath, this.lastStep];
    // Known before anything is written, so that every file says where the newest one is.
    const path = await this.freePath(moment, this.lastTemplate, previous);
    this.lastPath = path;
    this.lastStep = trainer.globalStep;
    const saved = await save();
    const linksNothing = saveLast === 'link' && this.bestPath !== '';
    if (saved === null && (previousStep === trainer.globalStep || linksNothing)) {
      [this.lastPath, this.lastStep] = [previous, previousStep];
      return;
    }
    const { checkpointIo } = trainer;
    if (saved === null || checkpointIo.duplicateCheckpoint === undefined) await this.write(trainer, path);
    else if (trainer.isGlobalZero)
      await checkpointIo.duplicateCheckpoint(saved, path, saveLast === 'link' ? 'link' : 'copy');
    if (previous !== '' && previous !== path) await this.remove(trainer, previous);
  }

  /** Saves without looking at a metric. */
  async saveNewest(moment: SaveMoment): Promise<string> {
    const { trainer } = moment;
    const replaced = this.options.saveTopK === 1 && this.newestPath !== '' ? this.newestPath : null;
    const path = await this.freePath(moment, this.template, replaced);
    this.newestPath = path;
    await this.replace(trainer, path, replaced);
    return path;
  }

  /** Saves if the score is among the best. Returns null when it is not. */
  async saveIfAmongBest(moment: SaveMoment, score: number): Promise<string | null> {
    const { trainer, epoch } = moment;
    const { monitor, saveTopK, verbose } = this.options;
    const who = `Epoch ${epoch}, global step ${trainer.globalStep}: '${monitor}'`;
    if (!trainer.strategy.reduceBooleanDecision(this.ranking.accepts(score))) {
      if (verbose) trainer.print(`${who} was not in top ${saveTopK}`);
      return null;
    }
    const { replaced } = this.ranking;
    const path = await this.freePath(moment, this.template, replaced);
    this.ranking.add(path, score);
    this.currentScore = this.ranking.models.get(path)!;
    if (verbose) {
      const top = saveTopK === -1 ? this.ranking.models.size : saveTopK;
      const reached = `reached ${score.toFixed(5)} (best ${this.ranking.bestScore!.toFixed(5)})`;
      trainer.print(`${who} ${reached}, saving model to '${path}' as top ${top}`);
    }
    await this.replace(trainer, path, replaced);
    return path;
  }

  /** Saves whatever happens, under a name without the values that are missing. The file is not counted among the best. */
  async saveAnyway(moment: SaveMoment): Promise<string> {
    const values = this.nameValues(moment, this.template);
    const isComplete = this.template.keys.every((key) => values.has(key));
    const path = await this.freePath(
      moment,
      isComplete ? this.template : parseCheckpointTemplate('{epoch}-{step}'),
      null,
    );
    await this.write(moment.trainer, path);
    return path;
  }

  /** Whether a checkpoint is at `path`; every process gets the first one's answer. */
  async fileExists(trainer: Trainer, path: string): Promise<boolean> {
    return agreed(trainer, await checkpointExists(trainer.checkpointIo, path));
  }

  stateDict(): Record<string, unknown> {
    return {
      monitor: this.options.monitor,
      ...this.ranking.stateDict(),
      best_model_path: this.bestPath,
      current_score: this.currentScore === null ? null : scalar(this.currentScore),
      dirpath: this.directory,
      last_model_path: this.lastPath,
      // Python's callback does not know this one, and leaves it alone.
      last_renewed_step: this.lastStep,
      leaving_path: this.leavingPath,
    };
  }

  /** Takes back what `stateDict` gave; from another directory only the path of the best. Returns whether it was the same. */
  loadStateDict(state: Readonly<Record<string, unknown>>): boolean {
    this.newestPath = String(state.best_model_path ?? '');
    // The oldest files do not say where they are.
    if (state.dirpath !== undefined && state.dirpath !== this.directory) {
      if (this.options.monitor !== null) this.ranking.bestPath = this.newestPath;
      return false;
    }
    this.ranking.loadStateDict(state);
    this.currentScore = numberOf(state.current_score);
    this.lastPath = String(state.last_model_path ?? '');
    this.lastStep = Number(state.last_renewed_step ?? 0);
    this.leavingPath = String(state.leaving_path ?? '');
    return true;
  }

  /**
   * Does what follows the writing of the file that a run was resumed from, in case the process that wrote it was killed in
   * between: deletes the file it replaced, and renews `last.ckpt`.
   */
  async finishInterrupted(trainer: Trainer): Promise<void> {
    const { lastPath, leavingPath } = this;
    const { checkpointIo, ckptPath } = trainer;
    this.leavingPath = '';
    if (ckptPath === null || !trainer.isGlobalZero) return;
    if (leavingPath !== '') await this.remove(trainer, leavingPath);
    if (lastPath === '' || this.options.saveLast === false || this.lastStep !== trainer.globalStep) return;
    const [resumed, last] = await Promise.all([ckptPath, lastPath].map((path) => stat(path).catch(() => null)));
    const isCurrent = last !== null && (resumed === null || last!.mtimeMs >= resumed!.mtimeMs);
    if (isCurrent || checkpointIo.duplicateCheckpoint === undefined) return;
    await checkpointIo.duplicateCheckpoint(ckptPath, lastPath, this.options.saveLast === 'link' ? 'link' : 'copy');
  }

  private async replace(trainer: Trainer, path: string, replaced: string | null): Promise<void> {
    this.leavingPath = replaced !== null && replaced !== path ? replaced : '';
    await this.write(trainer, path);
    if (this.leavingPath !== '') await this.remove(trainer, this.leavingPath);
    this.leavingPath = '';
  }

  private async write(trainer: Trainer, path: string): Promise<void> {
    await trainer.saveCheckpoint(path, { weightsOnly: this.options.saveWeightsOnly });
    await this.wrote(trainer);
  }

  /** Deletes a file of ours, unless it is not where we save, or is the one that the run was resumed from. */
  private async remove(trainer: Trainer, path: string): Promise<void> {
    if (!trainer.isGlobalZero || this.directory === null || !isInside(path, this.directory)) return;
    const resumedFrom = trainer.ckptPath ? await resolvePath(trainer.ckptPath) : null;
    if (resumedFrom !== null && (await resolvePath(path)) === resumedFrom) return;
    await trainer.checkpointIo.removeCheckpoint(path);
  }

  /** Where the current state goes under a pattern's name. @param replaced a file that may be overwritten */
  private freePath(moment: SaveMoment, template: CheckpointTemplate, replaced: string | null): Promise<string> {
    const name = checkpointName(template, this.nameValues(moment, template), this.style);
    const exists = (path: string): Promise<boolean> =>
      this.options.enableVersionCounter ? this.fileExists(moment.trainer, path) : Promise.resolve(false);
    const path = freeCheckpointFile(this.directory ?? '', name, replaced, this.style, exists);
    return path.then((chosen) => agreed(moment.trainer, chosen));
  }

  private nameValues({ trainer, epoch }: SaveMoment, template: CheckpointTemplate): Map<string, NameValue> {
    const values = new Map<string, NameValue>([
      ['epoch', { value: epoch, isInteger: true }],
      ['step', { value: trainer.globalStep, isInteger: true }],
    ]);
    for (const [key, value] of Object.entries(trainer.callbackMetrics)) {
      if (template.keys.includes(key)) values.set(key, nameValue(key, value));
    }
    return values;
  }
}
