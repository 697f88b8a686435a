// Step plans: a parameter group's tensors, gathered once for many steps.

#include "stepPlan.h"

#include <ATen/Version.h>

#include <memory>

#include "environment.h"

namespace lt {

static napi_value createStepPlan(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  auto plan = std::make_unique<StepPlan>();
  uint32_t count = 0;
  check(env, napi_get_array_length(env, args[0], &count));
  for (uint32_t i = 0; i < count; ++i) {
    napi_value column = nullptr;
    check(env, napi_get_element(env, args[0], i, &column));
    plan->columns.push_back(toTensors(env, column));
  }
  napi_value external = nullptr;
  check(env, napi_create_external(env, plan.get(), [](napi_env, void* data, void*) { delete static_cast<StepPlan*>(data); }, nullptr, &external));
  plan.release();
  return external;
}

StepPlan& planArgument(napi_env env, napi_value value) {
  void* data = nullptr;
  check(env, napi_get_value_external(env, value, &data));
  return *static_cast<StepPlan*>(data);
}

/// stepPlanColumn(plan, i): handles of one kind of state, null where there is none yet
static napi_value stepPlanColumn(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  return fromTensors(env, planArgument(env, args[0]).columns.at(static_cast<size_t>(toInt64(env, args[1]))));
}

StepArguments::StepArguments(napi_env env, napi_callback_info info, size_t expectedSettings) {
  Arguments<3> args(env, info);
  plan = &planArgument(env, args[0]);
  void* data = nullptr;
  size_t length = 0;
  check(env, napi_get_typedarray_info(env, args[1], nullptr, &length, &data, nullptr, nullptr));
  if (length < expectedSettings) throw CodedError("ARGUMENT_TYPE", "too few optimizer settings");
  settings = static_cast<const double*>(data);
  mayFuse = toBool(env, args[2]);
}

bool cpuFuses() {
  static const bool fuses = [] {
    std::string config = at::show_config();
    return config.find("CPU capability usage: AVX2") != std::string::npos || config.find("CPU capability usage: AVX512") != std::string::npos;
  }();
  return fuses && kHasFusedPass;
}

void initStepPlan(napi_env env, napi_value exports) {
  define(env, exports, "createStepPlan", guarded<createStepPlan>);
  define(env, exports, "stepPlanColumn", guarded<stepPlanColumn>);
}

}  // namespace lt
