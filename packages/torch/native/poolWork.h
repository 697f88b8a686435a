#pragma once
// Work that ends by itself, on a thread of libuv's pool. What waits for another process belongs into
// distributed/background.h.

#include <node_api.h>

#include <functional>

namespace lt {

/// Made on a pool thread; called on the JS thread for what the promise becomes.
using PoolValue = std::function<napi_value(napi_env)>;

/// A promise of what `work` returns or throws on a thread of the pool. `kept` stays alive meanwhile; it may be null.
napi_value poolPromise(napi_env env, const char* name, napi_value kept, std::function<PoolValue()> work);

}  // namespace lt
