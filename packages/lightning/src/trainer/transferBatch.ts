import { warn } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';
import { isPromise } from '../hooks/hookTable.js';
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
    if (before !== null) {
      moved = before.onBeforeBatchTransfer!(moved, dataloaderIdx);
      checkBatch(moved, before, 'onBeforeBatchTransfer');
    }
    if (transfer === null) moved = strategy.batchToDevice(moved);
    else {
      moved = transfer.transferBatchToDevice!(moved, strategy.rootDevice, dataloaderIdx);
      checkBatch(moved, transfer, 'transferBatchToDevice');
    }
    if (after === null) return moved;
    moved = after.onAfterBatchTransfer!(moved, dataloaderIdx);
    checkBatch(moved, after, 'onAfterBatchTransfer');
    return moved;
  };
}

/** @throws LightningError HOOK_RETURN for a hook that forgot to return the batch, HOOK_ASYNC for one that returned a promise */
function checkBatch(batch: unknown, owner: object, hook: string): void {
  if (batch !== undefined && !isPromise(batch)) return;
  const name = `${owner.constructor.name}.${hook}`;
  if (batch === undefined) {
    throw new LightningError('HOOK_RETURN', `${name} returned nothing, but the batch goes on from there. Return it.`);
  }
  (batch as Promise<unknown>).catch(() => {});
  throw new LightningError(
    'HOOK_ASYNC',
    `${name} returned a promise, but a batch is moved without waiting. Make it synchronous, and wait in the loader.`,
  );
}
