import { warn } from '@lightning-ts/torch';
import type { LightningDataModule } from '../module/dataModule.js';
import type { LightningModule } from '../module/lightningModule.js';
import type { Precision } from '../precision/precision.js';
import type { Strategy } from '../strategies/strategy.js';

const hooks = ['onBeforeBatchTransfer', 'transferBatchToDevice', 'onAfterBatchTransfer'] as const;

type TransferHooks = Pick<LightningModule, (typeof hooks)[number]>;

/**
 * How batches get to the device in a run: converted by the precision, then through the hooks. A data module's hook takes the
 * place of the module's.
 */
export function batchTransfer(
  module: LightningModule,
  dataModule: LightningDataModule | null,
  strategy: Strategy,
  precision: Precision,
): (batch: unknown, dataloaderIdx: number) => unknown {
  const ownerOf = (name: (typeof hooks)[number]): TransferHooks | null => {
    const hasModule = module[name] !== undefined;
    if (dataModule?.[name] === undefined) return hasModule ? module : null;
    if (hasModule) {
      warn(
        'TRANSFER_HOOK',
        `Both ${dataModule.constructor.name} and ${module.constructor.name} have ${name}; the data module's is used.`,
      );
    }
    return dataModule;
  };
  const before = ownerOf('onBeforeBatchTransfer');
  const transfer = ownerOf('transferBatchToDevice');
  const after = ownerOf('onAfterBatchTransfer');
  const isPlain = before === null && transfer === null && after === null && precision.convertInput === undefined;
  if (isPlain) return (batch) => strategy.batchToDevice(batch);
  return (batch, dataloaderIdx) => {
    let moved = precision.convertInput === undefined ? batch : precision.convertInput(batch);
    if (before !== null) moved = before.onBeforeBatchTransfer!(moved, dataloaderIdx);
    moved =
      transfer === null
        ? strategy.batchToDevice(moved)
        : transfer.transferBatchToDevice!(moved, strategy.rootDevice, dataloaderIdx);
    return after === null ? moved : after.onAfterBatchTransfer!(moved, dataloaderIdx);
  };
}
