// Counted native bytes: JS sees a tensor as a few dozen bytes, so V8 would let gigabytes pile up before it collects.
// Every CPU allocation of libtorch runs through a counting allocator; when a thread has allocated much since its last
// collection, a flag asks the op path (TypeScript, memory.ts) for a minor collection.

#include "memory.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <torch/version.h>

#include <atomic>

#if defined(__APPLE__)
#include <malloc/malloc.h>
static size_t usableSize(void* p) { return malloc_size(p); }
#else
#include <malloc.h>
static size_t usableSize(void* p) { return malloc_usable_size(p); }
#endif

#include "blockCache.h"
#include "environment.h"
#include "values.h"

namespace lt {


static std::atomic<int64_t> liveBytes{0};
static std::atomic<int64_t> peakBytes{0};
static std::atomic<int64_t> liveTensors{0};
static std::atomic<int64_t> totalAllocations{0};

static thread_local int64_t newBytes = 0;
static thread_local int64_t netBytes = 0;
static thread_local int64_t pressureBytes = 4LL << 20;
static thread_local int32_t* pressureFlag = nullptr;

static void countNew(int64_t bytes) {
  newBytes += bytes;
  if (newBytes >= pressureBytes && pressureFlag != nullptr) {
    newBytes = 0;
    *pressureFlag = 1;
  }
}

static void freeCounted(void* p) {
  if (p == nullptr) return;
  const size_t large = largeBlockSize(p);
  const int64_t size = static_cast<int64_t>(large != 0 ? large : usableSize(p));
  liveBytes.fetch_sub(size, std::memory_order_relaxed);
  netBytes -= size;
  if (large != 0)
    freeLarge(p);
  else
    c10::free_cpu(p);
}

class CountingAllocator final : public c10::Allocator {
 public:
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 3)
  c10::DataPtr allocate(size_t bytes) override {
#else
  c10::DataPtr allocate(size_t bytes) const override {
#endif
    void* p = nullptr;
    int64_t size = 0;
    if (bytes >= kLargeBlock) {
      p = allocateLarge(bytes);
      if (p == nullptr)
        throw CodedError("OUT_OF_MEMORY", "the system has no " + std::to_string(bytes) + " bytes left for a tensor");
      size = static_cast<int64_t>(largeBlockSize(p));
    } else if (bytes > 0) {
      p = c10::alloc_cpu(bytes);
      size = static_cast<int64_t>(usableSize(p));
    }
    if (p != nullptr) {
      int64_t live = liveBytes.fetch_add(size, std::memory_order_relaxed) + size;
      totalAllocations.fetch_add(1, std::memory_order_relaxed);
      int64_t peak = peakBytes.load(std::memory_order_relaxed);
      while (live > peak && !peakBytes.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {
      }
      netBytes += size;
      countNew(size);
    }
    return {p, p, &freeCounted, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &freeCounted; }
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 2)
  void copy_data(void* dest, const void* src, std::size_t count) const override { default_copy_data(dest, src, count); }
#endif
};

void handleCreated(const at::Tensor& tensor) {
  liveTensors.fetch_add(1, std::memory_order_relaxed);
  if (tensor.defined() && !tensor.is_cpu() && tensor.has_storage()) countNew(static_cast<int64_t>(tensor.storage().nbytes()));
}
int64_t threadBytes() { return netBytes; }
void countReceived(const at::Tensor& tensor) {
  if (tensor.defined() && tensor.is_cpu() && tensor.has_storage()) countNew(static_cast<int64_t>(tensor.storage().nbytes()));
}
void handleFinalized() { liveTensors.fetch_sub(1, std::memory_order_relaxed); }

static napi_value memoryStats(napi_env env, napi_callback_info info) {
  deleteDiscardedReferences(env);
  Arguments<1> args(env, info);  // a Float64Array of five, filled in place
  void* data = nullptr;
  size_t length = 0;
  check(env, napi_get_typedarray_info(env, args[0], nullptr, &length, &data, nullptr, nullptr));
  double* out = static_cast<double*>(data);
  out[0] = static_cast<double>(liveTensors.load());
  out[1] = static_cast<double>(liveBytes.load());
  out[2] = static_cast<double>(peakBytes.load());
  out[3] = static_cast<double>(totalAllocations.load());
  out[4] = static_cast<double>(keptBytes());
  return undefined(env);
}

static napi_value trimMemory(napi_env env, napi_callback_info) {
  trimBlocks();
  return undefined(env);
}

static napi_value resetPeakBytes(napi_env env, napi_callback_info) {
  peakBytes.store(liveBytes.load());
  return undefined(env);
}

/// How many new bytes this thread may allocate before the flag is set again.
static napi_value setPressureBytes(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  pressureBytes = toInt64(env, args[0]);
  return undefined(env);
}

/// The Int32Array whose first element is set when this thread should collect. The caller keeps it alive for ever.
static napi_value watchPressure(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  void* data = nullptr;
  check(env, napi_get_typedarray_info(env, args[0], nullptr, nullptr, &data, nullptr, nullptr));
  pressureFlag = static_cast<int32_t*>(data);
  return undefined(env);
}

void initMemory(napi_env env, napi_value exports) {
  static CountingAllocator* allocator = [] {
    auto* made = new CountingAllocator();  // lives as long as the last tensor, so it is never freed
    c10::SetCPUAllocator(made, /*priority=*/1);
    return made;
  }();
  (void)allocator;
  napi_add_env_cleanup_hook(env, [](void*) { pressureFlag = nullptr; }, nullptr);
  define(env, exports, "memoryStats", guarded<memoryStats>);
  define(env, exports, "trimMemory", guarded<trimMemory>);
  define(env, exports, "resetPeakBytes", guarded<resetPeakBytes>);
  define(env, exports, "setPressureBytes", guarded<setPressureBytes>);
  define(env, exports, "watchPressure", guarded<watchPressure>);
}

}  // namespace lt
