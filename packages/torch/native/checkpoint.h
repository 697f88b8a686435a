#pragma once

#include <torch/csrc/autograd/saved_variable_hooks.h>

#include <memory>

namespace lt {

/// What the innermost open checkpoint of this thread does with a tensor that a step saves; null when none is open.
std::unique_ptr<torch::autograd::SavedVariableHooks> checkpointHooks();

}  // namespace lt
