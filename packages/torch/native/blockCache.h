#pragma once
// Large CPU blocks. glibc's heap fragments when big aligned blocks are freed late and out of order, as the garbage
// collector frees them: a convnet that needs 60 MB grew by 3 MB a step. So blocks from 128 KB up are mapped by
// themselves and, when freed, kept for the next allocation of their size class, which training repeats every step.

#include <cstddef>
#include <cstdint>

namespace lt {

constexpr size_t kLargeBlock = 128 << 10;

/// A page-aligned block of at least `bytes`, or null when the system has none.
void* allocateLarge(size_t bytes);
/// The block's size class, or 0 when `block` is not one of ours.
size_t largeBlockSize(void* block);
/// Takes back a block that `largeBlockSize` knows.
void freeLarge(void* block);
/// Gives all kept blocks back to the system.
void trimBlocks();
/// Bytes of kept blocks.
int64_t keptBytes();

}  // namespace lt
