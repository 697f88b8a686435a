#pragma once

#include <ATen/ATen.h>

namespace lt {

/// Called for every new handle: counts it, and counts device bytes that our CPU allocator cannot see.
void handleCreated(const at::Tensor& tensor);
void handleFinalized();

}  // namespace lt
