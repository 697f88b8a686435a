// The list of families, nothing else.
#include "environment.h"

namespace lt {

static napi_value init(napi_env env, napi_value exports) {
  initMemory(env, exports);
  initDispatch(env, exports);
  initTensor(env, exports);
  initStorage(env, exports);
  initHandover(env, exports);
  initMappedFile(env, exports);
  initChecksum(env, exports);
  initStorageFile(env, exports);
  initAutograd(env, exports);
  initAutogradHooks(env, exports);
  initEngine(env, exports);
  initAnomaly(env, exports);
  initCheckpoint(env, exports);
  initAutocast(env, exports);
  initBackends(env, exports);
  initRandom(env, exports);
  initRuntime(env, exports);
  initWarnings(env, exports);
  initStepPlan(env, exports);
  initOptim(env, exports);
  initOptimAdaptive(env, exports);
  initOptimMoments(env, exports);
  initOptimPlain(env, exports);
  initOptimMatrix(env, exports);
  initJpeg(env, exports);
  initPixels(env, exports);
  initScriptModule(env, exports);
  initScriptFile(env, exports);
  initTrace(env, exports);
  initProfiler(env, exports);
  initStores(env, exports);
  initProcessGroups(env, exports);
  initCollectives(env, exports);
  initReducer(env, exports);
  initMonitor(env, exports);
  return exports;
}

}  // namespace lt

NAPI_MODULE(lightning_torch, lt::init)
