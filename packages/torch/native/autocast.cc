// Mixed precision: the autocast mode of this thread, and what a gradient scaler does to gradients and to its scale.

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/version.h>

#include <cmath>

#include "environment.h"
#include "values.h"

namespace lt {

#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
static bool autocastEnabled(c10::DeviceType device) { return at::autocast::is_autocast_enabled(device); }
static void enableAutocast(c10::DeviceType device, bool flag) { at::autocast::set_autocast_enabled(device, flag); }
static at::ScalarType autocastType(c10::DeviceType device) { return at::autocast::get_autocast_dtype(device); }
static void setAutocastType(c10::DeviceType device, at::ScalarType type) { at::autocast::set_autocast_dtype(device, type); }
#else
static void requireKnown(c10::DeviceType device) {
  if (device != c10::kCPU && device != c10::kCUDA)
    throw CodedError("ARGUMENT_RANGE", "autocast of this libtorch (" TORCH_VERSION ") knows 'cpu' and 'cuda', got '" + c10::DeviceTypeName(device, true) + "'");
}
static bool autocastEnabled(c10::DeviceType device) {
  requireKnown(device);
  return device == c10::kCPU ? at::autocast::is_cpu_enabled() : at::autocast::is_enabled();
}
static void enableAutocast(c10::DeviceType device, bool flag) {
  device == c10::kCPU ? at::autocast::set_cpu_enabled(flag) : at::autocast::set_enabled(flag);
}
static at::ScalarType autocastType(c10::DeviceType device) {
  requireKnown(device);
  return device == c10::kCPU ? at::autocast::get_autocast_cpu_dtype() : at::autocast::get_autocast_gpu_dtype();
}
static void setAutocastType(c10::DeviceType device, at::ScalarType type) {
  device == c10::kCPU ? at::autocast::set_autocast_cpu_dtype(type) : at::autocast::set_autocast_gpu_dtype(type);
}
#endif

/// What a block found and puts back.
struct AutocastBefore {
  c10::DeviceType device;
  bool enabled;
  at::ScalarType type;
  bool cacheEnabled;
};
static thread_local std::vector<AutocastBefore> openBlocks;

/// enterAutocast(device, dtype, enabled, cacheEnabled)
static napi_value enterAutocast(napi_env env, napi_callback_info info) {
  Arguments<4> args(env, info);
  const c10::DeviceType device = deviceFromName(toString(env, args[0])).type();
  const at::ScalarType type = dtypeFromName(toString(env, args[1]));
  const bool enabled = toBool(env, args[2]), cacheEnabled = toBool(env, args[3]);
  const AutocastBefore before{device, autocastEnabled(device), autocastType(device), at::autocast::is_autocast_cache_enabled()};
  setAutocastType(device, type);  // the only one that may refuse
  openBlocks.push_back(before);
  enableAutocast(device, enabled);
  at::autocast::set_autocast_cache_enabled(cacheEnabled);
  at::autocast::increment_nesting();
  return undefined(env);
}

/// Ends the innermost block; the outermost also drops the cast copies of weights.
static napi_value exitAutocast(napi_env env, napi_callback_info) {
  if (openBlocks.empty()) return undefined(env);
  const AutocastBefore before = openBlocks.back();
  openBlocks.pop_back();
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  enableAutocast(before.device, before.enabled);
  setAutocastType(before.device, before.type);
  at::autocast::set_autocast_cache_enabled(before.cacheEnabled);
  return undefined(env);
}

static napi_value isAutocastEnabled(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  return fromBool(env, autocastEnabled(deviceFromName(toString(env, args[0])).type()));
}
static napi_value autocastDtype(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  return fromString(env, dtypeName(autocastType(deviceFromName(toString(env, args[0])).type())));
}
static napi_value isAutocastCacheEnabled(napi_env env, napi_callback_info) {
  return fromBool(env, at::autocast::is_autocast_cache_enabled());
}
static napi_value clearAutocastCache(napi_env env, napi_callback_info) {
  at::autocast::clear_cache();
  return undefined(env);
}

static bool hasKernel(const char* name, const at::Tensor& tensor) {
  c10::DispatchKey key = tensor.is_cuda() ? c10::DispatchKey::CUDA : tensor.is_mps() ? c10::DispatchKey::MPS : c10::DispatchKey::CPU;
  auto handle = c10::Dispatcher::singleton().findSchema({name, ""});
  return handle && handle->hasKernelForDispatchKey(key);
}

/// unscaleGradients(gradients, inverseScale [], foundInf []): multiplies in place; foundInf becomes 1 where one was not finite
static napi_value unscaleGradients(napi_env env, napi_callback_info info) {
  Arguments<3> args(env, info);
  std::vector<at::Tensor> gradients = toTensors(env, args[0]);
  const at::Tensor& inverseScale = toTensor(env, args[1]);
  at::Tensor foundInf = toTensor(env, args[2]);
  at::NoGradGuard noGrad;
  if (gradients.empty()) return undefined(env);
  if (hasKernel("aten::_amp_foreach_non_finite_check_and_unscale_", gradients[0])) {
    at::_amp_foreach_non_finite_check_and_unscale_(gradients, foundInf, inverseScale);
    return undefined(env);
  }
  const double factor = inverseScale.item<double>();
  bool allFinite = true;
  for (at::Tensor& gradient : gradients) {
    allFinite = allFinite && at::isfinite(gradient).all().item<bool>();
    if (factor != 1) gradient.mul_(factor);
  }
  if (!allFinite) foundInf.fill_(1);
  return undefined(env);
}

/// updateScale(scale [] float32, growthTracker [] int32, foundInf [], growthFactor, backoffFactor, growthInterval)
static napi_value updateScale(napi_env env, napi_callback_info info) {
  Arguments<6> args(env, info);
  at::Tensor scale = toTensor(env, args[0]), tracker = toTensor(env, args[1]);
  const at::Tensor& foundInf = toTensor(env, args[2]);
  const double growth = toDouble(env, args[3]), backoff = toDouble(env, args[4]);
  const int64_t interval = toInt64(env, args[5]);
  at::NoGradGuard noGrad;
  if (hasKernel("aten::_amp_update_scale_", scale)) {
    at::_amp_update_scale_(scale, tracker, foundInf, growth, backoff, interval);
    return undefined(env);
  }
  const double present = scale.item<float>();
  if (foundInf.item<double>() != 0) {
    scale.fill_(present * backoff);
    tracker.fill_(0);
    return undefined(env);
  }
  const int64_t successes = tracker.item<int>() + 1;
  if (successes != interval) {
    tracker.fill_(successes);
    return undefined(env);
  }
  const float grown = static_cast<float>(present * growth);
  if (std::isfinite(grown)) scale.fill_(grown);
  tracker.fill_(0);
  return undefined(env);
}

void initAutocast(napi_env env, napi_value exports) {
  define(env, exports, "enterAutocast", guarded<enterAutocast>);
  define(env, exports, "exitAutocast", guarded<exitAutocast>);
  define(env, exports, "isAutocastEnabled", guarded<isAutocastEnabled>);
  define(env, exports, "autocastDtype", guarded<autocastDtype>);
  define(env, exports, "isAutocastCacheEnabled", guarded<isAutocastCacheEnabled>);
  define(env, exports, "clearAutocastCache", guarded<clearAutocastCache>);
  define(env, exports, "unscaleGradients", guarded<unscaleGradients>);
  define(env, exports, "updateScale", guarded<updateScale>);
}

}  // namespace lt
