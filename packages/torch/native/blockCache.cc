#include "blockCache.h"

#include <sys/mman.h>

#include <algorithm>
#include <list>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace lt {

namespace {

constexpr int64_t kSlack = 48LL << 20;

struct Kept {
  void* block;
  size_t size;
};

// Oldest first; `bySize` finds the newest of a class, which is the likeliest to be in the processor's caches.
struct Blocks {
  std::mutex mutex;
  std::unordered_map<void*, size_t> sizes;  // every mapped block, in use or kept
  std::list<Kept> kept;
  std::unordered_map<size_t, std::vector<std::list<Kept>::iterator>> bySize;
  int64_t inUse = 0;
  int64_t keptTotal = 0;
  int64_t highest = 0;  // of inUse
};

Blocks& blocks() {
  static auto* made = new Blocks();  // outlives every tensor
  return *made;
}

/// Eight classes for each power of two: at most 12.5% more address space, and untouched pages cost no memory.
size_t sizeClass(size_t bytes) {
  size_t power = kLargeBlock;
  while (power * 2 <= bytes) power *= 2;
  const size_t step = power / 8;
  return (bytes + step - 1) / step * step;
}

void unmapOldest(Blocks& all) {
  Kept oldest = all.kept.front();
  auto& same = all.bySize[oldest.size];
  same.erase(same.begin());  // lists of one class are in the same order as `kept`
  all.kept.pop_front();
  all.keptTotal -= static_cast<int64_t>(oldest.size);
  all.sizes.erase(oldest.block);
  munmap(oldest.block, oldest.size);
}

}  // namespace

void* allocateLarge(size_t bytes) {
  const size_t size = sizeClass(bytes);
  Blocks& all = blocks();
  std::lock_guard<std::mutex> lock(all.mutex);
  all.inUse += static_cast<int64_t>(size);
  auto same = all.bySize.find(size);
  if (same != all.bySize.end() && !same->second.empty()) {
    auto newest = same->second.back();
    void* block = newest->block;
    same->second.pop_back();
    all.kept.erase(newest);
    all.keptTotal -= static_cast<int64_t>(size);
    if (all.inUse > all.highest) all.highest = all.inUse;
    return block;
  }
  // In use and kept together take little more than what was in use at the highest moment. The slack lets every class keep
  // its own blocks: without it, steps that repeat exactly still unmapped and mapped a dozen blocks each.
  while (!all.kept.empty() && all.inUse + all.keptTotal > all.highest + std::max(kSlack, all.highest / 4)) unmapOldest(all);
  void* block = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED) {
    while (!all.kept.empty()) unmapOldest(all);
    block = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) {
      all.inUse -= static_cast<int64_t>(size);
      return nullptr;
    }
  }
  if (all.inUse > all.highest) all.highest = all.inUse;
  all.sizes.emplace(block, size);
  return block;
}

size_t largeBlockSize(void* block) {
  if ((reinterpret_cast<uintptr_t>(block) & 4095) != 0) return 0;
  Blocks& all = blocks();
  std::lock_guard<std::mutex> lock(all.mutex);
  auto found = all.sizes.find(block);
  return found == all.sizes.end() ? 0 : found->second;
}

void freeLarge(void* block) {
  Blocks& all = blocks();
  std::lock_guard<std::mutex> lock(all.mutex);
  const size_t size = all.sizes.at(block);
  all.inUse -= static_cast<int64_t>(size);
  all.keptTotal += static_cast<int64_t>(size);
  all.kept.push_back({block, size});
  all.bySize[size].push_back(std::prev(all.kept.end()));
}

void trimBlocks() {
  Blocks& all = blocks();
  std::lock_guard<std::mutex> lock(all.mutex);
  while (!all.kept.empty()) unmapOldest(all);
  all.highest = all.inUse;
}

int64_t keptBytes() {
  Blocks& all = blocks();
  std::lock_guard<std::mutex> lock(all.mutex);
  return all.keptTotal;
}

}  // namespace lt
