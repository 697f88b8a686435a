export { checkpointText } from './checkpoint/checkpointText.js';
export { type CheckpointSummary, inspectCheckpoint, type TensorSummary } from './checkpoint/inspectCheckpoint.js';
export { type MigrationReport, migrateCheckpoint } from './checkpoint/migrateCheckpoint.js';
export { checkpointFilesIn, type UpgradeResult, upgradeCheckpoint } from './checkpoint/upgradeCheckpoint.js';
