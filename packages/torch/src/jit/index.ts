export { type FreezeOptions, freeze, type OptimizeOptions, optimizeForInference } from './optimize.js';
export {
  load,
  loadSync,
  type ScriptLoadOptions,
  type ScriptSaveOptions,
  save,
  saveSync,
  saveToBytes,
} from './scriptFile.js';
export { ScriptModule } from './scriptModule.js';
export type { ScriptValue } from './scriptValues.js';
export { type ExampleInputs, type TraceOptions, trace } from './trace.js';
