export { writeFileAtomic, writeFileAtomicSync } from './atomicWrite.js';
export { BackgroundWriter } from './backgroundWriter.js';
export { type ByteSource, FileSource } from './byteSource.js';
export { SerializeError, type SerializeErrorCode, type SerializeErrorDetails } from './errors.js';
export type { KnownGlobal, PickleContext } from './knownGlobal.js';
export { NumpyArray, numpyGlobals } from './numpyValues.js';
export { PersistentId, type PickleOptions, pickle } from './pickle.js';
export { pythonGlobals } from './pythonGlobals.js';
export {
  FrozenSet,
  Namespace,
  OrderedDict,
  type PickledKind,
  PickledObject,
  PyComplex,
  PyDType,
  PyFloat,
  PyLayout,
  Size,
  Tuple,
} from './pythonValues.js';
export {
  deserializeSafetensors,
  loadSafetensors,
  loadSafetensorsSync,
  openSafetensors,
  SafetensorsFile,
  type SafetensorsFileOptions,
  type SafetensorsInfo,
  type SafetensorsOptions,
} from './safetensorsFile.js';
export {
  type NamedTensors,
  type SaveSafetensorsOptions,
  saveSafetensors,
  saveSafetensorsSync,
  serializeSafetensors,
} from './safetensorsWriter.js';
export { serialize } from './serializeTensors.js';
export type { MapLocation } from './storageReader.js';
export { removeStaleTemporaries, temporaryName } from './temporaryFiles.js';
export { type DeserializeOptions, deserialize, type LoadOptions, load, loadSync, save, saveSync } from './torchFile.js';
export { Storage } from './torchGlobals.js';
export { type UnpickleOptions, unpickle } from './unpickle.js';
export { type ZipEntry, ZipReader, type ZipReaderOptions } from './zipReader.js';
export { type ZipRecord, zipChunks } from './zipWriter.js';
