// Warnings of libtorch reach JavaScript instead of the standard error stream.

#include <c10/util/Exception.h>
#include <torch/version.h>

#include "environment.h"
#include "heldFunction.h"

namespace lt {

namespace {

/// Belongs to one thread; never deleted, a thread's end is too late to touch JS.
struct WarningSink final : c10::WarningHandler {
  explicit WarningSink(std::unique_ptr<HeldFunction> tell) : tell(std::move(tell)) {}
#if TORCH_VERSION_MAJOR >= 2
  void process(const c10::Warning& warning) override { pass(warning.msg()); }
#else
  void process(const c10::SourceLocation&, const std::string& message, const bool) override { pass(message); }
#endif
  void pass(const std::string& message) const {
    tell->call([&](napi_env env) { return std::vector<napi_value>{fromString(env, message)}; }, [](napi_env, napi_value) { return 0; });
  }
  std::unique_ptr<HeldFunction> tell;
};

}  // namespace

/// watchWarnings(tell): tell(message) for every warning of this thread
static napi_value watchWarnings(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  auto* sink = new WarningSink(std::make_unique<HeldFunction>(env, args[0]));
#if TORCH_VERSION_MAJOR >= 2
  c10::WarningUtils::set_warning_handler(sink);
#else
  c10::Warning::set_warning_handler(sink);
#endif
  return undefined(env);
}

void initWarnings(napi_env env, napi_value exports) { define(env, exports, "watchWarnings", guarded<watchWarnings>); }

}  // namespace lt
