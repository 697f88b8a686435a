#pragma once
// A store as JavaScript holds it.

#include "c10d.h"

#ifdef LT_C10D

#include <node_api.h>

#include <memory>
#include <mutex>

#include "../values.h"

namespace lt {

struct StoreBox {
  const BoxKind kind = BoxKind::kStore;
  c10::intrusive_ptr<c10d::Store> store;
  /// One for a store and all prefixes of it. Timed, because a lost host can hold an operation for ever.
  std::shared_ptr<std::timed_mutex> lock;
};

/// Throws DISTRIBUTED_STORE when the store was closed.
StoreBox& storeArgument(napi_env env, napi_value value);

}  // namespace lt

#endif
