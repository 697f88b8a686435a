import { join } from 'node:path';
import { describe } from '../describe.js';
import { LightningError } from '../errors.js';
import type { AnyLightningModule } from '../module/lightningModule.js';
import type { Trainer } from '../trainer/trainer.js';
import { Callback } from './callback.js';
import { resolvePath } from './checkpointFiles.js';

/** Saves a checkpoint when a run fails or is interrupted, so that it can go on from there; a run that ends well removes it. */
export class OnExceptionCheckpoint extends Callback {
  readonly dirpath: string;
  readonly filename: string;
  private hasFailed = false;

  /**
   * @param dirpath folder of the file
   * @param filename without extension, default `on_exception`
   * @throws LightningError OPTION_INVALID for an empty folder or file name
   */
  constructor(dirpath: string, filename = 'on_exception') {
    super();
    if (typeof dirpath !== 'string' || dirpath === '') {
      throw new LightningError(
        'OPTION_INVALID',
        `OnExceptionCheckpoint: dirpath is ${describe(dirpath)}. Give the path of a folder.`,
      );
    }
    if (typeof filename !== 'string' || filename === '') {
      throw new LightningError(
        'OPTION_INVALID',
        `OnExceptionCheckpoint: filename is ${describe(filename)}. Give a name, or leave it out for on_exception.ckpt.`,
      );
    }
    this.dirpath = dirpath;
    this.filename = filename;
  }

  /** The file that a failing run leaves. */
  get ckptPath(): string {
    return join(this.dirpath, `${this.filename}.ckpt`);
  }

  override setup(): void {
    this.hasFailed = false;
  }

  override async onException(trainer: Trainer, _module: AnyLightningModule, _error: Error): Promise<void> {
    this.hasFailed = true;
    if (trainer.state.fn === 'fit') await trainer.saveCheckpoint(await resolvePath(this.ckptPath));
  }

  override async teardown(trainer: Trainer, _module: AnyLightningModule, stage: string): Promise<void> {
    if (!this.hasFailed && stage === 'fit' && trainer.isGlobalZero)
      await trainer.checkpointIo.removeCheckpoint(await resolvePath(this.ckptPath));
  }
}
