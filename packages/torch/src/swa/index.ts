export { AveragedModel, type AveragedModelOptions } from './averagedModel.js';
export {
  type AverageFunction,
  getEmaAvgFn,
  getEmaMultiAvgFn,
  getSwaAvgFn,
  getSwaMultiAvgFn,
  type MultiAverageFunction,
} from './averageFunctions.js';
export { type UpdateBnOptions, updateBn } from './updateBn.js';
