// Random numbers: the engine's own generators, so that a seed gives Python's numbers.

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/Generator.h>

#include "environment.h"
#include "operators.h"
#include "values.h"

namespace lt {

struct GeneratorBox {
  explicit GeneratorBox(at::Generator generator) : generator(std::move(generator)) {}
  const BoxKind kind = BoxKind::kGenerator;
  at::Generator generator;
};

/// The generator behind an external, or null when the external is something else.
static at::Generator* unbox(napi_env env, napi_value external) {
  void* data = nullptr;
  check(env, napi_get_value_external(env, external, &data));
  auto* box = static_cast<GeneratorBox*>(data);
  return box->kind == BoxKind::kGenerator ? &box->generator : nullptr;
}

at::Generator* generatorOf(napi_env env, napi_value object) {
  napi_value handle = nullptr;
  check(env, napi_get_named_property(env, object, "generatorHandle", &handle));
  return typeOf(env, handle) == napi_external ? unbox(env, handle) : nullptr;
}

static at::Generator& generatorArgument(napi_env env, napi_value handle) {
  at::Generator* generator = typeOf(env, handle) == napi_external ? unbox(env, handle) : nullptr;
  if (generator == nullptr) throw CodedError("ARGUMENT_TYPE", "expected a Generator");
  return *generator;
}

static napi_value wrapGenerator(napi_env env, at::Generator generator) {
  auto* held = new GeneratorBox(std::move(generator));
  napi_value external = nullptr;
  check(env, napi_create_external(env, held, [](napi_env, void* data, void*) { delete static_cast<GeneratorBox*>(data); }, nullptr,
                                  &external));
  return external;
}

static napi_value createGenerator(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  at::Device device = requireDevice(deviceFromName(toString(env, args[0])));
  if (device.is_cpu()) return wrapGenerator(env, at::make_generator<at::CPUGeneratorImpl>());
  return wrapGenerator(env, at::globalContext().defaultGenerator(device).clone());
}

static napi_value defaultGenerator(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  const at::Device device = requireDevice(deviceFromName(toString(env, args[0])));
  if (device.is_cpu() && threadGenerator() != nullptr) return wrapGenerator(env, *threadGenerator());
  return wrapGenerator(env, at::globalContext().defaultGenerator(device));
}

static napi_value generatorSetSeed(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  at::Generator& generator = generatorArgument(env, args[0]);
  uint64_t seed = 0;
  bool lossless = true;
  check(env, napi_get_value_bigint_uint64(env, args[1], &seed, &lossless));
  std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_current_seed(seed);
  return undefined(env);
}

static napi_value generatorSeed(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  napi_value result = nullptr;
  check(env, napi_create_bigint_uint64(env, generatorArgument(env, args[0]).current_seed(), &result));
  return result;
}

static napi_value generatorState(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  at::Generator& generator = generatorArgument(env, args[0]);
  std::lock_guard<std::mutex> lock(generator.mutex());
  return wrapTensor(env, generator.get_state());
}

static napi_value generatorSetState(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  at::Generator& generator = generatorArgument(env, args[0]);
  std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(toTensor(env, args[1]));
  return undefined(env);
}

/// torch.manual_seed: the CPU's default generator and every device's; in a worker's thread its own generator only.
static napi_value manualSeed(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  uint64_t seed = 0;
  bool lossless = true;
  check(env, napi_get_value_bigint_uint64(env, args[0], &seed, &lossless));
  if (threadGenerator() != nullptr) {
    std::lock_guard<std::mutex> lock(threadGenerator()->mutex());
    threadGenerator()->set_current_seed(seed);
  } else {
    at::manual_seed(seed);
  }
  return undefined(env);
}

void initRandom(napi_env env, napi_value exports) {
  define(env, exports, "createGenerator", guarded<createGenerator>);
  define(env, exports, "defaultGenerator", guarded<defaultGenerator>);
  define(env, exports, "generatorSetSeed", guarded<generatorSetSeed>);
  define(env, exports, "generatorSeed", guarded<generatorSeed>);
  define(env, exports, "generatorState", guarded<generatorState>);
  define(env, exports, "generatorSetState", guarded<generatorSetState>);
  define(env, exports, "manualSeed", guarded<manualSeed>);
}

}  // namespace lt
