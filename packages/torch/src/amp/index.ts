export {
  type AutocastDevice,
  type AutocastOptions,
  autocast,
  clearAutocastCache,
  getAutocastDtype,
  isAutocastCacheEnabled,
  isAutocastEnabled,
} from './autocast.js';
export { GradScaler, type GradScalerOptions, type GradScalerState } from './gradScaler.js';
