export * as datasets from './datasets/index.js';
export { VisionError, type VisionErrorCode, visionErrorCodes } from './errors.js';
export * as transforms from './transforms/index.js';
