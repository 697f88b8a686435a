// Bytes of a file straight into a storage, with their checksum, here or on a thread of the pool. No JS buffer comes
// between: one over the storage would keep it alive until the event loop turns.

#include <ATen/ATen.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "checksum.h"
#include "environment.h"
#include "values.h"

namespace lt {

namespace {

/// What is read is in the processor's caches when its checksum is taken.
constexpr size_t kPiece = 512 << 10;

struct Reading {
  c10::Storage storage;
  int descriptor = 0;
  int64_t position = 0;
  uint32_t crc = 0;
  std::string error;
  napi_deferred deferred = nullptr;
  napi_async_work work = nullptr;

  /// Fills the whole storage; `error` says why not.
  void run() noexcept {
    auto* data = static_cast<uint8_t*>(const_cast<void*>(static_cast<const void*>(storage.data())));
    const size_t length = storage.nbytes();
    for (size_t done = 0; done < length;) {
      const ssize_t count = pread(descriptor, data + done, std::min(kPiece, length - done), static_cast<off_t>(position) + static_cast<off_t>(done));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        error = count < 0 ? std::strerror(errno) : "it became shorter while it was read";
        return;
      }
      crc = crc32Of(crc, data + done, static_cast<size_t>(count));
      done += static_cast<size_t>(count);
    }
  }
};

std::unique_ptr<Reading> readingOf(napi_env env, napi_callback_info info) {
  Arguments<3> args(env, info);
  const at::Tensor& owner = toTensor(env, args[0]);
  if (!owner.is_cpu()) throw CodedError("DEVICE_MISMATCH", "a file can be read into CPU memory only");
  auto reading = std::make_unique<Reading>();
  reading->storage = owner.storage();
  reading->descriptor = static_cast<int>(toInt64(env, args[1]));
  reading->position = toInt64(env, args[2]);
  return reading;
}

void complete(napi_env env, napi_status status, void* data) {
  std::unique_ptr<Reading> reading(static_cast<Reading*>(data));
  napi_delete_async_work(env, reading->work);
  napi_value value = nullptr;
  if (status == napi_ok && reading->error.empty()) {
    napi_create_uint32(env, reading->crc, &value);
    napi_resolve_deferred(env, reading->deferred, value);
    return;
  }
  const std::string& reason = reading->error.empty() ? std::string("the reading was cancelled") : reading->error;
  napi_value message = nullptr;
  napi_create_string_utf8(env, reason.c_str(), reason.size(), &message);
  napi_create_error(env, nullptr, message, &value);
  napi_reject_deferred(env, reading->deferred, value);
}

}  // namespace

/// readStorage(owner, descriptor, position): fills the owner's whole storage from the file; the checksum of what was read
static napi_value readStorage(napi_env env, napi_callback_info info) {
  std::unique_ptr<Reading> reading = readingOf(env, info);
  reading->run();
  if (!reading->error.empty()) throw CodedError("ENGINE", reading->error);
  return fromInt64(env, reading->crc);
}

/// readStorageLater(owner, descriptor, position): the same on a thread of the pool, as a promise
static napi_value readStorageLater(napi_env env, napi_callback_info info) {
  std::unique_ptr<Reading> reading = readingOf(env, info);
  napi_value promise = nullptr;
  napi_value name = fromString(env, "readStorage");
  check(env, napi_create_promise(env, &reading->deferred, &promise));
  check(env, napi_create_async_work(env, nullptr, name, [](napi_env, void* data) { static_cast<Reading*>(data)->run(); }, complete, reading.get(), &reading->work));
  check(env, napi_queue_async_work(env, reading->work));
  reading.release();  // `complete` takes it back
  return promise;
}

void initStorageRead(napi_env env, napi_value exports) {
  define(env, exports, "readStorage", guarded<readStorage>);
  define(env, exports, "readStorageLater", guarded<readStorageLater>);
}

}  // namespace lt
