#pragma once
// JS functions that C++ objects hold and call during backward.

#include <node_api.h>

#include <memory>
#include <thread>
#include <vector>

#include "values.h"

namespace lt {

/// References that nobody needs any more. A graph may die inside a garbage collection, where they must not be deleted.
struct DiscardedReferences;

/// Belongs to the thread that made it. May be destroyed anywhere; the function is let go of a little later.
class HeldFunction {
 public:
  HeldFunction(napi_env env, napi_value function);
  HeldFunction(const HeldFunction&) = delete;
  HeldFunction& operator=(const HeldFunction&) = delete;
  ~HeldFunction();

  /// Calls the function; `read` turns its result into something that outlives the handle scope.
  template <typename MakeArguments, typename Read>
  auto call(MakeArguments makeArguments, Read read) const {
    requireOwnThread();
    napi_handle_scope scope = nullptr;
    check(env_, napi_open_handle_scope(env_, &scope));
    struct Close {
      napi_env env;
      napi_handle_scope scope;
      ~Close() { napi_close_handle_scope(env, scope); }
    } close{env_, scope};
    napi_value function = nullptr;
    check(env_, napi_get_reference_value(env_, reference_, &function));
    std::vector<napi_value> arguments = makeArguments(env_);
    napi_value result = nullptr;
    check(env_, napi_call_function(env_, undefined(env_), function, arguments.size(), arguments.data(), &result));
    return read(env_, result);
  }

 private:
  void requireOwnThread() const;

  napi_env env_;
  std::thread::id thread_;
  std::shared_ptr<DiscardedReferences> discarded_;
  napi_ref reference_ = nullptr;
};

}  // namespace lt
