export {
  AveragedModel,
  type AveragedModelOptions,
  type AverageFunction,
  getEmaMultiAvgFn,
  type MultiAverageFunction,
} from './averagedModel.js';
export { type UpdateBnOptions, updateBn } from './updateBn.js';
