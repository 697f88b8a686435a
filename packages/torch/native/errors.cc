#include "errors.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include "environment.h"
#include "values.h"

namespace lt {

static thread_local std::string errorContext;

std::string takeErrorContext() {
  std::string context = std::move(errorContext);
  errorContext.clear();
  return context;
}
void setErrorContext(std::string context) { errorContext = std::move(context); }

napi_value errorValue(napi_env env, const char* code, const std::string& message, const std::string& context) {
  napi_value factory = nullptr;
  napi_value error = nullptr;
  Environment& environment = environmentOf(env);
  if (environment.errorFactory != nullptr) napi_get_reference_value(env, environment.errorFactory, &factory);
  if (factory == nullptr) {
    napi_create_error(env, fromString(env, code), fromString(env, message), &error);
    return error;
  }
  napi_value arguments[3] = {fromString(env, code), fromString(env, message), fromString(env, context)};
  if (napi_call_function(env, undefined(env), factory, 3, arguments, &error) != napi_ok) return nullptr;
  return error;
}

void throwToJs(napi_env env, const char* code, const std::string& message, const std::string& context) {
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (pending) return;  // the first error is the one to keep
  napi_value error = errorValue(env, code, message, context);
  if (error != nullptr) napi_throw(env, error);
}

// libtorch reports what went wrong as text only, so the stable code comes from the wording.
static const char* codeOf(const std::string& message) {
  // TorchScript quotes the lines of the program before the message itself.
  size_t start = message.rfind("\nRuntimeError: ");
  if (start == std::string::npos) start = 0;
  auto has = [&](const char* text) { return message.find(text, start) != std::string::npos; };
  if (has("Expected to mark a variable ready only once") || has("Expected to have finished reduction")) return "DISTRIBUTED_REDUCER";
  if (has("must match the size") || has("shapes cannot be multiplied") || has("size mismatch") || has("Sizes of tensors must match") ||
      has("is invalid for input of size") || has("stack expects each tensor to be equal size") || has("same size") ||
      has("to have the same number of") || has("Expected size") || has("must be equal to the number of") || has("batch1") ||
      has("expected input") || has("batch_size") || has("dimensions, but") || has("inconsistent tensor size") ||
      has("doesn't match the broadcast shape") || has("shape mismatch") || has("input.size(") || has("channels, but got"))
    return "SHAPE_MISMATCH";
  if (has("out of range") || has("Dimension out of range") || has("out of bounds")) return "INDEX_OUT_OF_RANGE";
  if (has("expected scalar type") || has("same dtype") || has("result type") || has("expected to be") ||
      has("not implemented for '") || has("must be of type") || has("data type") || has("dtype"))
    return "DTYPE_MISMATCH";
  if (has("not enough memory") || has("out of memory") || has("bad_alloc")) return "OUT_OF_MEMORY";
  if (has("on the same device") || has("Expected all tensors to be on") || has("backend")) return "DEVICE_MISMATCH";
  if (has("does not require grad") || has("backward through the graph a second time") || has("requires grad") ||
      has("modified by an inplace operation") || has("have been used in the graph") || has("grad can be implicitly created"))
    return "AUTOGRAD";
  if (has("negative dimension") || has("rounding_mode") || has("non-empty list") || has("RNG state")) return "ARGUMENT_RANGE";
  return "ENGINE";
}

static std::string withoutTrace(std::string message) {
  size_t trace = message.find("\nException raised from");
  if (trace != std::string::npos) message.resize(trace);
  while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) message.pop_back();
  return message;
}

Described describeCurrentException() {
  try {
    throw;
  } catch (const PendingJsException&) {
    return {"", "", true};
  } catch (const CodedError& error) {
    return {error.code, error.message, false, error.context};
  } catch (const c10::IndexError& error) {
    std::string message = withoutTrace(error.what_without_backtrace());
    bool isShape = message.find("shape mismatch") != std::string::npos;
    return {isShape ? "SHAPE_MISMATCH" : "INDEX_OUT_OF_RANGE", message};
  } catch (const c10::Error& error) {
    std::string message = withoutTrace(error.what_without_backtrace());
    return {codeOf(message), message};
  } catch (const std::bad_alloc&) {
    return {"OUT_OF_MEMORY", "the system has no memory left for this tensor"};
  } catch (const std::exception& error) {
    std::string message = withoutTrace(error.what());
    return {codeOf(message), message};
  } catch (...) {
    return {"ENGINE", "unknown C++ exception"};
  }
}

napi_value currentErrorValue(napi_env env) {
  const Described error = describeCurrentException();
  napi_value pending = nullptr;
  if (error.pending && napi_get_and_clear_last_exception(env, &pending) == napi_ok) return pending;
  return errorValue(env, error.code.c_str(), error.message, error.context);
}

}  // namespace lt
