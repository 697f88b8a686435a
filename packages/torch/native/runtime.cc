// What this libtorch is and how it runs: versions, devices, threads, disposal, the error factory.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <c10/util/Logging.h>
#include <torch/version.h>

#include <cstdlib>
#include <sstream>

#include "environment.h"
#include "operators.h"
#include "values.h"

namespace lt {

static std::vector<std::string> devices() {
  std::vector<std::string> names = {"cpu"};
  auto& context = at::globalContext();
  if (context.hasCUDA()) {
    int64_t count = 0;
    try {
      count = at::detail::getCUDAHooks().getNumGPUs();
    } catch (...) {
    }
    for (int64_t i = 0; i < count; ++i) names.push_back("cuda:" + std::to_string(i));
  }
  if (context.hasMPS()) names.push_back("mps");
  return names;
}

at::Device requireDevice(at::Device device) {
  if (device.is_cpu() || device.type() == at::kMeta) return device;
  std::string list;
  for (const std::string& name : devices()) {
    if (name == device.str() || name.compare(0, device.str().size() + 1, device.str() + ":") == 0) return device;
    list += (list.empty() ? "" : ", ") + name;
  }
  throw CodedError("DEVICE_UNAVAILABLE", "there is no device '" + device.str() + "' here; this libtorch (" TORCH_VERSION ") sees: " + list);
}

static napi_value listDevices(napi_env env, napi_callback_info) {
  std::vector<std::string> names = devices();
  napi_value array = nullptr;
  check(env, napi_create_array_with_length(env, names.size(), &array));
  for (size_t i = 0; i < names.size(); ++i)
    check(env, napi_set_element(env, array, static_cast<uint32_t>(i), fromString(env, names[i])));
  return array;
}

static napi_value libtorchVersion(napi_env env, napi_callback_info) { return fromString(env, TORCH_VERSION); }
static napi_value showConfig(napi_env env, napi_callback_info) { return fromString(env, at::show_config() + at::get_parallel_info()); }

static napi_value setNumThreads(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  at::set_num_threads(static_cast<int>(toInt64(env, args[0])));
  return undefined(env);
}
static napi_value getNumThreads(napi_env env, napi_callback_info) { return fromInt64(env, at::get_num_threads()); }

static napi_value setDeterministicAlgorithms(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  at::globalContext().setDeterministicAlgorithms(toBool(env, args[0]), toBool(env, args[1]));
  return undefined(env);
}

static napi_value setCudnnBenchmark(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  at::globalContext().setBenchmarkCuDNN(toBool(env, args[0]));
  return undefined(env);
}
static napi_value getCudnnBenchmark(napi_env env, napi_callback_info) {
  return fromBool(env, at::globalContext().benchmarkCuDNN());
}

static napi_value setDefaultDtype(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  at::ScalarType type = dtypeFromName(toString(env, args[0]));
  if (!at::isFloatingType(type)) throw CodedError("DTYPE_MISMATCH", "the default dtype must be floating point, got " + std::string(dtypeName(type)));
  c10::set_default_dtype(c10::scalarTypeToTypeMeta(type));
  return undefined(env);
}
static napi_value getDefaultDtype(napi_env env, napi_callback_info) {
  return fromString(env, dtypeName(c10::typeMetaToScalarType(c10::get_default_dtype())));
}

static napi_value dispose(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  TensorBox* box = boxOf(env, args[0]);
  if (box != nullptr) box->tensor.reset();
  return undefined(env);
}

static napi_value setErrorFactory(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  check(env, napi_create_reference(env, args[0], 1, &environmentOf(env).errorFactory));
  return undefined(env);
}

void initRuntime(napi_env env, napi_value exports) {
  // Nobody sees the C++ trace of an error, and gathering it takes most of a millisecond.
  c10::SetStackTraceFetcher(std::function<std::string()>([] { return std::string(); }));
  napi_value key = nullptr;
  check(env, node_api_create_property_key_utf16(env, u"handle", NAPI_AUTO_LENGTH, &key));
  // A reference to a string needs an object around it before the experimental API; this module declares that API.
  check(env, napi_create_reference(env, key, 1, &environmentOf(env).handleKey));
  define(env, exports, "listDevices", guarded<listDevices>);
  define(env, exports, "libtorchVersion", guarded<libtorchVersion>);
  define(env, exports, "showConfig", guarded<showConfig>);
  define(env, exports, "setNumThreads", guarded<setNumThreads>);
  define(env, exports, "getNumThreads", guarded<getNumThreads>);
  define(env, exports, "setDeterministicAlgorithms", guarded<setDeterministicAlgorithms>);
  define(env, exports, "setCudnnBenchmark", guarded<setCudnnBenchmark>);
  define(env, exports, "getCudnnBenchmark", guarded<getCudnnBenchmark>);
  define(env, exports, "setDefaultDtype", guarded<setDefaultDtype>);
  define(env, exports, "getDefaultDtype", guarded<getDefaultDtype>);
  define(env, exports, "dispose", guarded<dispose>);
  define(env, exports, "setErrorFactory", guarded<setErrorFactory>);
}

}  // namespace lt
