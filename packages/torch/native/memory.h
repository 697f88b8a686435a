#pragma once

#include <ATen/ATen.h>

namespace lt {

/// Called for every new handle: counts it, and counts device bytes that our CPU allocator cannot see.
void handleCreated(const at::Tensor& tensor);
void handleFinalized();
/// Called for a tensor that another thread made: this thread is now the one to collect it.
void countReceived(const at::Tensor& tensor);
/// CPU bytes that this thread has allocated less those that it has freed: what an operator did to memory is a difference.
int64_t threadBytes();

}  // namespace lt
