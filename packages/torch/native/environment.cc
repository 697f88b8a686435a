#include "environment.h"

#include <c10/core/InferenceMode.h>

#include "errors.h"

namespace lt {

Environment& environmentOf(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  if (data == nullptr) {
    auto* made = new Environment();
    // References are leaked on purpose: at exit V8 may be gone before them.
    napi_set_instance_data(env, made, [](napi_env, void* p, void*) { delete static_cast<Environment*>(p); }, nullptr);
    return *made;
  }
  return *static_cast<Environment*>(data);
}

void define(napi_env env, napi_value exports, const char* name, Callback callback) {
  napi_value function = nullptr;
  check(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function));
  check(env, napi_set_named_property(env, exports, name, function));
}

}  // namespace lt
