#pragma once
// Steps of the autograd graph. Newer versions of libtorch count references in the node itself, older ones beside it.

#include <torch/csrc/autograd/edge.h>
#include <torch/csrc/autograd/function.h>

#include <memory>
#include <type_traits>
#include <utility>

namespace lt {

using NodePtr = decltype(torch::autograd::Edge::function);
constexpr bool kNodesAreShared = std::is_same_v<NodePtr, std::shared_ptr<torch::autograd::Node>>;

/// A new node of a class of ours.
template <typename Kind, typename... Arguments>
auto makeNode(Arguments&&... arguments) {
  // deleteNode takes long graphs apart without recursion; it is found by its argument where there is one.
  if constexpr (kNodesAreShared)
    return std::shared_ptr<Kind>(new Kind(std::forward<Arguments>(arguments)...), [](Kind* node) { deleteNode(node); });
  else
    return c10::make_intrusive<Kind>(std::forward<Arguments>(arguments)...);
}

/// The reference that `node` is held by.
template <typename Kind>
NodePtr pointerTo(Kind& node) {
  if constexpr (kNodesAreShared)
    return node.shared_from_this();
  else
    return node.getptr();
}

}  // namespace lt
