// Bytes between a file and a storage, with their checksum, here or on a thread of the pool. No JS buffer comes between: one
// over a storage would keep it alive until the event loop turns, and make V8 collect because of its size.

#include <ATen/ATen.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "checksum.h"
#include "environment.h"
#include "poolWork.h"
#include "values.h"

namespace lt {

namespace {

/// Small enough that a piece is in the processor's caches for all that is done with it.
constexpr size_t kPiece = 512 << 10;

std::string reasonOf(int error) {
  const char* name = error == ENOSPC ? "ENOSPC" : error == EDQUOT ? "EDQUOT" : error == EFBIG ? "EFBIG" : "EIO";
  return std::string(name) + ": " + std::strerror(error);
}

struct Transfer {
  c10::Storage storage;
  size_t start = 0;
  size_t length = 0;
  int descriptor = 0;
  off_t position = 0;
  bool isWrite = false;
  uint32_t crc = 0;

  void run() {
    if (isWrite)
      write();
    else
      read();
  }

  uint8_t* data() const { return static_cast<uint8_t*>(const_cast<void*>(static_cast<const void*>(storage.data()))) + start; }

  void read() {
    for (size_t done = 0; done < length;) {
      const ssize_t count = pread(descriptor, data() + done, std::min(kPiece, length - done), position + static_cast<off_t>(done));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) throw CodedError("ENGINE", count < 0 ? reasonOf(errno) : "it became shorter while it was read");
      crc = crc32Of(crc, data() + done, static_cast<size_t>(count));
      done += static_cast<size_t>(count);
    }
  }

  /// Each piece is copied first, so that its checksum is that of what is written even if the tensor changes meanwhile.
  void write() {
    std::vector<uint8_t> piece(std::min(kPiece, length));
    for (size_t done = 0; done < length; done += piece.size()) {
      if (piece.size() > length - done) piece.resize(length - done);
      std::memcpy(piece.data(), data() + done, piece.size());
      crc = crc32Of(crc, piece.data(), piece.size());
      for (size_t written = 0; written < piece.size();) {
        const ssize_t count = pwrite(descriptor, piece.data() + written, piece.size() - written, position + static_cast<off_t>(done + written));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) throw CodedError("ENGINE", reasonOf(count < 0 ? errno : ENOSPC));
        written += static_cast<size_t>(count);
      }
    }
  }
};

/// (owner, start, length, descriptor, position)
std::unique_ptr<Transfer> transferOf(napi_env env, napi_callback_info info, bool isWrite) {
  Arguments<5> args(env, info);
  const at::Tensor& owner = toTensor(env, args[0]);
  if (!owner.is_cpu()) throw CodedError("DEVICE_MISMATCH", "only CPU memory can be read from a file or written to one");
  auto transfer = std::make_unique<Transfer>();
  transfer->storage = owner.storage();
  const int64_t start = toInt64(env, args[1]);
  const int64_t length = toInt64(env, args[2]);
  const int64_t available = static_cast<int64_t>(transfer->storage.nbytes());
  if (start < 0 || length < 0 || length > available || start > available - length)
    throw CodedError("ARGUMENT_RANGE", std::to_string(length) + " bytes from byte " + std::to_string(start) + " do not fit a storage of " + std::to_string(available));
  transfer->start = static_cast<size_t>(start);
  transfer->length = static_cast<size_t>(length);
  transfer->descriptor = static_cast<int>(toInt64(env, args[3]));
  transfer->position = static_cast<off_t>(toInt64(env, args[4]));
  transfer->isWrite = isWrite;
  return transfer;
}

napi_value now(napi_env env, std::unique_ptr<Transfer> transfer) {
  transfer->run();
  return fromInt64(env, transfer->crc);
}

napi_value later(napi_env env, std::unique_ptr<Transfer> transfer) {
  std::shared_ptr<Transfer> shared = std::move(transfer);
  return poolPromise(env, "transfer", nullptr, [shared]() -> PoolValue {
    shared->run();
    return [crc = shared->crc](napi_env env) { return fromInt64(env, crc); };
  });
}

}  // namespace

// All four: (owner, start, length, descriptor, position) to the CRC-32 of the bytes.
static napi_value readPart(napi_env env, napi_callback_info info) { return now(env, transferOf(env, info, false)); }
static napi_value readPartLater(napi_env env, napi_callback_info info) { return later(env, transferOf(env, info, false)); }
static napi_value writePart(napi_env env, napi_callback_info info) { return now(env, transferOf(env, info, true)); }
static napi_value writePartLater(napi_env env, napi_callback_info info) { return later(env, transferOf(env, info, true)); }

void initStorageFile(napi_env env, napi_value exports) {
  define(env, exports, "readPart", guarded<readPart>);
  define(env, exports, "readPartLater", guarded<readPartLater>);
  define(env, exports, "writePart", guarded<writePart>);
  define(env, exports, "writePartLater", guarded<writePartLater>);
}

}  // namespace lt
