export { writeFileAtomic, writeFileAtomicSync } from './atomicWrite.js';
export { SerializeError, type SerializeErrorCode, type SerializeErrorDetails } from './errors.js';
export type { KnownGlobal, PickleContext } from './knownGlobal.js';
export { NumpyArray } from './numpyValues.js';
export { PersistentId, type PickleOptions, pickle } from './pickle.js';
export {
  FrozenSet,
  Namespace,
  OrderedDict,
  type PickledKind,
  PickledObject,
  PyComplex,
  PyDType,
  PyFloat,
  Size,
  Tuple,
} from './pythonValues.js';
export { serialize } from './serializeTensors.js';
export type { MapLocation } from './storageReader.js';
export { deserialize, type LoadOptions, load, loadSync, save, saveSync } from './torchFile.js';
export { Storage } from './torchGlobals.js';
export { type UnpickleOptions, unpickle } from './unpickle.js';
export { type ZipEntry, ZipReader } from './zipReader.js';
export { type ZipRecord, zipChunks } from './zipWriter.js';
