export { LightningError, type LightningErrorCode } from '../errors.js';
export { rankZeroOnly } from '../rankZero.js';
export type { SaveHyperparametersOptions } from './hparams.js';
export {
  type AnyLightningModule,
  type GradientClipAlgorithm,
  LightningModule,
  type StepOutput,
} from './lightningModule.js';
export type { LoadFromCheckpointOptions } from './loadFromCheckpoint.js';
