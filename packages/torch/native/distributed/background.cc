#include "background.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "../environment.h"
#include "../errors.h"
#include "../values.h"

namespace lt {

namespace {

struct Pool {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> queue;
  size_t idle = 0;
};

// Leaked on purpose: threads may still look at it while the process ends.
Pool& pool() {
  static Pool* made = new Pool();
  return *made;
}

void runPool() {
  Pool& pool = lt::pool();
  std::unique_lock<std::mutex> lock(pool.mutex);
  for (;;) {
    if (pool.queue.empty()) {
      pool.idle += 1;
      const bool woken = pool.changed.wait_for(lock, std::chrono::seconds(5), [&] { return !pool.queue.empty(); });
      pool.idle -= 1;
      if (!woken) return;
    }
    std::function<void()> work = std::move(pool.queue.front());
    pool.queue.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
}

std::atomic<int> openEnvironments{0};

/// The way from any thread to one environment's JS thread.
struct Channel {
  std::mutex mutex;
  napi_threadsafe_function function = nullptr;
  bool closed = false;
  size_t pending = 0;  // JS thread only
};

struct Settlement {
  napi_deferred deferred = nullptr;
  Deferred::Value value;
  std::exception_ptr error;
  std::shared_ptr<Channel> channel;
  Loop loop = Loop::kStaysAlive;
};

napi_value valueOrError(napi_env env, Settlement& settlement, bool* failed) {
  *failed = settlement.error != nullptr;
  try {
    if (!*failed) return settlement.value ? settlement.value(env) : undefined(env);
    std::rethrow_exception(settlement.error);
  } catch (...) {
    *failed = true;
    return currentErrorValue(env);
  }
}

void settle(napi_env env, napi_value, void*, void* data) {
  std::unique_ptr<Settlement> settlement(static_cast<Settlement*>(data));
  if (env == nullptr) return;  // the environment is gone, and with it who waits
  if (settlement->loop == Loop::kStaysAlive && --settlement->channel->pending == 0)
    napi_unref_threadsafe_function(env, settlement->channel->function);
  bool failed = false;
  napi_value value = valueOrError(env, *settlement, &failed);
  if (value == nullptr) value = undefined(env);
  if (failed)
    napi_reject_deferred(env, settlement->deferred, value);
  else
    napi_resolve_deferred(env, settlement->deferred, value);
}

std::shared_ptr<Channel> channelOf(napi_env env) {
  auto& slot = environmentOf(env).settlements;
  if (slot) return std::static_pointer_cast<Channel>(slot);
  auto channel = std::make_shared<Channel>();
  auto* kept = new std::shared_ptr<Channel>(channel);
  const auto close = [](napi_env, void* data, void*) {
    std::unique_ptr<std::shared_ptr<Channel>> channel(static_cast<std::shared_ptr<Channel>*>(data));
    std::lock_guard<std::mutex> lock((*channel)->mutex);
    (*channel)->closed = true;
  };
  check(env, napi_create_threadsafe_function(env, nullptr, nullptr, fromString(env, "lightning_torch promises"), 0, 1, kept, close,
                                             nullptr, settle, &channel->function));
  napi_unref_threadsafe_function(env, channel->function);
  openEnvironments.fetch_add(1);
  napi_add_env_cleanup_hook(env, [](void*) { openEnvironments.fetch_sub(1); }, nullptr);
  slot = channel;
  return channel;
}

class ChannelDeferred final : public Deferred {
 public:
  ChannelDeferred(napi_deferred deferred, std::shared_ptr<Channel> channel, Loop loop)
      : deferred_(deferred), channel_(std::move(channel)), loop_(loop) {}

  void resolve(Value value) override { send(std::move(value), nullptr); }
  void reject(std::exception_ptr error) override { send(nullptr, error); }

 private:
  void send(Value value, std::exception_ptr error) {
    auto settlement = std::make_unique<Settlement>();
    settlement->deferred = deferred_;
    settlement->value = std::move(value);
    settlement->error = error;
    settlement->channel = channel_;
    settlement->loop = loop_;
    std::lock_guard<std::mutex> lock(channel_->mutex);
    if (channel_->closed) return;
    if (napi_call_threadsafe_function(channel_->function, settlement.get(), napi_tsfn_nonblocking) == napi_ok) settlement.release();
  }

  napi_deferred deferred_;
  std::shared_ptr<Channel> channel_;
  Loop loop_;
};

}  // namespace

void onBackgroundThread(std::function<void()> work) {
  Pool& pool = lt::pool();
  std::lock_guard<std::mutex> lock(pool.mutex);
  pool.queue.push_back(std::move(work));
  if (pool.idle >= pool.queue.size())
    pool.changed.notify_one();
  else
    std::thread(runPool).detach();
}

bool isClosing() { return openEnvironments.load() == 0; }

std::shared_ptr<Deferred> makePromise(napi_env env, Loop loop, napi_value* promise) {
  std::shared_ptr<Channel> channel = channelOf(env);
  napi_deferred deferred = nullptr;
  check(env, napi_create_promise(env, &deferred, promise));
  if (loop == Loop::kStaysAlive && channel->pending++ == 0) napi_ref_threadsafe_function(env, channel->function);
  return std::make_shared<ChannelDeferred>(deferred, std::move(channel), loop);
}

napi_value promiseOf(napi_env env, Loop loop, std::function<Deferred::Value()> work) {
  napi_value promise = nullptr;
  std::shared_ptr<Deferred> deferred = makePromise(env, loop, &promise);
  onBackgroundThread([deferred, work = std::move(work)]() mutable {
    Deferred::Value value;
    std::exception_ptr error;
    try {
      value = work();
    } catch (...) {
      error = std::current_exception();
    }
    work = nullptr;  // whoever sees the promise settled may count on nothing being held here
    if (error)
      deferred->reject(error);
    else
      deferred->resolve(std::move(value));
  });
  return promise;
}

}  // namespace lt
