import type { Module } from '@lightning-ts/torch/nn';

/**
 * Makes some layers of a module work over all processes while it trains: give one to `plugins`. Without effect with one process.
 * `syncBatchnorm: true` is `new TorchSyncBatchNorm()`.
 */
export abstract class LayerSync {
  /** Replaces the layers, before the module is moved to its device. */
  abstract apply(module: Module): void | Promise<void>;
  /** Puts back what `apply` replaced, when training ends. */
  abstract revert(module: Module): void | Promise<void>;
}

/** Batch norms with the statistics of the joined batch. */
export class TorchSyncBatchNorm extends LayerSync {
  override async apply(module: Module): Promise<void> {
    const { SyncBatchNorm } = await import('@lightning-ts/torch/distributed');
    SyncBatchNorm.convertSyncBatchnorm(module);
  }

  override async revert(module: Module): Promise<void> {
    const { SyncBatchNorm } = await import('@lightning-ts/torch/distributed');
    SyncBatchNorm.revertSyncBatchnorm(module);
  }
}
