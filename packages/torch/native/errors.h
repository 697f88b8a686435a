#pragma once
// The only try/catch of the addon: every entry point runs inside `guarded`, which turns C++ exceptions into JS errors.

#include <node_api.h>

#include <exception>
#include <string>

namespace lt {

/// An error of ours, with its stable code.
struct CodedError : std::exception {
  CodedError(const char* code, std::string message, std::string context = {})
      : code(code), message(std::move(message)), context(std::move(context)) {}
  const char* what() const noexcept override { return message.c_str(); }
  const char* code;
  std::string message;
  std::string context;  // what the error names besides; empty leaves it to setErrorContext
};

/// Thrown when a JS exception is already pending in the environment (a hook that threw, a getter that failed).
struct PendingJsException : std::exception {
  const char* what() const noexcept override { return "a JavaScript exception is pending"; }
};

/// The JS error that the factory of TypeScript makes; `context` names the operator, or is empty. Null when it fails.
napi_value errorValue(napi_env env, const char* code, const std::string& message, const std::string& context);
/// Throws that error into JS, unless one is pending already.
void throwToJs(napi_env env, const char* code, const std::string& message, const std::string& context);

/// The message of the exception in flight, without the C++ trace, and the code it maps to.
struct Described {
  std::string code;
  std::string message;
  bool pending = false;
  std::string context = {};
};
Described describeCurrentException();
/// The JS error of the exception in flight, to reject a promise with; a pending JS exception is taken out for it.
napi_value currentErrorValue(napi_env env);

/// What the running entry point wants named in its errors ("matmul(float32[2, 3], float32[4, 5])").
std::string takeErrorContext();
void setErrorContext(std::string context);

template <napi_value (*Body)(napi_env, napi_callback_info)>
napi_value guarded(napi_env env, napi_callback_info info) noexcept {
  try {
    return Body(env, info);
  } catch (...) {
    Described error = describeCurrentException();
    std::string context = takeErrorContext();
    if (!error.context.empty()) context = error.context;
    if (!error.pending) throwToJs(env, error.code.c_str(), error.message, context);
    return nullptr;
  }
}

/// N-API calls fail only when a JS exception is pending or an argument has the wrong type.
inline void check(napi_env env, napi_status status) {
  if (status == napi_ok) return;
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (pending) throw PendingJsException();
  const napi_extended_error_info* info = nullptr;
  napi_get_last_error_info(env, &info);
  throw CodedError("ARGUMENT_TYPE", info != nullptr && info->error_message != nullptr ? info->error_message : "unexpected argument");
}

}  // namespace lt
