#pragma once

#include <ATen/ATen.h>
#include <node_api.h>

namespace lt {

/// The generator behind a JS Generator object (its `generatorHandle`), or null when the object is none.
at::Generator* generatorOf(napi_env env, napi_value object);
/// The calling thread's own default generator, where it has one (handover.cc), else null.
at::Generator* threadGenerator();
/// The device itself, or DEVICE_UNAVAILABLE with the list of those present.
at::Device requireDevice(at::Device device);

}  // namespace lt
