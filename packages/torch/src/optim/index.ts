export { Adam, type AdamOptions, AdamW } from './adam.js';
export { type Closure, Optimizer, type OptimizerState, type ParamGroup, type ParamGroupInput, type ParamsInput, type ParamState } from './optimizer.js';
export type { PythonGroup } from './pythonState.js';
export { SGD, type SGDOptions } from './sgd.js';
export * from './schedulers/index.js';
