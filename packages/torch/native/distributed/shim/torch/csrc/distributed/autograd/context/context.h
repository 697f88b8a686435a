#pragma once
// c10d/reducer.hpp includes this header of libtorch, which some distributions leave out. What the reducer's declaration
// needs of it stands here; the compiler looks into this folder last.

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>

namespace torch::distributed::autograd {

class DistAutogradContext {
 public:
  using GradCallback = std::function<bool(at::Tensor&)>;
};
using ContextPtr = std::shared_ptr<DistAutogradContext>;

}  // namespace torch::distributed::autograd
