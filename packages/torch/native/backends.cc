// Which back ends this libtorch has, and the switches they have.

#include <ATen/Context.h>

#include "environment.h"
#include "values.h"

namespace lt {

/// hasBackend('mkl' | 'mkldnn' | 'openmp' | 'lapack' | 'cuda' | 'cudnn' | 'mps'): built in and usable here
static napi_value hasBackend(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  const std::string name = toString(env, args[0]);
  auto& context = at::globalContext();
  bool has = false;
  if (name == "mkl") has = context.hasMKL();
  if (name == "mkldnn") has = context.hasMKLDNN();
  if (name == "openmp") has = context.hasOpenMP();
  if (name == "lapack") has = context.hasLAPACK();
  if (name == "cuda") has = context.hasCUDA();
  if (name == "cudnn") has = context.hasCUDA() && context.hasCuDNN();
  if (name == "mps") has = context.hasMPS();
  return fromBool(env, has);
}

struct Switch {
  const char* name;
  bool (*read)();
  void (*write)(bool);
};
static const Switch kSwitches[] = {
    {"mkldnn.enabled", [] { return at::globalContext().userEnabledMkldnn(); }, [](bool flag) { at::globalContext().setUserEnabledMkldnn(flag); }},
    {"cudnn.enabled", [] { return at::globalContext().userEnabledCuDNN(); }, [](bool flag) { at::globalContext().setUserEnabledCuDNN(flag); }},
    {"cudnn.deterministic", [] { return at::globalContext().deterministicCuDNN(); }, [](bool flag) { at::globalContext().setDeterministicCuDNN(flag); }},
    {"cudnn.allowTf32", [] { return at::globalContext().allowTF32CuDNN(); }, [](bool flag) { at::globalContext().setAllowTF32CuDNN(flag); }},
    {"cuda.matmul.allowTf32", [] { return at::globalContext().allowTF32CuBLAS(); }, [](bool flag) { at::globalContext().setAllowTF32CuBLAS(flag); }},
};

static const Switch& switchNamed(const std::string& name) {
  for (const Switch& one : kSwitches)
    if (name == one.name) return one;
  throw CodedError("ARGUMENT_RANGE", "there is no switch '" + name + "'");
}
static napi_value backendSwitch(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  return fromBool(env, switchNamed(toString(env, args[0])).read());
}
static napi_value setBackendSwitch(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  switchNamed(toString(env, args[0])).write(toBool(env, args[1]));
  return undefined(env);
}

static napi_value matmulPrecision(napi_env env, napi_callback_info) {
  switch (at::globalContext().float32MatmulPrecision()) {
    case at::Float32MatmulPrecision::HIGHEST:
      return fromString(env, "highest");
    case at::Float32MatmulPrecision::HIGH:
      return fromString(env, "high");
    default:
      return fromString(env, "medium");
  }
}
static napi_value setMatmulPrecision(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  const std::string name = toString(env, args[0]);
  if (name != "highest" && name != "high" && name != "medium")
    throw CodedError("ARGUMENT_RANGE", "the precision of float32 products is 'highest', 'high' or 'medium', got '" + name + "'");
  at::globalContext().setFloat32MatmulPrecision(name);
  return undefined(env);
}

/// setFlushDenormal(flag): whether this processor can
static napi_value setFlushDenormal(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  return fromBool(env, at::globalContext().setFlushDenormal(toBool(env, args[0])));
}

void initBackends(napi_env env, napi_value exports) {
  define(env, exports, "hasBackend", guarded<hasBackend>);
  define(env, exports, "backendSwitch", guarded<backendSwitch>);
  define(env, exports, "setBackendSwitch", guarded<setBackendSwitch>);
  define(env, exports, "matmulPrecision", guarded<matmulPrecision>);
  define(env, exports, "setMatmulPrecision", guarded<setMatmulPrecision>);
  define(env, exports, "setFlushDenormal", guarded<setFlushDenormal>);
}

}  // namespace lt
