#pragma once
// TorchScript modules as JavaScript holds them.

#include <torch/csrc/jit/api/module.h>

#include "environment.h"
#include "schemaValues.h"

namespace lt {

napi_value wrapScriptModule(napi_env env, torch::jit::Module module);
/// Throws ARGUMENT_TYPE when the value is none.
torch::jit::Module& toScriptModule(napi_env env, napi_value value);

}  // namespace lt
