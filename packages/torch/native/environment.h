#pragma once
// State that belongs to one JS environment (the main thread or one worker).

#include <node_api.h>

#include <memory>
#include <vector>

namespace c10 {
struct InferenceMode;
}

namespace lt {

struct Environment {
  napi_ref errorFactory = nullptr;  // (code, message, context) => Error
  napi_ref handleKey = nullptr;     // the string 'handle'
  std::vector<std::unique_ptr<c10::InferenceMode>> inferenceModes;
  std::shared_ptr<void> discarded;    // heldFunction.cc
  std::shared_ptr<void> settlements;  // distributed/background.cc
};

Environment& environmentOf(napi_env env);

/// Lets go of JS functions whose graphs are gone (heldFunction.cc).
void deleteDiscardedReferences(napi_env env);

using Callback = napi_value (*)(napi_env, napi_callback_info);
void define(napi_env env, napi_value exports, const char* name, Callback callback);

// One init per family; bindings.cc lists them.
void initMemory(napi_env env, napi_value exports);
void initDispatch(napi_env env, napi_value exports);
void initTensor(napi_env env, napi_value exports);
void initStorage(napi_env env, napi_value exports);
void initHandover(napi_env env, napi_value exports);
void initMappedFile(napi_env env, napi_value exports);
void initChecksum(napi_env env, napi_value exports);
void initStorageFile(napi_env env, napi_value exports);
void initAutograd(napi_env env, napi_value exports);
void initAutogradHooks(napi_env env, napi_value exports);
void initEngine(napi_env env, napi_value exports);
void initAnomaly(napi_env env, napi_value exports);
void initCheckpoint(napi_env env, napi_value exports);
void initAutocast(napi_env env, napi_value exports);
void initBackends(napi_env env, napi_value exports);
void initRandom(napi_env env, napi_value exports);
void initRuntime(napi_env env, napi_value exports);
void initWarnings(napi_env env, napi_value exports);
void initStepPlan(napi_env env, napi_value exports);
void initOptim(napi_env env, napi_value exports);
void initOptimAdaptive(napi_env env, napi_value exports);
void initOptimMoments(napi_env env, napi_value exports);
void initOptimPlain(napi_env env, napi_value exports);
void initOptimMatrix(napi_env env, napi_value exports);
// image/
void initJpeg(napi_env env, napi_value exports);
void initPixels(napi_env env, napi_value exports);
// jit/ and profiler/
void initScriptModule(napi_env env, napi_value exports);
void initScriptFile(napi_env env, napi_value exports);
void initTrace(napi_env env, napi_value exports);
void initProfiler(napi_env env, napi_value exports);
// distributed/
void initStores(napi_env env, napi_value exports);
void initProcessGroups(napi_env env, napi_value exports);
void initCollectives(napi_env env, napi_value exports);
void initReducer(napi_env env, napi_value exports);
void initMonitor(napi_env env, napi_value exports);

}  // namespace lt
