// Stores: where the processes of a job leave each other keys and values before they are connected, and beside that.
//
// Nothing here waits for a key inside the library: c10d's client is locked while it waits, and whoever sets the key from
// the same process would wait for the waiter. Waiting is asking again, by TypeScript or by storeWait.

#include "c10d.h"

#include "../environment.h"
#include "../values.h"

#ifdef LT_C10D

#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <chrono>
#include <thread>

#include "background.h"
#include "pending.h"
#include "quietLog.h"
#include "store.h"

namespace lt {

using std::chrono::milliseconds;
using Bytes = std::vector<uint8_t>;

namespace {

void finalizeStore(napi_env, void* data, void*) {
  auto* box = static_cast<StoreBox*>(data);
  // The last reference stops the server's thread, which takes a moment: not inside a garbage collection.
  if (box->store && !isClosing())
    onBackgroundThread([store = std::move(box->store)]() mutable { store.reset(); });
  else
    (void)box->store.release();
  delete box;
}

napi_value wrapStore(napi_env env, c10::intrusive_ptr<c10d::Store> store, std::shared_ptr<std::timed_mutex> lock) {
  auto box = std::make_unique<StoreBox>();
  box->store = std::move(store);
  box->lock = std::move(lock);
  napi_value external = nullptr;
  check(env, napi_create_external(env, box.get(), finalizeStore, nullptr, &external));
  box.release();
  return external;
}

/// What c10d says of a store, under a code of its own.
template <typename Fn>
auto describingStore(Fn fn) -> decltype(fn()) {
  QuietLog quiet;
  try {
    return fn();
  } catch (...) {
    Described error = describeCurrentException();
    if (error.code.rfind("DISTRIBUTED", 0) == 0) throw;
    throw CodedError("DISTRIBUTED_STORE", error.message);
  }
}

Bytes toBytes(napi_env env, napi_value value) {
  void* data = nullptr;
  size_t length = 0;
  check(env, napi_get_typedarray_info(env, value, nullptr, &length, &data, nullptr, nullptr));
  const auto* bytes = static_cast<const uint8_t*>(data);
  return Bytes(bytes, bytes + length);
}

napi_value fromBytes(napi_env env, const Bytes& bytes) {
  void* data = nullptr;
  napi_value buffer = nullptr;
  napi_value array = nullptr;
  check(env, napi_create_arraybuffer(env, bytes.size(), &data, &buffer));
  std::copy(bytes.begin(), bytes.end(), static_cast<uint8_t*>(data));
  check(env, napi_create_typedarray(env, napi_uint8_array, bytes.size(), buffer, 0, &array));
  return array;
}

std::vector<std::string> toStrings(napi_env env, napi_value array) {
  uint32_t length = 0;
  check(env, napi_get_array_length(env, array, &length));
  std::vector<std::string> strings;
  for (uint32_t i = 0; i < length; ++i) {
    napi_value element = nullptr;
    check(env, napi_get_element(env, array, i, &element));
    strings.push_back(toString(env, element));
  }
  return strings;
}

/// One operation, now or as a promise. It gives up when an earlier one holds the store longer than `timeout`.
using Operation = std::function<Deferred::Value(c10d::Store&)>;
napi_value runOperation(napi_env env, napi_value handle, bool isAsync, double timeout, Operation operation) {
  StoreBox& box = storeArgument(env, handle);
  auto run = [store = box.store, lock = box.lock, timeout, operation = std::move(operation)] {
    std::unique_lock<std::timed_mutex> held(*lock, std::defer_lock);
    if (!held.try_lock_for(milliseconds(static_cast<int64_t>(timeout))))
      throw CodedError("DISTRIBUTED_TIMEOUT", "the store has not answered an earlier call; its host may be lost");
    return describingStore([&] { return operation(*store); });
  };
  if (isAsync) return promiseOf(env, Loop::kMayEnd, std::move(run));
  return run()(env);
}

Deferred::Value nothing() {
  return [](napi_env env) { return undefined(env); };
}

}  // namespace

StoreBox& storeArgument(napi_env env, napi_value value) {
  void* data = nullptr;
  if (typeOf(env, value) == napi_external) check(env, napi_get_value_external(env, value, &data));
  auto* box = static_cast<StoreBox*>(data);
  if (box == nullptr || box->kind != BoxKind::kStore) throw CodedError("ARGUMENT_TYPE", "expected a store");
  if (!box->store) throw CodedError("DISTRIBUTED_STORE", "the store was closed");
  return *box;
}

/// storeTcp(host, port, worldSize, isMaster, timeout): a promise of [store, port]. World size 0: not known.
static napi_value storeTcp(napi_env env, napi_callback_info info) {
  Arguments<5> args(env, info);
  const std::string host = toString(env, args[0]);
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(toInt64(env, args[1]));
  const int64_t worldSize = toInt64(env, args[2]);
  if (worldSize > 0) options.numWorkers = static_cast<size_t>(worldSize);
  options.isServer = toBool(env, args[3]);
  // Who is missing is told better by the rendezvous (TypeScript) than by c10d.
  options.waitWorkers = false;
  options.timeout = milliseconds(toInt64(env, args[4]));
  return promiseOf(env, Loop::kStaysAlive, [host, options]() -> Deferred::Value {
    auto store = describingStore([&] { return c10::make_intrusive<c10d::TCPStore>(host, options); });
    const int64_t port = store->getPort();
    return [store = std::move(store), port](napi_env env) {
      napi_value pair = nullptr;
      check(env, napi_create_array_with_length(env, 2, &pair));
      check(env, napi_set_element(env, pair, 0, wrapStore(env, store, std::make_shared<std::timed_mutex>())));
      check(env, napi_set_element(env, pair, 1, fromInt64(env, port)));
      return pair;
    };
  });
}

/// storeFile(path, worldSize); with world size -1 the file stays when the last process leaves.
static napi_value storeFile(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  const std::string path = toString(env, args[0]);
  const int worldSize = static_cast<int>(toInt64(env, args[1]));
  auto store = describingStore([&] { return c10::make_intrusive<c10d::FileStore>(path, worldSize); });
  return wrapStore(env, std::move(store), std::make_shared<std::timed_mutex>());
}

static napi_value storeHash(napi_env env, napi_callback_info) {
  return wrapStore(env, c10::make_intrusive<c10d::HashStore>(), std::make_shared<std::timed_mutex>());
}

/// storePrefix(prefix, store)
static napi_value storePrefix(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  StoreBox& box = storeArgument(env, args[1]);
  return wrapStore(env, c10::make_intrusive<c10d::PrefixStore>(toString(env, args[0]), box.store), box.lock);
}

/// storeClose(store): lets go now; a server ends with its last reference.
static napi_value storeClose(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  storeArgument(env, args[0]).store.reset();
  return undefined(env);
}

// The operations: (store, isAsync, timeout, ...)

static napi_value storeSet(napi_env env, napi_callback_info info) {
  Arguments<5> args(env, info);
  return runOperation(env, args[0], toBool(env, args[1]), toDouble(env, args[2]),
                      [key = toString(env, args[3]), value = toBytes(env, args[4])](c10d::Store& store) {
                        store.set(key, value);
                        return nothing();
                      });
}

/// The value, or null when nobody has set the key.
static napi_value storeTryGet(napi_env env, napi_callback_info info) {
  Arguments<4> args(env, info);
  return runOperation(env, args[0], toBool(env, args[1]), toDouble(env, args[2]),
                      [key = toString(env, args[3])](c10d::Store& store) -> Deferred::Value {
                        if (!store.check({key})) return [](napi_env env) { return null(env); };
                        return [value = store.get(key)](napi_env env) { return fromBytes(env, value); };
                      });
}

static napi_value storeAdd(napi_env env, napi_callback_info info) {
  Arguments<5> args(env, info);
  return runOperation(env, args[0], toBool(env, args[1]), toDouble(env, args[2]),
                      [key = toString(env, args[3]), amount = toInt64(env, args[4])](c10d::Store& store) -> Deferred::Value {
                        const int64_t sum = store.add(key, amount);
                        return [sum](napi_env env) { return fromInt64(env, sum); };
                      });
}

static napi_value storeCheck(napi_env env, napi_callback_info info) {
  Arguments<4> args(env, info);
  return runOperation(env, args[0], toBool(env, args[1]), toDouble(env, args[2]),
                      [keys = toStrings(env, args[3])](c10d::Store& store) -> Deferred::Value {
                        const bool all = keys.empty() || store.check(keys);
                        return [all](napi_env env) { return fromBool(env, all); };
                      });
}

static napi_value storeDeleteKey(napi_env env, napi_callback_info info) {
  Arguments<4> args(env, info);
  return runOperation(env, args[0], toBool(env, args[1]), toDouble(env, args[2]),
                      [key = toString(env, args[3])](c10d::Store& store) -> Deferred::Value {
                        // A file store calls every key deleted.
                        const bool deleted = store.check({key}) && store.deleteKey(key);
                        return [deleted](napi_env env) { return fromBool(env, deleted); };
                      });
}

static napi_value storeCompareSet(napi_env env, napi_callback_info info) {
  Arguments<6> args(env, info);
  return runOperation(env, args[0], toBool(env, args[1]), toDouble(env, args[2]),
                      [key = toString(env, args[3]), expected = toBytes(env, args[4]),
                       desired = toBytes(env, args[5])](c10d::Store& store) -> Deferred::Value {
                        return [value = store.compareSet(key, expected, desired)](napi_env env) { return fromBytes(env, value); };
                      });
}

static napi_value storeNumKeys(napi_env env, napi_callback_info info) {
  Arguments<3> args(env, info);
  return runOperation(env, args[0], toBool(env, args[1]), toDouble(env, args[2]), [](c10d::Store& store) -> Deferred::Value {
    const int64_t count = store.getNumKeys();
    return [count](napi_env env) { return fromInt64(env, count); };
  });
}

/// storeWait(store, keys, timeout): blocks; true when all keys are there, false when the time is over
static napi_value storeWait(napi_env env, napi_callback_info info) {
  Arguments<3> args(env, info);
  StoreBox& box = storeArgument(env, args[0]);
  const std::vector<std::string> keys = toStrings(env, args[1]);
  const auto deadline = std::chrono::steady_clock::now() + milliseconds(toInt64(env, args[2]));
  for (int64_t pause = 1;; pause = std::min<int64_t>(pause * 2, 50)) {
    {
      std::unique_lock<std::timed_mutex> held(*box.lock, std::defer_lock);
      if (!held.try_lock_until(deadline)) return fromBool(env, false);
      if (describingStore([&] { return keys.empty() || box.store->check(keys); })) return fromBool(env, true);
    }
    if (std::chrono::steady_clock::now() >= deadline) return fromBool(env, false);
    checkInterruption("");
    std::this_thread::sleep_for(milliseconds(pause));
  }
}

void initStores(napi_env env, napi_value exports) {
  define(env, exports, "storeTcp", guarded<storeTcp>);
  define(env, exports, "storeFile", guarded<storeFile>);
  define(env, exports, "storeHash", guarded<storeHash>);
  define(env, exports, "storePrefix", guarded<storePrefix>);
  define(env, exports, "storeClose", guarded<storeClose>);
  define(env, exports, "storeSet", guarded<storeSet>);
  define(env, exports, "storeTryGet", guarded<storeTryGet>);
  define(env, exports, "storeAdd", guarded<storeAdd>);
  define(env, exports, "storeCheck", guarded<storeCheck>);
  define(env, exports, "storeDeleteKey", guarded<storeDeleteKey>);
  define(env, exports, "storeCompareSet", guarded<storeCompareSet>);
  define(env, exports, "storeNumKeys", guarded<storeNumKeys>);
  define(env, exports, "storeWait", guarded<storeWait>);
}

}  // namespace lt

#else

namespace lt {
void initStores(napi_env, napi_value) {}
}  // namespace lt

#endif
